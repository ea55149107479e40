"""Keep the token out of all output: a value that never prints itself, and the redaction of texts."""

import re
from dataclasses import dataclass

_MARK = "***"
_SHORTEST_TOKEN = 8
_SECRET_PARAMETERS = re.compile(r"(?i)\b(token|xsec_token|sign|signature|auth_key|password)=[^&\s\"'<>]+")
# /YYYYMMDDHHMM/<32 hex digits>/<key>!style
_SIGNED_PATH = re.compile(r"(/\d{12}/)[0-9a-f]{32}(?!\w)")
# Greedy up to the last @ of the authority (a password may have one). The bounded scheme keeps it linear.
_USER_INFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^/?#\s\"']*@")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret text. Only `reveal()` returns it."""

    _text: str

    def __repr__(self) -> str:
        return f"Secret({_MARK})"

    def __str__(self) -> str:
        return _MARK

    def reveal(self) -> str:
        """Return the secret text."""
        return self._text

    def pattern(self) -> re.Pattern[str] | None:
        """Return a pattern that finds the secret in any encoding that a server may echo.

        Each character may be plain, percent-encoded (upper or lower case, a space as `+`), or escaped as in
        JSON (`\\u0026`, `\\/`): Gson and Go escape `&`, `=` and `<` in this way. None for fewer than 8
        characters: such a text is no token but a word, and redaction would damage titles and storage keys.
        """
        if len(self._text) < _SHORTEST_TOKEN:
            return None
        return re.compile("".join(map(_any_form, self._text)))

    def redact_bytes(self, body: bytes) -> bytes:
        """Return the bytes without the secret, which a server may have echoed."""
        pattern = self.pattern()
        if pattern is None:
            return body
        # latin-1 maps each byte to one character and back, so that no other byte changes.
        as_bytes = pattern.pattern.encode().decode("latin-1")
        return re.sub(as_bytes, _MARK, body.decode("latin-1")).encode("latin-1")


def _any_form(char: str) -> str:
    encoded = char.encode()
    percent = "".join(f"%(?i:{byte:02x})" for byte in encoded)
    forms = [re.escape(char), percent, rf"\\u(?i:{ord(char):04x})"]
    forms += {"/": [r"\\/"], " ": [r"\+"], '"': [r'\\"'], "\\": [r"\\\\"]}.get(char, [])
    return f"(?:{'|'.join(forms)})"


def redact(text: str, *secrets: Secret) -> str:
    """Return the text without the secrets, URL signatures, and user names and passwords in URLs."""
    for secret in secrets:
        if (pattern := secret.pattern()) is not None:
            text = pattern.sub(_MARK, text)
    return without_signatures(_USER_INFO.sub(rf"\1{_MARK}@", text))


def without_signatures(path: str) -> str:
    """Return a path or text without URL signatures. A path may have one too (docs/api.md#web-pictures)."""
    return _SECRET_PARAMETERS.sub(rf"\1={_MARK}", _SIGNED_PATH.sub(rf"\1{_MARK}", path))
