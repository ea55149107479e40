"""List the URLs to try for an asset, best first.

A rendition is one file on the platform: its main URL, the backups that the reply declares, and mirrors, which
are sibling hosts with the same path. Renditions are ranked by what the reply and the URLs say. Within a
rendition, the declared URLs come first. URLs are split and joined as text and never re-encoded: the query is
not key=value, and must be sent byte for byte (docs/api.md#transforms).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from operator import itemgetter
from typing import overload

from xharchive.media import AssetKind
from xharchive.models import Asset, Candidate, MediaSource, Quality


class Preference(StrEnum):
    """Choose what matters most: the untouched upload, the most pixels, or a small download."""

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


def _host_family(pattern: str, names: str, domain: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    return re.compile(pattern), tuple(f"{name}.{domain}" for name in names.split())


_PICTURE_FAMILIES = (
    _host_family(r"sns-i\d+(-[a-z]+)?\.rednotecdn\.com", "sns-i8 sns-i10 sns-i11 sns-i27", "rednotecdn.com"),
    _host_family(
        r"sns-na-i\d+(-[a-z]+)?\.xhscdn\.com", "sns-na-i8 sns-na-i11 sns-na-i1 sns-na-i4", "xhscdn.com"
    ),
    (re.compile(r"ci\.xiaohongshu\.com|sns-img-[a-z]+\.xhscdn\.com"), _PICTURE_HOSTS),
)
_STREAM_FAMILIES = (
    _host_family(r"sns-v\d+(-[a-z]+)?\.rednotecdn\.com", "sns-v8 sns-v10 sns-v11 sns-v27", "rednotecdn.com"),
    _host_family(
        r"sns-video-[a-z0-9]+\.xhscdn\.(com|net)",
        "sns-video-bd sns-video-hw sns-video-al sns-video-qc",
        "xhscdn.com",
    ),
    _host_family(r"sns-bak-v\d+\.xhscdn\.com", "sns-bak-v6 sns-bak-v8 sns-bak-v10 sns-bak-v1", "xhscdn.com"),
)
"""Hosts that serve the same paths (docs/api.md#mirrors)."""

_PICTURES = frozenset({AssetKind.IMAGE, AssetKind.COVER})
_MAX_MIRRORS = 3
_MIRROR_COST = 3
_PREVIEW_EDGE = 640
_LARGEST_AREA = 10**12
"""Assumed area in pixels of a file whose size is unknown and that no other file can exceed."""

_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f-\x9f\\\s]")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,3}|:[1-5][0-9]{4})?")
_KEY = re.compile(r"(?!.*\.\.)[A-Za-z0-9_.~@=+,-]+(?:/[A-Za-z0-9_.~@=+,-]+)*")
_MAX_KEY_LENGTH = 300
_INSTRUCTION_END = re.compile(r"[&|]|%7C")
_VIEW_SETTINGS = tuple(re.compile(rf"/{name}/(\d{{1,6}})(?![^/])") for name in "whq")
_WEB_PATH = re.compile(r"/\d{12}/[0-9a-f]{32}/([^!]+)!.+")
_PREVIEW_OR_WATERMARK_STYLE = re.compile(r"prv|wm", re.IGNORECASE)


class Candidates(Sequence[Candidate]):
    """The URLs to try for an asset, best first. Each candidate is made when it is first looked at."""

    def __init__(self, planned: Sequence["_Planned"] = ()) -> None:
        self._planned = planned
        self._made: dict[int, Candidate] = {}

    def __len__(self) -> int:
        return len(self._planned)

    def __iter__(self) -> Iterator[Candidate]:
        return map(self.__getitem__, range(len(self._planned)))

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, index: int | slice) -> Candidate | tuple[Candidate, ...]:
        if isinstance(index, slice):
            return tuple(map(self.__getitem__, range(*index.indices(len(self)))))
        made = self._made.get(index)
        if made is None:
            rendition, url, same_file, derived, guessed = self._planned[index]
            source = rendition.source
            # Only the same path is surely the same file.
            size, md5 = (source.size, source.md5) if same_file else (0, "")
            made = self._made[index] = Candidate(
                url, rendition.quality, source.field, size, md5, derived, guessed, source.duration_ms
            )
        return made


