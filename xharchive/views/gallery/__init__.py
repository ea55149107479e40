"""The gallery as pages that open from the disk, without a server or network.

`page_model` defines the values on a page, `from_manifest` takes them from a manifest, `pages` writes the
HTML, `gallery_cache` records what was written from which manifest.
"""
