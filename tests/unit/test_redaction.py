"""The token never shows, whoever prints it and however it was quoted (promise 5)."""

import json
import logging
import traceback
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xharchive.redaction import Secret, redact, without_signatures

TOKEN = "s3cret/t0ken+of=tests"
SECRET = Secret(TOKEN)
FORMS = {
    "plain": TOKEN,
    "quoted": quote(TOKEN, safe=""),
    "quoted-plus": quote_plus(TOKEN),
    "quoted-but-slashes": quote(TOKEN),
    "quoted-in-lower-case": quote(TOKEN, safe="")
    .replace("%2F", "%2f")
    .replace("%2B", "%2b")
    .replace("%3D", "%3d"),
    "urlencoded": urlencode({"x": TOKEN})[2:],
    "json-with-escaped-slashes": TOKEN.replace("/", "\\/"),
}
# What the program takes for a token: printable ASCII without spaces.
tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=40)


@dataclass(frozen=True)
class Holder:
    """Settings that happen to hold the token."""

    token: Secret = SECRET


@pytest.mark.parametrize(
    "shown",
    [
        str(SECRET),
        repr(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>40}",
        "%s %r" % (SECRET, SECRET),  # noqa: UP031 - one of the ways it could get out
        "{} {!r}".format(SECRET, SECRET),  # noqa: UP032 - the same
        str([SECRET]),
        repr(Holder()),
        json.dumps({"token": SECRET}, default=str),
    ],
)
def test_a_secret_never_shows_itself(shown: str) -> None:
    """str, repr, format and everything built on them print a mark."""
    assert TOKEN not in shown
    assert "***" in shown


def test_a_secret_in_a_log_line_or_traceback_stays_hidden(caplog: pytest.LogCaptureFixture) -> None:
    """An exception that carries a secret can be printed."""
    logging.getLogger("test").warning("token %s", SECRET)
    shown = "".join(traceback.format_exception(ValueError(SECRET))) + caplog.text
    assert TOKEN not in shown


def test_only_who_asks_gets_it() -> None:
    """The transport needs the text itself, and gets it by name."""
    assert SECRET.reveal() == TOKEN
    assert Secret(TOKEN) == SECRET
    assert Secret("other") != SECRET


@pytest.mark.parametrize("form", FORMS)
def test_every_way_to_write_the_token_is_redacted(form: str) -> None:
    """URL-quoted in any manner, in either case, or inside JSON."""
    text = f"GET /api?noteId=1&token2={FORMS[form]}&x=1 failed"
    assert redact(text, SECRET) == "GET /api?noteId=1&token2=***&x=1 failed"
    assert SECRET.redact_bytes(text.encode()) == b"GET /api?noteId=1&token2=***&x=1 failed"


@given(tokens, st.text(max_size=20), st.text(max_size=20))
def test_no_token_survives_in_any_place(token: str, before: str, after: str) -> None:
    """Any token, anywhere in any text, quoted or not."""
    assume(token not in "***")
    secret = Secret(token)
    for form in (token, quote(token, safe=""), quote_plus(token), json.dumps(token)[1:-1]):
        assume(form not in before + "***" and form not in "***" + after)
        assert form not in redact(before + form + after, secret)
        # The body of a reply may be anything but ends up on disk.
        body = secret.redact_bytes((before + form + after).encode("utf-8", "replace"))
        assert form.encode() not in body


def test_an_empty_secret_redacts_nothing() -> None:
    """The demo runs without a token, and prints its texts whole."""
    assert Secret("").pattern() is None
    assert redact("every letter stays", Secret("")) == "every letter stays"
    assert Secret("").redact_bytes(b"bytes") == b"bytes"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://h/p?sign=abc&t=69aede0f", "https://h/p?sign=***&t=69aede0f"),
        ("https://h/p?a=1&SIGN=abc", "https://h/p?a=1&SIGN=***"),
        ("/explore/1?xsec_token=AB%3D&x=1", "/explore/1?xsec_token=***&x=1"),
        ("token=abc'", "token=***'"),
        ("auth_key=1-2-3 end", "auth_key=*** end"),
        ("signature=x password=y", "signature=*** password=***"),
        ("designer=me resign=no", "designer=me resign=no"),
    ],
)
def test_signatures_and_tokens_in_urls_are_redacted(text: str, expected: str) -> None:
    """Signed URLs open a file for whoever reads the log; a time is no secret."""
    assert redact(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:pass@host/p", "https://***@host/p"),
        ("https://user@host/p", "https://***@host/p"),
        ("https://:pass@host", "https://***@host"),
        ("https://user:p@ss@host/p", "https://***@host/p"),
        ("socks5+h://u:p@host:1", "socks5+h://***@host:1"),
        ("https://host/p?mail=a@b", "https://host/p?mail=a@b"),
        ("https://host/a@b", "https://host/a@b"),
        ("write to a@b", "write to a@b"),
    ],
)
def test_user_names_and_passwords_in_urls_are_redacted(text: str, expected: str) -> None:
    """Up to the last @ of the host part, and nothing behind it."""
    assert redact(text) == expected