def rank_candidates(asset: Asset, prefer: Preference = Preference.ORIGINAL, limit: int = 20) -> Candidates:
    """Return the URLs to try for an asset, best first, at most `limit`, without duplicates.

    By default the uploaded file comes first, then the platform's renditions by size. Small previews and
    watermarked copies follow, and unproven derived URLs come last (docs/api.md#quality). `LARGEST` ranks by
    pixels, whether transcoded or not. `FAST` ranks the smallest first, and the upload after the renditions.
    No preference ranks a watermarked copy before a clean one.

    If there are more than `limit`, the mirrors of a rendition are dropped before the main URL of a later
    rendition. So no rendition displaces all others, and better renditions keep more mirrors.
    """
    is_picture = asset.slot.kind in _PICTURES
    found = _picture_renditions(asset) if is_picture else _stream_renditions(asset)
    order: list[tuple[int, int, int, int, _Planned]] = []  # phase, rank, turn, cost
    for rank, (key, _, rendition) in enumerate(
        sorted([(_rank(rendition, prefer), number, rendition) for number, rendition in enumerate(found)])
    ):
        phase, source, derived = key[0], rendition.source, rendition.derived
        file, turn = rendition.declared[0][2], 0
        for scheme, host, path, query in rendition.declared:
            # The first host of a derived rendition serves each upload; the other hosts are guesses.
            guessed = derived and (turn > 0 or source.unproven)
            planned = (rendition, f"{scheme}://{host}{path}{query}", path == file, derived, guessed)
            order.append((phase, rank, turn, rank + turn, planned))
            turn += 1
        # A picture's mirrors come after all declared URLs, which have a signature for their host.
        for scheme, host, path, query in rendition.mirrors:
            planned = (rendition, f"{scheme}://{host}{path}{query}", path == file, True, True)
            order.append((phase + is_picture, rank, turn, rank + turn + _MIRROR_COST, planned))
            turn += 1
    order.sort(key=_BY_ORDER)
    unique: dict[str, tuple[int, _Planned]] = {}
    for *_, cost, planned in order:
        first_cost, first = unique.setdefault(planned[1], (cost, planned))
        if first is not planned:  # what one of them knows of the URL holds for the other
            rendition, url, same_file, derived, guessed = first
            merged = (rendition, url, same_file, derived and planned[3], guessed and planned[4])
            unique[url] = first_cost, merged
    if len(unique) > limit:
        kept = sorted(unique.values(), key=itemgetter(0))[: max(limit, 0)]
        return Candidates([entry[1] for entry in unique.values() if entry in kept])
    return Candidates([planned for _, planned in unique.values()])


def reason_without_candidates(asset: Asset) -> tuple[str, str]:
    """Return why there is no URL to try for an asset: a reason code and a sentence."""
    if asset.left_out:
        return "too-many", asset.left_out
    return "no-source", "the replies declare it without a usable URL"


# Scheme, host, path, and query with its question mark. URLs of the CDN are https, whatever the reply says
# (docs/api.md#streams). A host with a port is not a CDN host and keeps its scheme.
_Url = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class _Rendition:
    """Describe one file on the platform and its URLs.

    Args:
        declared: URLs to try first.
        derived: The reply gives no URL for it.
        area: Size in pixels, 0 if unknown.
        encoder_setting: Bitrate or quality setting.
        converted: The platform converts the upload to JPEG on request.
    """

    source: MediaSource
    quality: Quality
    declared: Sequence[_Url]
    mirrors: Sequence[_Url] = ()
    derived: bool = False
    area: int = 0
    encoder_setting: int = 0
    converted: bool = False


# A rendition, one URL of it, whether that has the declared path, and whether it is derived and guessed.
_Planned = tuple[_Rendition, str, bool, bool, bool]
_BY_ORDER = itemgetter(0, 1, 2)


def _rank(rendition: _Rendition, prefer: Preference) -> tuple[int, ...]:
    """Return the sort key of a rendition. Equal ones stay in the order of the reply."""
    source, is_upload = rendition.source, rendition.quality is Quality.ORIGINAL
    if source.unproven:
        phase = 8
    elif rendition.quality is Quality.DEGRADED:
        phase = 6
    elif is_upload and prefer is Preference.FAST:
        phase = 4
    else:
        phase = 2 if rendition.converted and prefer is not Preference.LARGEST else 0
    if prefer is Preference.FAST:
        known_area = rendition.area or _LARGEST_AREA
        return phase, not source.preferred, known_area, rendition.encoder_setting, source.size
    by_area = (-rendition.area, not is_upload)
    first, second = by_area[::-1] if prefer is Preference.ORIGINAL else by_area
    return phase, first, second, -rendition.encoder_setting, -source.size


def _picture_renditions(asset: Asset) -> Iterator[_Rendition]:
    keys = [(source, key) for source in asset.sources if (key := _valid_key(source.key))]
    keys = keys or list(_keys_in_urls(asset))[:1]
    for source, key in keys:
        bare = [("https", host, f"/{key}", "") for host in _PICTURE_HOSTS]
        quality = source.quality or Quality.ORIGINAL
        yield _Rendition(source, quality, bare, derived=True, area=_LARGEST_AREA)
    for source in asset.sources:
        if url := _parse_url(source.url):
            quality, area, encoder_setting = _assess_picture_url(url, asset, [key for _, key in keys])
            declared = [url, *filter(None, map(_parse_url, source.backups))]
            siblings = _sibling_hosts(url[1], _PICTURE_FAMILIES)
            mirrors = [("https", host, url[2], url[3]) for host in siblings]
            yield _Rendition(
                source, source.quality or quality, declared, mirrors, False, area, encoder_setting
            )
    for source, key in keys:
        jpeg = (("https", _PICTURE_HOSTS[0], f"/{key}", _FULL_SIZE_JPEG),)
        area = asset.width * asset.height or _LARGEST_AREA
        yield _Rendition(source, Quality.TRANSCODE, jpeg, derived=True, area=area, converted=True)


