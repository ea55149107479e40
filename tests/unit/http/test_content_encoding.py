"""Which words of a Content-Encoding header say that the bytes are packed."""

import pytest

from xharchive.http.responses import content_codings


@pytest.mark.parametrize(
    "header",
    ["", "identity", "IDENTITY", "none", "utf-8", "aws-chunked", "binary", ",", " , ", "gzipped", "b r"],
)
def test_words_that_are_no_coding_are_left_out(header: str) -> None:
    """The body is what was sent."""
    assert content_codings(header) == ""


@pytest.mark.parametrize(
    ("header", "codings"),
    [
        (" GZip ", "gzip"),
        ("x-gzip", "x-gzip"),
        ("deflate", "deflate"),
        ("aws-chunked, gzip", "gzip"),
        ("gzip,aws-chunked", "gzip"),
        ("identity, br", "br"),
        ("gzip, gzip", "gzip, gzip"),
        ("zstd", "zstd"),
        ("compress", "compress"),
    ],
)
def test_registered_codings_stay_in_their_order(header: str, codings: str) -> None:
    """Whatever stands beside them."""
    assert content_codings(header) == codings
