"""Makes the demo's media: real images, videos and sounds. The same seed number gives the same bytes.

One file per kind. Nothing here starts an external program, reads a clock, or uses unseeded randomness.
"""