def _stream_renditions(asset: Asset) -> Iterator[_Rendition]:
    for source in asset.sources:
        quality, area = source.quality or Quality.RENDITION, source.pixels
        if quality is Quality.ORIGINAL:
            area = area or asset.width * asset.height or _LARGEST_AREA
        if listed := [url for text in (source.url, *source.backups) if (url := _parse_url(text))]:
            siblings = _sibling_hosts(listed[0][1], _STREAM_FAMILIES)
            mirrors = [("https", host, listed[0][2], "") for host in siblings]
            yield _Rendition(source, quality, listed, mirrors, area=area, encoder_setting=source.bitrate)
        if key := _valid_key(source.key):
            hosts = _UNPROVEN_HOSTS if source.unproven else _VIDEO_HOSTS
            bare = [("https", host, f"/{key}", "") for host in hosts]
            yield _Rendition(source, quality, bare, derived=True, area=area, encoder_setting=source.bitrate)


def _assess_picture_url(url: _Url, asset: Asset, keys: Sequence[str]) -> tuple[Quality, int, int]:
    """Return the quality, the area in pixels and the encoder's quality setting that a URL shows."""
    _, _, path, query = url
    _, styled, style = path.partition("!")
    if styled:
        return (Quality.DEGRADED if _PREVIEW_OR_WATERMARK_STYLE.search(style) else Quality.TRANSCODE), 0, 0
    if not query:
        is_upload = path.endswith(tuple(f"/{key}" for key in keys))
        return (Quality.ORIGINAL, _LARGEST_AREA, 0) if is_upload else (Quality.TRANSCODE, 0, 0)
    width, height, encoder_setting = _view_settings(query)
    area, shrunk = _fitted_area(width, height, asset.width, asset.height)
    preview = shrunk and 0 < max(width, height) <= _PREVIEW_EDGE
    return (Quality.DEGRADED if preview else Quality.TRANSCODE), area, encoder_setting


@lru_cache(maxsize=256)  # the pictures of a note share a few queries
def _view_settings(query: str) -> tuple[int, int, int]:
    """Return the width, height and quality of the first `imageView2` instruction; 0 if missing."""
    instruction = _INSTRUCTION_END.split(query.partition("imageView2")[2], maxsplit=1)[0]
    found = [pattern.search(instruction) for pattern in _VIEW_SETTINGS]
    width, height, encoder_setting = [int(setting[1]) if setting else 0 for setting in found]
    return width, height, encoder_setting


@lru_cache(maxsize=256)
def _fitted_area(width: int, height: int, full_width: int, full_height: int) -> tuple[int, bool]:
    """Return the area of the upload when shrunk to fit a box, and whether it shrinks.

    A side of 0 means no limit. The platform never enlarges.
    """
    if not width and not height:
        return full_width * full_height or _LARGEST_AREA, False
    if not full_width or not full_height:
        return (width or height) * (height or width), True
    bounds = ((width, full_width), (height, full_height))
    scale = min(1.0, *(bound / edge for bound, edge in bounds if bound))
    return int(full_width * full_height * scale * scale), scale < 1


@lru_cache(maxsize=256)
def _sibling_hosts(
    host: str, families: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]
) -> tuple[str, ...]:
    for pattern, hosts in families:
        if pattern.fullmatch(host):
            return tuple(sibling for sibling in hosts if sibling != host)[:_MAX_MIRRORS]
    return ()


def _keys_in_urls(asset: Asset) -> Iterator[tuple[MediaSource, str]]:
    """Yield each storage key in the URLs of a picture, after the source whose URL has it.

    A key is the path of the upload (docs/api.md#derived-addresses). URLs of video frames contain no key.
    """
    for source in asset.sources:
        url = _parse_url(source.url)
        if url is None or source.quality is not None:
            continue
        signed = _WEB_PATH.fullmatch(url[2])
        if signed is None and not _sibling_hosts(url[1], _PICTURE_FAMILIES):
            continue
        if key := _valid_key(signed[1] if signed else url[2]):
            yield source, key


def _valid_key(key: str) -> str:
    """Return the key without a leading slash; "" if a URL path cannot contain it unchanged."""
    bare = key.removeprefix("/")
    return bare if len(bare) <= _MAX_KEY_LENGTH and _KEY.fullmatch(bare) else ""


@lru_cache(maxsize=256)  # a URL is looked at for its key and as a candidate
def _parse_url(url: str) -> _Url | None:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in ("http", "https") or _NOT_IN_A_URL.search(url):
        return None
    rest, question_mark, query = rest.partition("#")[0].partition("?")
    host, _, path = rest.partition("/")
    host = re.sub(r":(80|443)$", "", host.lower())
    scheme = scheme.lower() if ":" in host else "https"
    return (scheme, host, f"/{path}", question_mark + query) if _HOST.fullmatch(host) else None
