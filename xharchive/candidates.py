"""Which URLs to try for an asset, and in which order.

A rendition is one file on the platform's side: a master URL, its declared backups, and mirrors, that is, the
same path on sibling hosts. Renditions are ranked by what the reply and the URLs themselves say; within one,
the declared URLs come first. URLs are cut and joined as text, never re-encoded: the query is not key=value
and has to be sent byte for byte (docs/api.md#transforms).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from xharchive.media import AssetKind
from xharchive.models import Asset, Candidate, Quality, Source

__all__ = ["Preference", "plan", "without_candidates"]


class Preference(StrEnum):
    """What matters most: the untouched upload, the most pixels, or little to transfer."""

    ORIGINAL = "original"
    LARGEST = "largest"
    FAST = "fast"


# Bare hosts serve the uploaded bytes of a key; sns-img-qn is known to answer 404 (docs/api.md#hosts).
_PICTURE_HOSTS = (
    "ci.xiaohongshu.com",
    "sns-img-bd.xhscdn.com",
    "sns-img-hw.xhscdn.com",
    "sns-img-qc.xhscdn.com",
    "sns-img-al.xhscdn.com",
)
_FULL_SIZE_JPEG = "?imageView2/2/w/0/format/jpg"
_VIDEO_HOSTS = ("sns-video-bd.xhscdn.com", "sns-video-hw.xhscdn.com")
_UNPROVEN_HOSTS = ("sns-video-bd.xhscdn.com", "sns-bak-v6.xhscdn.com")


def _family(pattern: str, names: str, domain: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    return re.compile(pattern), tuple(f"{name}.{domain}" for name in names.split())


_PICTURE_FAMILIES = (
    _family(r"sns-i\d+(-[a-z]+)?\.rednotecdn\.com", "sns-i8 sns-i10 sns-i11 sns-i27", "rednotecdn.com"),
    _family(r"sns-na-i\d+(-[a-z]+)?\.xhscdn\.com", "sns-na-i8 sns-na-i11 sns-na-i1 sns-na-i4", "xhscdn.com"),
    (re.compile(r"ci\.xiaohongshu\.com|sns-img-[a-z]+\.xhscdn\.com"), _PICTURE_HOSTS),
)
_STREAM_FAMILIES = (
    _family(r"sns-v\d+(-[a-z]+)?\.rednotecdn\.com", "sns-v8 sns-v10 sns-v11 sns-v27", "rednotecdn.com"),
    _family(
        r"sns-video-[a-z0-9]+\.xhscdn\.(com|net)",
        "sns-video-bd sns-video-hw sns-video-al sns-video-qc",
        "xhscdn.com",
    ),
    _family(r"sns-bak-v\d+\.xhscdn\.com", "sns-bak-v6 sns-bak-v8 sns-bak-v10 sns-bak-v1", "xhscdn.com"),
)
"""Hosts that serve the same paths (docs/api.md#mirrors)."""

_PICTURES = frozenset({AssetKind.IMAGE, AssetKind.COVER})
_MOST_MIRRORS = 3
_MIRROR_COST = 3
_PREVIEW_EDGE = 640
_WHOLE_UPLOAD = 10**12
"""An area larger than any, for a file whose pixels nobody declares and that no other can outdo."""

_BREAKS_A_URL = re.compile(r"[\x00-\x20\x7f-\x9f\\\s]")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,3}|:[1-5][0-9]{4})?")
_KEY = re.compile(r"(?!.*\.\.)[A-Za-z0-9_.~@=+,-]+(?:/[A-Za-z0-9_.~@=+,-]+)*")
_LONGEST_KEY = 300
_END_OF_INSTRUCTION = re.compile(r"[&|]|%7C")
_VIEW_SETTINGS = tuple(re.compile(rf"/{name}/(\d{{1,6}})(?![^/])") for name in "whq")
_WEB_PATH = re.compile(r"/\d{12}/[0-9a-f]{32}/([^!]+)!.+")
_SMALL_OR_MARKED_STYLE = re.compile(r"prv|wm", re.IGNORECASE)


def plan(asset: Asset, prefer: Preference = Preference.ORIGINAL, most: int = 20) -> tuple[Candidate, ...]:
    """Return the URLs to try for an asset, best first, at most `most`, each once.

    By default the uploaded file comes first, then the platform's renditions by size; small previews and
    watermarked copies after all else, and unproven derivations last (docs/api.md#quality). `LARGEST`
    ranks by pixels whether touched or not, `FAST` has the lightest first and the upload behind; neither
    prefers a watermarked copy to a clean one.

    Where there are more than `most`, a rendition's mirrors go before a later rendition's master does: no
    rendition crowds out all others, and the better ones keep more ways than the worse.
    """
    ranked = sorted(_renditions(asset), key=lambda rendition: _rank(rendition, prefer))
    steps = [
        step for place, rendition in enumerate(ranked) for step in _steps(rendition, place, asset, prefer)
    ]
    unique: dict[str, _Step] = {}
    for step in sorted(steps, key=_Step.when):
        first = unique.setdefault(step.candidate.url, step)
        if first is step:
            continue
        derived = first.candidate.derived and step.candidate.derived
        guessed = first.candidate.guessed and step.candidate.guessed
        merged = replace(first.candidate, derived=derived, guessed=guessed)
        unique[step.candidate.url] = replace(first, candidate=merged)
    chosen = sorted(unique.values(), key=lambda step: step.cost)[: max(most, 0)]
    return tuple(step.candidate for step in sorted(chosen, key=_Step.when))