def test_redacting_a_hostile_text_takes_no_time() -> None:
    """A title of a megabyte does not hang the run."""
    for piece in ("a.", "a://", "sign=", "%2", "@"):
        assert redact(piece * 300_000, SECRET)


@pytest.mark.parametrize(
    "echo",
    [
        r"k3y/with+odd\u0026chars\u003d\u003D",
        r"k3y\/with\u002Bodd&chars==",
        "k3y%2fwith%2Bodd%26chars%3d%3D",
        r"k3y%2Fwith+odd\u0026chars=%3d",
    ],
)
def test_an_echo_in_any_mixture_of_escapes_is_found(echo: str) -> None:
    """Gson and Go escape `&`, `=`, `<` in JSON; servers quote URLs in either case, or by halves."""
    secret = Secret("k3y/with+odd&chars==")
    assert secret.redact_bytes(f'{{"title":"<{echo}>"}}'.encode()) == b'{"title":"<***>"}'
    assert redact(f"<{echo}>", secret) == "<***>"


@pytest.mark.parametrize("word", ["a", "demo", "token", "note"])
def test_a_short_word_is_not_cut_out_of_what_was_paid_for(word: str) -> None:
    """Storage keys, titles and the reply's own field names stay whole; as a parameter's value it goes."""
    body = f'{{"{word}":"1040g00831{word}42abc"}}'.encode()
    assert Secret(word).redact_bytes(body) == body
    assert redact(f"1040g00831{word}42abc", Secret(word)) == f"1040g00831{word}42abc"
    assert redact(f"https://api.example.org/x?token={word}&noteId=1", Secret(word)).count(f"={word}") == 0


def test_bytes_that_are_no_text_survive_a_scrub() -> None:
    """A reply is kept as it came, but for the token."""
    body = bytes(range(256)) + b"long-enough-token" + bytes(range(256))
    assert Secret("long-enough-token").redact_bytes(body) == bytes(range(256)) + b"***" + bytes(range(256))


def test_a_web_images_signature_is_taken_out_of_its_path() -> None:
    """Date, signature, key and style (docs/api.md#web-pictures); no other path is touched."""
    signature = "0a" * 16
    assert without_signatures(f"/202603092249/{signature}/1040g!nd_dft") == "/202603092249/***/1040g!nd_dft"
    for path in (f"/{signature}/1040g", "/notes_uhdr/1040g", "/stream/1/10/66/01e9_66.mp4", ""):
        assert without_signatures(path) == path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/202603092249/{}/k!s", "/a/202603092249/***/k!s"),
        ("/202603092249/{}/202603092250/{}/k", "/202603092249/***/202603092250/***/k"),
        ("/x/y/202603092249/{}/1040g/z!nd_dft", "/x/y/202603092249/***/1040g/z!nd_dft"),
        ("/202603092249/{}", "/202603092249/***"),
        ("/stream/sign={}&t=1/x.mp4", "/stream/sign=***&t=1/x.mp4"),
        ("/stream/;sign={};/x.mp4", "/stream/;sign=***"),
        ("/a/SIGN={}/auth_key={}", "/a/SIGN=***"),
        ("/x.mp4&signature={}", "/x.mp4&signature=***"),
        ("/x.mp4&xsec_token={}&a=1", "/x.mp4&xsec_token=***&a=1"),
    ],
)
def test_a_signature_anywhere_in_a_path_is_taken_out(path: str, expected: str) -> None:
    """Behind other folders, twice, at the end, or as a parameter that a proxy folded into the path."""
    signature = "0a" * 16
    assert without_signatures(path.replace("{}", signature)) == expected
    assert without_signatures(expected) == expected
    text = f"GET https://h{path.replace('{}', signature)}?sign=abc failed"
    assert signature not in redact(text)


@pytest.mark.parametrize(
    "path",
    [
        "/designer=me/x",
        "/resign=no/x.mp4",
        "/2026030922/{}/x",
        "/20260309224900/{}/x",
        "/x202603092249/{}/x",
        "/202603092249/{}0/x",
        "/202603092249/0a0a/x",
    ],
)
def test_other_paths_are_left_alone(path: str) -> None:
    """Words that only end like a parameter, and digits that are no date with a signature behind it."""
    named = path.replace("{}", "0a" * 16)
    assert without_signatures(named) == named
    assert redact(f"https://h{named} failed") == f"https://h{named} failed"


@given(st.text("/0a&=sign!.", max_size=60), st.text("/0a&=sign!.", max_size=20))
def test_no_signature_survives_in_any_path(before: str, after: str) -> None:
    """Whatever stands around it; and what was taken out once stays as it is."""
    signature = "0123456789abcdef" * 2
    for form in (f"{before}/202603092249/{signature}/{after}", f"{before}/sign={signature}{after}"):
        assert signature not in without_signatures(form)
        assert signature not in redact(f"at https://h{form}")
        assert without_signatures(without_signatures(form)) == without_signatures(form)
