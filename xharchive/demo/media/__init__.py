"""Makes the demo's media: real pictures, movies and sounds, the same bytes for the same seed number.

One file a family. Nothing here calls an external program, and nothing reads a clock or unseeded randomness.
"""
