"""Corpora: notes with their media and the API's replies, as plain files that any server can serve."""
