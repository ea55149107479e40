"""A local API and CDN with real media, to try the program without a token and to test it."""
