"""Runs: the order of all steps for a list of notes, for one note and for one asset; the Python API."""

from xharchive.run.archiver import Archiver
from xharchive.run.run_options import ArchiveOptions

__all__ = ["ArchiveOptions", "Archiver"]
