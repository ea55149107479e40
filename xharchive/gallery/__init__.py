"""The gallery of an archive: pages that open from the disk, without a server or network.

`refresh` reads the notes that changed and brings all up to date: `thumbnails` makes images for browsers,
`from_manifest` the values of cards and pages, `pages` their HTML, `write_pages` the files that `paths` names;
`cache` records what they were made from. A file is synced before it gets its name, and its folder before the
cache records it: what the cache says is on the disk, also after a power cut. Originals are only read.
"""
