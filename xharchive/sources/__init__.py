"""Where the notes of a run come from: arguments, lists, tables, links.

`read_notes` fills the list of `requested_notes`: `text_file` decodes files, `note_table` finds the cells
that name notes, `links` finds the notes that a text names.
"""
