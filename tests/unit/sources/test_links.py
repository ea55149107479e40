"""Note ids from whatever people paste: links of every form, share texts, lists; and nothing else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.models import NoteId, ShortLink
from xharchive.sources.links import (
    NotANote,
    canonical_target,
    find_short_link,
    note_of_url,
    notes_in,
    parse_topic_id,
    parse_user_id,
)

A = "69aed4e2000000000e00c358"
B = "6a0139640000000036000463"
USER = "5f3e8d9c000000000100abcd"
SHARE = "85 阿明发布了一篇小红书笔记，快来看吧！ 😆 xZ3kQp 😆 "

ONE = {
    "bare": A,
    "upper case": A.upper(),
    "with a comment": f"{A} # the garden",
    "byte order mark": f"\ufeff{A}",
    "white space": f"  \t{A}\r\n",
    "explore": f"https://www.xiaohongshu.com/explore/{A}",
    "explore with query": f"https://www.xiaohongshu.com/explore/{A}?xsec_token=AB=&xsec_source=pc_feed",
    "fragment": f"https://www.xiaohongshu.com/explore/{A}#comments",
    "trailing slash": f"https://www.xiaohongshu.com/explore/{A}/",
    "discovery": f"https://www.xiaohongshu.com/discovery/item/{A}?source=webshare",
    "search result": f"https://www.xiaohongshu.com/search_result/{A}",
    "profile": f"https://www.xiaohongshu.com/user/profile/{USER}/{A}?xsec_source=pc_note",
    "rednote": f"https://www.rednote.com/explore/{A}",
    "no www": f"http://xiaohongshu.com/explore/{A}",
    "mobile host": f"https://m.xiaohongshu.com/discovery/item/{A}",
    "no scheme": f"www.xiaohongshu.com/explore/{A}",
    "no scheme, no www": f"see rednote.com/explore/{A}",
    "upper-case host": f"HTTPS://WWW.XIAOHONGSHU.COM/explore/{A}",
    "phone keyboard": f"Https://www.xiaohongshu.com/explore/{A}",
    "upper-case id": f"https://www.xiaohongshu.com/explore/{A.upper()}",
    "trailing dot": f"https://www.xiaohongshu.com./explore/{A}",
    "port": f"https://www.xiaohongshu.com:443/explore/{A}",
    "app link": f"xhsdiscover://item/{A}?type=video",
    "share text": f"{SHARE}https://www.xiaohongshu.com/discovery/item/{A}?source=webshare，复制本条信息，打开【小红书】App查看！",
    "glued comma": f"看https://www.xiaohongshu.com/explore/{A}，真好",
    "glued full stop": f"https://www.xiaohongshu.com/explore/{A}。",
    "glued bracket": f"（https://www.xiaohongshu.com/explore/{A}）",
    "glued exclamation mark": f"https://www.xiaohongshu.com/explore/{A}！！",
    "glued Chinese": f"https://www.xiaohongshu.com/explore/{A}快看",
    "quotes": f"“https://www.xiaohongshu.com/explore/{A}”",
    "angle brackets": f"<https://www.xiaohongshu.com/explore/{A}>",
    "markdown": f"[笔记](https://www.xiaohongshu.com/explore/{A})",
    "a foreign link beside it": f"https://example.com/x https://www.xiaohongshu.com/explore/{A}",
    "behind a login": f"https://www.xiaohongshu.com/login?redirectPath=https://www.xiaohongshu.com/explore/{A}",
    "login page": f"https://www.xiaohongshu.com/login?redirectPath=https%3A%2F%2Fwww.xiaohongshu.com%2Fexplore%2F{A}",
    "login page, relative": f"https://www.xiaohongshu.com/login?redirectPath=%2Fdiscovery%2Fitem%2F{A}%3Fx%3D1",
    "404 page": f"https://www.xiaohongshu.com/404?source=/404/sec_x&redirectPath=http%3A%2F%2Fwww.xiaohongshu.com%2F"
    f"explore%2F{A}&error_code=300031",
    "404 page with the path": f"https://www.xiaohongshu.com/404/explore/{A}",
    "captcha before a login": "www.rednote.com/website-login/captcha?redirectPath=https%3A%2F%2F"
    f"www.rednote.com%2Flogin%3FredirectPath%3Dhttps%253A%252F%252Fwww.xiaohongshu.com%252Fexplore%252F{A}%253Fx%253D1",
    "zero-width space before": f"\u200b{A}",
    "zero-width space behind": f"{A}\u200b",
    "zero-width space inside": f"{A[:8]}\u200b{A[8:]}",
    "left-to-right marks": f"\u200e{A}\u200e",
    "isolates": f"\u2068{A}\u2069",
    "right-to-left override": f"\u202e{A}\u202c",
    "word joiner": f"\u2060{A}",
    "soft hyphen": f"{A[:12]}\u00ad{A[12:]}",
    "byte order mark inside": f"{A[:12]}\ufeff{A[12:]}",
    "variation selector": f"{A}\ufe0f",
    "control characters": f"\x00{A}\x1a",
    "zero-width space in a link": f"https://www.xiaohongshu.com/explore/\u200b{A}",
    "zero-width space in a host": f"https://www.xiao\u200bhongshu.com/explore/{A}",
}
TWO = {
    "comma": f"{A},{B}",
    "full-width comma": f"{A}，{B}；",
    "ideographic comma": f"{A}、{B}",
    "half-width ideographic comma": f"{A}､{B}",
    "full-width bar": f"{A}｜{B}",
    "full-width full stop": f"{A}。{B}。",
    "full-width slash": f"{A}／{B}",
    "full-width space": f"{A}\u3000{B}",
    "middle dot": f"{A}・{B}",
    "spaces": f"{A}   {B.upper()}",
    "links": f"https://www.xiaohongshu.com/explore/{A} https://www.rednote.com/explore/{B}",
    "links with a comma": f"https://www.xiaohongshu.com/explore/{A},https://www.xiaohongshu.com/explore/{B}",
    "links with a Chinese comma": f"https://www.xiaohongshu.com/explore/{A}、https://www.xiaohongshu.com/explore/{B}",
    "links with a bar": f"https://www.xiaohongshu.com/explore/{A}?x=1|https://www.xiaohongshu.com/explore/{B}",
}
REFUSED = {
    "an invisible character in 23 digits": (f"{A[:-1]}\u200b", "(with U+200B)"),
    "invisible characters in a link": (
        f"https://www.xiaohongshu.com/explore/\u200e{A}0\u202c",
        "(with U+200E, U+202C)",
    ),
    "an invisible character between two ids": (f"{A}\u200b{B}", "(with U+200B)"),
    "an unassigned character": (f"{A}\ue000", "(with U+E000)"),
    "login page of a profile": (
        f"https://www.xiaohongshu.com/login?redirectPath=%2Fuser%2Fprofile%2F{USER}",
        "not a note's",
    ),
    "a login elsewhere": (f"https://example.com/login?redirectPath=%2Fexplore%2F{A}", "leads to example.com"),
    "a word": ("hello", "neither a note id"),
    "23 digits": (A[:-1], "24 hex digits"),
    "25 digits": (A + "0", "24 hex digits"),
    "48 digits": (A + B, "24 hex digits"),
    "an id and a word": (f"{A}, what", "'what' is neither"),
    "only commas": (",，;", "neither a note id"),
    "a short link that is none": ("http://xhslink.com/", "leads nowhere"),
    "what a spreadsheet makes of an id": ("6.5E+23", "give its column the format Text"),
    "foreign host": (
        f"https://example.com/explore/{A}",
        "leads to example.com, not to xiaohongshu.com or rednote.com",
    ),
    "host that only begins like ours": (
        f"https://xiaohongshu.com.evil.com/explore/{A}",
        "xiaohongshu.com.evil.com",
    ),
    "host that only ends like ours": (f"https://evilxiaohongshu.com/explore/{A}", "evilxiaohongshu.com"),
    "user part": (f"https://xiaohongshu.com@evil.com/explore/{A}", "leads to evil.com"),
    "no host": (f"https:///explore/{A}", "nowhere"),
    "profile without a note": (f"https://www.xiaohongshu.com/user/profile/{USER}", "not a note's"),
    "explore without an id": ("https://www.xiaohongshu.com/explore", "not a note's"),
    "23 digits in a link": (f"https://www.xiaohongshu.com/explore/{A[:-1]}", "not a note's"),
    "25 digits in a link": (f"https://www.xiaohongshu.com/explore/{A}0", "not a note's"),
    "a letter behind the id": (f"https://www.xiaohongshu.com/explore/{A}x", "not a note's"),
    "id in the query only": (f"https://www.xiaohongshu.com/explore?id={A}", "not a note's"),
    "id on another path": (f"https://www.xiaohongshu.com/board/{A}", "not a note's"),
    "broken brackets": (f"https://[xiaohongshu.com/explore/{A}", "cannot be read"),
    "app link to a user": (f"xhsdiscover://user/{USER}", "not a note's"),
}


@pytest.mark.parametrize("form", ONE)
def test_every_form_of_a_link_names_its_note(form: str) -> None:
    """Bare ids, web and app links, share texts with whatever is glued to them."""
    assert notes_in(ONE[form]) == (NoteId(A),)


@pytest.mark.parametrize("form", TWO)
def test_several_notes_on_a_line_are_all_taken_in_order(form: str) -> None:
    """None is lost, whatever stands between them."""
    assert notes_in(TWO[form]) == (NoteId(A), NoteId(B))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        "\r\n",
        "\ufeff",
        "\x1a",
        "\u200b \u2060",
        "\u200e# a comment",
        "# a comment",
        "  # one",
        f"#{A}",
        f"\ufeff# {A}",
    ],
)
def test_blank_lines_and_comments_name_nothing(line: str) -> None:
    """They are no mistakes either."""
    assert notes_in(line) == ()


@pytest.mark.parametrize("form", REFUSED)
def test_what_names_no_note_is_refused_with_a_reason(form: str) -> None:
    """Before it costs money, in a sentence that says what is wrong or what to do."""
    text, words = REFUSED[form]
    with pytest.raises(NotANote) as raised:
        notes_in(text)
    assert words in str(raised.value)


@given(st.text(st.characters()))
def test_any_text_is_notes_or_a_refusal(text: str) -> None:
    """No text makes it fail in another way."""
    try:
        found = notes_in(text)
    except NotANote as problem:
        assert len(str(problem)) < 300  # noqa: PT017 - either outcome is fine
    else:
        assert all(isinstance(note_id, NoteId) for note_id in found)


_PIECES = [
    "http://",
    "https://",
    "xhsdiscover://",
    "[",
    "]",
    "@",
    ":",
    "/",
    "?",
    "#",
    "，",
    " ",
    A,
    B,
    "\ud800",
]
_PLACES = [
    "xiaohongshu.com",
    "www.rednote.com/",
    "explore/",
    "item",
    "xhslink.com",
    "user/profile/",
    "%5B",
    "℀",
]


@given(st.lists(st.sampled_from(_PIECES + _PLACES), max_size=12).map("".join))
def test_any_mixture_of_link_parts_is_notes_or_a_refusal(text: str) -> None:
    """Nor does a text made of nothing but pieces of links."""
    try:
        notes_in(text)
    except NotANote as problem:
        assert str(problem)  # noqa: PT017 - either outcome is fine


@given(
    st.lists(st.sampled_from([A, B]), min_size=1, max_size=5), st.sampled_from(["explore", "discovery/item"])
)
def test_links_in_any_number_keep_their_order(ids: list[str], path: str) -> None:
    """A pasted list of links comes out as it went in."""
    line = "\n".join(f"https://www.xiaohongshu.com/{path}/{each}?x=1" for each in ids)
    assert notes_in(line) == tuple(map(NoteId, ids))


def test_a_refusal_prints_on_one_clean_line() -> None:
    """The quoted input cannot command the terminal."""
    for text in ("\x1b[2Jevil", "https://\x1b[31m.evil/\x9b", f"https://www.xiaohongshu.com/\x1b{A}"):
        with pytest.raises(NotANote) as raised:
            notes_in(text)
        assert str(raised.value).isprintable()


def test_a_line_of_64_kib_takes_no_time() -> None:
    """The expressions are linear, whatever the line is made of."""
    for piece in ("https://", "www.", "xiaohongshu.com/", "xhsdiscover://", "a.", f"{A} ", "，"):
        try:
            notes_in(piece * (65536 // len(piece)))
        except NotANote as problem:
            assert str(problem)  # noqa: PT017 - either outcome is fine


@pytest.mark.parametrize(
    "text",
    [
        "http://xhslink.com/a/AbC-1_d",
        "https://xhslink.com/a/AbC-1_d/",
        "xhslink.com/a/AbC-1_d",
        "HTTP://XHSLINK.COM/a/AbC-1_d?share=1#top",
        f"{SHARE}http://xhslink.com/a/AbC-1_d，复制本条信息",
        "看http://xhslink.com/a/AbC-1_d快看",
        '"http://xhslink.com/a/AbC-1_d"',
    ],
)
def test_a_short_link_is_a_promise_of_a_note(text: str) -> None:
    """Without its query and whatever is glued to it; its letters keep their case."""
    assert notes_in(text) == (ShortLink("https://xhslink.com/a/AbC-1_d"),)
    assert str(*notes_in(text)) == "https://xhslink.com/a/AbC-1_d"


def test_short_and_long_links_on_a_line() -> None:
    """Each stands for itself, in order."""
    found = notes_in(f"http://xhslink.cn/m/Xy https://www.xiaohongshu.com/explore/{A}")
    assert found == (ShortLink("https://xhslink.cn/m/Xy"), NoteId(A))


@pytest.mark.parametrize(
    "address",
    [
        f"https://www.xiaohongshu.com/discovery/item/{A}?xsec_token=x&shareRedId=y",
        f"https://www.xiaohongshu.com/explore/{A.upper()}",
        f"https://www.xiaohongshu.com/login?redirectPath=https%3A%2F%2Fwww.xiaohongshu.com%2Fdiscovery%2Fitem%2F{A}%3Fx",
        f"https://www.rednote.com/user/profile/{USER}/{A}",
        f"xhsdiscover://item/{A}?type=video",
        f" https://www.xiaohongshu.com/explore/{A} ",
    ],
)
def test_where_a_redirect_leads(address: str) -> None:
    """To a note, be it by way of a login page or the app."""
    assert note_of_url(address) == NoteId(A)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "nowhere"),
        ("https://www.xiaohongshu.com/404?error_code=300031", "www.xiaohongshu.com/404"),
        (f"https://www.xiaohongshu.com/user/profile/{USER}", "not a note's"),
        (f"https://evil.example/explore/{A}", "evil.example"),
        (f"https://xiaohongshu.com.evil.example/explore/{A}", "evil.example"),
        ("https://[half/", "cannot be read"),
        ("xhsdiscover://user/x", "not a note's"),
        ("https://www.xiaohongshu.com/\x1b[31m", "not a note's"),
    ],
)
def test_a_redirect_to_something_else_says_where(address: str, words: str) -> None:
    """So that the user sees what happened to the link."""
    with pytest.raises(NotANote) as raised:
        note_of_url(address)
    assert words in str(raised.value)
    assert str(raised.value).isprintable()


@given(st.text())
def test_any_address_is_a_note_or_a_refusal(address: str) -> None:
    """No redirect makes it fail in another way."""
    with suppress(NotANote):
        assert isinstance(note_of_url(address), NoteId)


@pytest.mark.parametrize(
    ("address", "bare"),
    [
        (f"https://www.xiaohongshu.com/discovery/item/{A}?x=1", f"https://www.xiaohongshu.com/explore/{A}"),
        (
            f"https://www.xiaohongshu.com/user/profile/{USER}?xsec_token=x",
            f"https://www.xiaohongshu.com/user/profile/{USER}",
        ),
        (f"xhsdiscover://user/{USER}", f"https://www.xiaohongshu.com/user/profile/{USER}"),
        (f"xhsdiscover://www/user/profile/{USER}", f"https://www.xiaohongshu.com/user/profile/{USER}"),
        (
            f"https://www.xiaohongshu.com/m/user/profile/{USER}",
            f"https://www.xiaohongshu.com/user/profile/{USER}",
        ),
        (f"https://www.xiaohongshu.com/user/profile/{USER}/{A}", f"https://www.xiaohongshu.com/explore/{A}"),
    ],
)
def test_nothing_but_the_note_or_the_profile_is_left(address: str, bare: str) -> None:
    """What else a redirect says is not ours to keep."""
    assert canonical_target(address) == bare


def test_a_target_that_is_neither() -> None:
    """A board, another site."""
    for address in ("https://www.xiaohongshu.com/board/x", f"https://evil.example/user/profile/{USER}"):
        with pytest.raises(NotANote, match="neither a note nor a profile"):
            canonical_target(address)


def test_the_short_link_in_a_text() -> None:
    """The first one, or none."""
    assert find_short_link(f"{SHARE}\nhttp://xhslink.com/m/AbC，复制") == ShortLink(
        "https://xhslink.com/m/AbC"
    )
    assert find_short_link(A) is None
    assert find_short_link("hello") is None


@pytest.mark.parametrize("length", [900, 1000, 100_000])
def test_a_host_name_without_end_is_no_link_to_a_note(length: int) -> None:
    """In an input, and where a short link leads."""
    link = f"https://{'a' * length}.xiaohongshu.com.example/explore/{A}"
    for read in (notes_in, note_of_url, canonical_target):
        with pytest.raises(NotANote) as raised:
            read(link)
        assert len(str(raised.value)) < 300


@pytest.mark.parametrize("text", [f"\u200e{USER}\u200b", f" {USER.upper()}\x1a"])
def test_invisible_characters_around_users_and_topics(text: str) -> None:
    """They are dropped as those around notes are."""
    assert parse_user_id(text) == parse_topic_id(text) == USER
