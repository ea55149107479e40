"""Plans for whatever sources a reply may declare: properties that hold for all of them."""

from urllib.parse import urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st
from support.declared_assets import ranked

from xharchive.media import AssetKind
from xharchive.models import Asset, MediaSource, Quality, Slot
from xharchive.url_candidates import Preference

_KEY = "notes_uhdr/1040g3qo31tgdnb2m5m705oj45g341eq04lpa130"
_WEB = "http://sns-webpic-qc.xhscdn.com/202611200101/" + "0a" * 16


def _view(box: str) -> str:
    return f"https://sns-i8.rednotecdn.com/{_KEY}?imageView2/2/{box}&sign=a7&t=69aede0f"


_TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            _view("w/1440"),
            _view("h/99999999"),
            f"{_WEB}/{_KEY}!wm",
            "http://[",
            "https://a@b/",
            "http://h:1/#",
            _KEY,
        ]
    ),
)
_NUMBER = st.integers(min_value=0, max_value=2**63)
_SOURCE = st.builds(
    MediaSource,
    field=st.just("f"),
    url=_TEXT,
    key=_TEXT,
    quality=st.none() | st.sampled_from(Quality),
    pixels=_NUMBER,
    bitrate=_NUMBER,
    size=_NUMBER,
    preferred=st.booleans(),
    unproven=st.booleans(),
    backups=st.lists(_TEXT, max_size=3).map(tuple),
)
_ASSET = st.builds(
    Asset,
    slot=st.sampled_from(AssetKind).map(Slot),
    endpoint=st.just("v1"),
    sources=st.lists(_SOURCE, max_size=6).map(tuple),
    width=_NUMBER,
    height=_NUMBER,
)


@settings(deadline=None, max_examples=150)
@given(_ASSET, st.sampled_from(Preference), st.integers(0, 30))
def test_every_plan_is_short_unique_and_safe(asset: Asset, prefer: Preference, most: int) -> None:
    """Whatever the sources say: at most `most` URLs, no two alike, with a host, no user, https."""
    found = ranked(asset, prefer, most)
    assert len(found) <= most
    assert len({candidate.url for candidate in found}) == len(found)
    for candidate in found:
        parts = urlsplit(candidate.url)
        assert parts.scheme == "https" or (parts.scheme == "http" and parts.port)
        assert parts.hostname
        assert parts.username is None
        assert parts.port != 0
    assert found == ranked(asset, prefer, most)


@settings(deadline=None, max_examples=100)
@given(_ASSET, st.sampled_from(Preference))
def test_a_shorter_plan_is_a_part_of_the_longer_one(asset: Asset, prefer: Preference) -> None:
    """Less room drops candidates and never changes their order."""
    whole = ranked(asset, prefer, 10**6)
    for most in (1, 5, 20):
        part = ranked(asset, prefer, most)
        assert len(part) == min(most, len(whole))
        assert [candidate for candidate in whole if candidate in part] == list(part)
