"""Promise 5: the token goes to the API and nowhere else, whatever the API or the wire say about it."""

import base64
from pathlib import Path
from urllib.parse import quote, quote_plus

import aiohttp
import pytest
from support.scripted_api import TOKEN, Http, ScriptedApi, envelope, resolving
from yarl import URL

from xharchive.errors import XharchiveError

IMAGE_NOTE = "69aed4e2000000000e00c358"
FORMS = [
    form.encode()
    for form in {TOKEN, quote(TOKEN), quote(TOKEN, safe=""), quote_plus(TOKEN)}
    | {base64.b64encode(TOKEN.encode()).decode(), TOKEN.encode().hex()}
]
LEAKY = f"https://api.justoneapi.com/x?token={quote_plus(TOKEN)}&noteId={IMAGE_NOTE}"
ABOUT = aiohttp.RequestInfo(URL(LEAKY, encoded=True), "GET", None, URL(LEAKY, encoded=True))  # type: ignore[arg-type]


def chain_of(problem: BaseException | None) -> list[BaseException]:
    """The error and those that a traceback would show with it."""
    chain = []
    while problem is not None:
        chain.append(problem)
        problem = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
    return chain


async def test_the_token_arrives_letter_for_letter(api: ScriptedApi, tmp_path: Path) -> None:
    """Letters that mean something in a URL are escaped, and come out as they went in."""
    async with resolving(api, tmp_path) as desk:
        await desk.resolve(IMAGE_NOTE)
    (url,) = api.urls
    assert url.query["token"] == TOKEN
    assert url.host == "api.justoneapi.com"
    assert url.scheme == "https"


@pytest.mark.parametrize(
    "trouble",
    [
        aiohttp.ContentTypeError(ABOUT, (), message=LEAKY),
        aiohttp.ClientResponseError(ABOUT, (), message=LEAKY),
        aiohttp.InvalidURL(LEAKY),
        aiohttp.ServerDisconnectedError(LEAKY),
        aiohttp.ClientOSError(104, LEAKY),
        TimeoutError(LEAKY),
        ValueError(LEAKY),
        Http(302, b"", {"Location": LEAKY}),
        Http(500, LEAKY.encode()),
        envelope(100, message=f"TOKEN {TOKEN} INVALID"),
        envelope(301, message=f"bad {TOKEN}"),
        envelope(404, message=LEAKY),
        envelope(400, message=quote(TOKEN)),
        envelope(0, {"echo": LEAKY}),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
async def test_the_token_is_in_no_error_event_ledger_or_file(
    api: ScriptedApi, tmp_path: Path, trouble: object
) -> None:
    """Not raw, percent-encoded, in base64 or in hex; and no foreign error comes along as a cause."""
    api.script["*"] = [trouble, ...]
    said: list[BaseException] = []
    async with resolving(api, tmp_path) as desk:
        try:
            await desk.resolve(IMAGE_NOTE)
        except XharchiveError as problem:
            said += chain_of(problem)
    text = desk.everything_written() + repr(said).encode() + "".join(map(str, said)).encode()
    text += repr(vars(desk.resolver)).encode() + repr(desk.resolver._api._transport._options).encode()
    for form in FORMS:
        assert form not in text


async def test_a_token_that_the_bound_of_a_reply_cuts_is_not_saved(api: ScriptedApi, tmp_path: Path) -> None:
    """Of a reply that is too large its beginning is saved, and not the beginning of the token either."""
    padding = b"x" * ((1 << 20) - 9)
    api.script["*"] = [padding + TOKEN.encode() + b"y" * 1_000_000, ...]
    async with resolving(api, tmp_path, largest_reply=1 << 20) as desk:
        with pytest.raises(XharchiveError, match="more than 1 MiB"):
            await desk.resolve(IMAGE_NOTE)
    saved = (tmp_path / str(desk.ledger[-1]["body"])).read_bytes()
    assert saved.startswith(padding)
    assert len(saved) == 1 << 20
    assert TOKEN.encode()[:4] not in desk.everything_written()
