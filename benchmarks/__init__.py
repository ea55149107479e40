"""Benchmarks: the real `xharchive` command beside other tools on the same bytes, in turns, in one go.

Not shipped, not part of the tests: nothing here judges a commit. `make bench` runs it, README.md tells more.
"""
