"""The token as a value that cannot be printed by mistake, and the one function that redacts text."""

import json
import re
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

__all__ = ["Secret", "redact", "unsigned"]

_MARK = "***"
_ESCAPE = re.compile("%[0-9A-F]{2}")
_SECRET_PARAMETERS = re.compile(r"(?i)\b(token|xsec_token|sign|signature|auth_key|password)=[^&\s\"'<>]+")
# Greedy up to the last @ of the authority (a password may hold one); the bounded scheme keeps it linear.
# /YYYYMMDDHHMM/<32 hex digits>/<key>!style
_SIGNED_PATH = re.compile(r"^(/\d{12}/)[0-9a-f]{32}/")
_USER_INFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^/?#\s\"']*@")


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that shows itself only to who asks with `reveal()`."""

    _text: str

    def __repr__(self) -> str:
        return f"Secret({_MARK})"

    def __str__(self) -> str:
        return _MARK

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def forms(self) -> tuple[str, ...]:
        """Return the ways the text can stand in a URL or in JSON, longest first; none for an empty secret."""
        text = self._text
        if not text:
            return ()
        quoted = {quote(text, safe=""), quote_plus(text), quote(text)}
        lower = {_ESCAPE.sub(lambda found: found[0].lower(), form) for form in quoted}
        in_json = json.dumps(text, ensure_ascii=False)[1:-1]
        forms = {text, in_json, in_json.replace("/", "\\/")} | quoted | lower
        return tuple(sorted(forms, key=len, reverse=True))

    def scrub(self, body: bytes) -> bytes:
        """Return the bytes without the text, should a server have echoed it."""
        for form in self.forms():
            body = body.replace(form.encode(), _MARK.encode())
        return body


def redact(text: str, *secrets: Secret) -> str:
    """Return the text without the given secrets, URL signatures, and user names and passwords in URLs."""
    for secret in secrets:
        for form in secret.forms():
            text = text.replace(form, _MARK)
    text = _USER_INFO.sub(rf"\1{_MARK}@", text)
    return _SECRET_PARAMETERS.sub(rf"\1={_MARK}", text)


def unsigned(path: str) -> str:
    """Return a URL's path without the signature that web images carry in it (PAYLOADS 3.4)."""
    return _SIGNED_PATH.sub(rf"\1{_MARK}/", path)
