"""The gallery: pages that show an archive in a browser, from plain files, with no server and no network.

`model` says what is shown, `pages` writes it as HTML and JavaScript data; `templates/` and `static/` hold the
pages' form. Nothing here reads an archive.
"""
