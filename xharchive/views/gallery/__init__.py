"""The gallery: an archive as pages that open from the disk, without a server, without any network.

`model` says what is shown, `reading` finds it in a manifest, `pages` writes the HTML, `state` remembers what
was written from what.
"""
