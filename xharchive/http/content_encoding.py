"""What a Content-Encoding header says about a body."""

__all__ = ["content_codings"]

# The registered codings (IANA HTTP Content Coding Registry, RFC 9110 8.4.1) that change the bytes of a body.
_REGISTERED = frozenset(
    (
        "aes128gcm",
        "br",
        "compress",
        "dcb",
        "dcz",
        "deflate",
        "exi",
        "gzip",
        "pack200-gzip",
        "x-compress",
        "x-gzip",
        "zstd",
    )
)


def content_codings(header: str) -> str:
    """Return the registered codings that a Content-Encoding header names, as "gzip" or "gzip, br".

    Storage services also send words that are no coding (`aws-chunked`, `utf-8`, `none`) with bodies that are
    not encoded. Browsers ignore them, and so does this; the checks of the file's structure decide then.
    `identity` names no coding either.
    """
    words = (word.strip().lower() for word in header.split(","))
    return ", ".join(word for word in words if word in _REGISTERED)