def without_candidates(asset: Asset) -> tuple[str, str]:
    """Return why there is no URL to try for an asset: the reason's word, and a sentence."""
    if asset.left_out:
        return "too-many", asset.left_out
    return "no-source", "the replies declare it without an address that can be asked"


@dataclass(frozen=True, slots=True)
class _Url:
    """An absolute URL; `query` has its question mark.

    The CDN's URLs are https whatever the reply says (docs/api.md#streams); a server with a port of its own
    is no CDN host and keeps its scheme.
    """

    host: str
    path: str
    query: str = ""
    scheme: str = "https"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}{self.query}"


@dataclass(frozen=True, slots=True)
class _Rendition:
    """One file on the platform's side, and the ways to it; `strength` is its bitrate or encoder setting.

    `declared` is what leads there first; of a `derived` rendition the reply gives no URL at all.
    """

    source: Source
    quality: Quality
    declared: tuple[_Url, ...]
    mirrors: tuple[_Url, ...] = ()
    derived: bool = False
    area: int = 0
    strength: int = 0
    converted: bool = False


@dataclass(frozen=True, slots=True)
class _Step:
    """A candidate with its place in the plan, and what it costs to keep it there."""

    phase: int
    place: int
    turn: int
    cost: int
    candidate: Candidate

    def when(self) -> tuple[int, int, int]:
        return self.phase, self.place, self.turn


def _phase(rendition: _Rendition, prefer: Preference) -> int:
    if rendition.source.unproven:
        return 8
    if rendition.quality is Quality.DEGRADED:
        return 6
    if rendition.quality is Quality.ORIGINAL and prefer is Preference.FAST:
        return 4
    return 2 if rendition.converted and prefer is not Preference.LARGEST else 0


def _rank(rendition: _Rendition, prefer: Preference) -> tuple[int, ...]:
    """The order of preference; equals stay in the order of the reply, because sorting is stable."""
    phase, size = _phase(rendition, prefer), rendition.source.size
    if prefer is Preference.FAST:
        known_area = rendition.area or _WHOLE_UPLOAD
        return phase, not rendition.source.preferred, known_area, rendition.strength, size
    touched = rendition.quality is not Quality.ORIGINAL
    first, second = (
        (touched, -rendition.area) if prefer is Preference.ORIGINAL else (-rendition.area, touched)
    )
    return phase, first, second, -rendition.strength, -size


def _steps(rendition: _Rendition, place: int, asset: Asset, prefer: Preference) -> Iterator[_Step]:
    # A picture's mirrors wait for all declared URLs, which carry a signature made for their host.
    phase, later = _phase(rendition, prefer), int(asset.slot.kind in _PICTURES)
    file = rendition.declared[0].path
    for turn, url in enumerate(rendition.declared):
        # The first host of a derived rendition serves every upload; the others are guesses beside it.
        guessed = rendition.derived and (turn > 0 or rendition.source.unproven)
        candidate = _candidate(rendition, url, file, derived=rendition.derived, guessed=guessed)
        yield _Step(phase, place, turn, place + turn, candidate)
    for turn, url in enumerate(rendition.mirrors, len(rendition.declared)):
        cost = place + turn + _MIRROR_COST
        candidate = _candidate(rendition, url, file, derived=True, guessed=True)
        yield _Step(phase + later, place, turn, cost, candidate)


def _candidate(rendition: _Rendition, url: _Url, file: str, *, derived: bool, guessed: bool) -> Candidate:
    """A candidate with the declared size and MD5 where it is surely the same file: under the same path."""
    source = rendition.source
    size, md5 = (source.size, source.md5) if url.path == file else (0, "")
    duration = source.duration_ms
    return Candidate(str(url), rendition.quality, source.field, size, md5, derived, guessed, duration)


def _renditions(asset: Asset) -> list[_Rendition]:
    if asset.slot.kind in _PICTURES:
        return list(_picture_renditions(asset))
    return [rendition for source in asset.sources for rendition in _stream_renditions(source, asset)]


def _picture_renditions(asset: Asset) -> Iterator[_Rendition]:
    keys = [(source, key) for source in asset.sources if (key := _safe_key(source.key))]
    keys = keys or list(_keys_in_urls(asset))[:1]
    for source, key in keys:
        bare = tuple(_Url(host, f"/{key}") for host in _PICTURE_HOSTS)
        quality = source.quality or Quality.ORIGINAL
        yield _Rendition(source, quality, bare, derived=True, area=_WHOLE_UPLOAD)
    for source in asset.sources:
        if url := _parse(source.url):
            yield _declared_picture(source, url, asset, [key for _, key in keys])
    for source, key in keys:
        jpeg = (_Url(_PICTURE_HOSTS[0], f"/{key}", _FULL_SIZE_JPEG),)
        area = asset.width * asset.height or _WHOLE_UPLOAD
        yield _Rendition(source, Quality.TRANSCODE, jpeg, derived=True, area=area, converted=True)


