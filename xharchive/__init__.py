"""Archives the media of Xiaohongshu (RedNote) notes: the bytes or nothing, paid once, resumable."""

__version__ = "0.1.0"
