"""A local API and CDN with real media, to try the program with no token and to test it against."""