def _declared_picture(source: Source, url: _Url, asset: Asset, keys: Sequence[str]) -> _Rendition:
    quality, area, strength = _judge(url, asset, keys)
    backups = filter(None, map(_parse, source.backups))
    mirrors = tuple(_Url(host, url.path, url.query) for host in _siblings(url.host, _PICTURE_FAMILIES))
    declared = (url, *backups)
    return _Rendition(source, source.quality or quality, declared, mirrors, area=area, strength=strength)


def _stream_renditions(source: Source, asset: Asset) -> Iterator[_Rendition]:
    quality = source.quality or Quality.RENDITION
    area = source.pixels
    if quality is Quality.ORIGINAL:
        area = area or asset.width * asset.height or _WHOLE_UPLOAD
    listed = tuple(filter(None, map(_parse, (source.url, *source.backups))))
    if listed:
        mirrors = tuple(_Url(host, listed[0].path) for host in _siblings(listed[0].host, _STREAM_FAMILIES))
        yield _Rendition(source, quality, listed, mirrors, area=area, strength=source.bitrate)
    if key := _safe_key(source.key):
        hosts = _UNPROVEN_HOSTS if source.unproven else _VIDEO_HOSTS
        bare = tuple(_Url(host, f"/{key}") for host in hosts)
        yield _Rendition(source, quality, bare, derived=True, area=area, strength=source.bitrate)


def _judge(url: _Url, asset: Asset, keys: Sequence[str]) -> tuple[Quality, int, int]:
    """What a picture's URL says of it: its quality, its area in pixels and its encoder's quality setting."""
    _, styled, style = url.path.partition("!")
    if styled:
        return (Quality.DEGRADED if _SMALL_OR_MARKED_STYLE.search(style) else Quality.TRANSCODE), 0, 0
    if not url.query:
        is_upload = any(url.path.endswith(f"/{key}") for key in keys)
        return (Quality.ORIGINAL, _WHOLE_UPLOAD, 0) if is_upload else (Quality.TRANSCODE, 0, 0)
    width, height, strength = _view_settings(url.query)
    area, shrunk = _fit(width, height, asset)
    preview = shrunk and 0 < max(width, height) <= _PREVIEW_EDGE
    return (Quality.DEGRADED if preview else Quality.TRANSCODE), area, strength


@lru_cache(maxsize=256)  # a note's pictures share a few of these
def _view_settings(query: str) -> tuple[int, int, int]:
    """The box of the first `imageView2` instruction and its quality setting; 0 for what it leaves out."""
    instruction = _END_OF_INSTRUCTION.split(query.partition("imageView2")[2], maxsplit=1)[0]
    found = (pattern.search(instruction) for pattern in _VIEW_SETTINGS)
    width, height, strength = (int(setting[1]) if setting else 0 for setting in found)
    return width, height, strength


def _fit(width: int, height: int, asset: Asset) -> tuple[int, bool]:
    """The area of the upload inside a box that never enlarges, 0 being no bound, and whether it shrank."""
    if not width and not height:
        return asset.width * asset.height or _WHOLE_UPLOAD, False
    if not asset.width or not asset.height:
        return (width or height) * (height or width), True
    bounds = ((width, asset.width), (height, asset.height))
    scale = min(1.0, *(bound / edge for bound, edge in bounds if bound))
    return int(asset.width * asset.height * scale * scale), scale < 1


@lru_cache(maxsize=256)
def _siblings(host: str, families: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]) -> tuple[str, ...]:
    for pattern, hosts in families:
        if pattern.fullmatch(host):
            return tuple(sibling for sibling in hosts if sibling != host)[:_MOST_MIRRORS]
    return ()


def _keys_in_urls(asset: Asset) -> Iterator[tuple[Source, str]]:
    """The storage keys that a picture's URLs show (docs/api.md#derived-addresses); frames show none."""
    for source in asset.sources:
        url = _parse(source.url)
        if url is None or source.quality is not None:
            continue
        signed = _WEB_PATH.fullmatch(url.path)
        if signed is None and not _siblings(url.host, _PICTURE_FAMILIES):
            continue
        if key := _safe_key(signed[1] if signed else url.path):
            yield source, key


def _safe_key(key: str) -> str:
    """The key as it stands, without a leading slash; "" for one that a path cannot carry untouched."""
    bare = key.removeprefix("/")
    return bare if len(bare) <= _LONGEST_KEY and _KEY.fullmatch(bare) else ""


def _parse(url: str) -> _Url | None:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in ("http", "https") or _BREAKS_A_URL.search(url):
        return None
    rest, question, query = rest.partition("#")[0].partition("?")
    host, _, path = rest.partition("/")
    host = re.sub(r":(80|443)$", "", host.lower())
    scheme = scheme.lower() if ":" in host else "https"
    return _Url(host, f"/{path}", question + query, scheme) if _HOST.fullmatch(host) else None
