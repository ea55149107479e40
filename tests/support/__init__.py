"""What tests share: the fake world on a real port, and ways to run the real command line against it."""
