"""Corpora: notes with their media and the API's replies about them, as plain files that any server can serve."""
