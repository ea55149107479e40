"""The gallery of an archive: pages that open from the disk, without a server or network.

`refresh` reads the notes that changed and brings everything up to date: `thumbnails` makes images that
browsers can display, `write_pages` writes the files, `cache` records what they were made from, `paths` names
them. `page_model` defines the values on a page, `from_manifest` takes them from a manifest as far as `limits`
allows, `pages` makes the HTML.

A file is synced before it gets its name, and its folder before the cache records it: what the cache says is
on the disk, also after a power cut. Originals and manifests are only read.
"""
