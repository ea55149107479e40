"""The token as a value that cannot be printed by mistake, and the one function that redacts text."""

import re
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

__all__ = ["Secret", "redact"]

_MARK = "***"
_SECRET_PARAMETERS = re.compile(r"(?i)\b(token|xsec_token|sign|signature|auth_key|password)=[^&\s\"'<>]+")
_USER_INFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@\"']+@")


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
        """Return the ways the text can stand in a URL, longest first; none for an empty secret."""
        text = self._text
        forms = {text, quote(text, safe=""), quote_plus(text), quote(text)} if text else set()
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
