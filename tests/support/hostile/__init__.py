"""Prepared archives that attack whoever runs a command over them, and a judge that looks on from outside."""
