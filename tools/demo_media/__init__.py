"""Makes pictures, movies and sounds for the demo, the tests and the benchmarks.

The same arguments give the same bytes, as long as the encoders (Pillow, libheif, FFmpeg) stay the same.
Nothing here starts another program, reads a clock, or uses unseeded randomness.
"""
