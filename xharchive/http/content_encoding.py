"""Parse the Content-Encoding header."""

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
    """Return the registered codings of a Content-Encoding header, such as "gzip" or "gzip, br"; "" for none.

    Other names are ignored, as browsers do: storage services send `aws-chunked`, `utf-8` or `none` with
    bodies that are not encoded. If such a body is encoded nevertheless, the checks of the file's structure
    find it. `identity` is no coding either.
    """
    names = (name.strip().lower() for name in header.split(","))
    return ", ".join(name for name in names if name in _REGISTERED)
