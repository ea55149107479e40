"""Assets as replies declare them, and what is planned for them, in short words."""

from urllib.parse import urlsplit

from xharchive.media import AssetKind
from xharchive.models import Asset, Candidate, MediaSource, Quality, Slot
from xharchive.url_candidates import Preference, rank_candidates

KEY = "notes_uhdr/1040g3qo31tgdnb2m5m705oj45g341eq04lpa130"
APP = "https://sns-i8.rednotecdn.com"
WEB = "http://sns-webpic-qc.xhscdn.com/202611200101/" + "0a" * 16
MD5 = "1f045bc1a69f1c19ed373ec5452d3da5"
BARE = [
    f"https://{host}/{KEY}"
    for host in (
        "ci.xiaohongshu.com",
        "sns-img-bd.xhscdn.com",
        "sns-img-hw.xhscdn.com",
        "sns-img-qc.xhscdn.com",
        "sns-img-al.xhscdn.com",
    )
]
JPEG = f"https://ci.xiaohongshu.com/{KEY}?imageView2/2/w/0/format/jpg"


def key_source(key: str = KEY) -> MediaSource:
    return MediaSource("fileid", key=key, quality=Quality.ORIGINAL)


def view(box: str, host: str = APP, key: str = KEY) -> str:
    return f"{host}/{key}?imageView2/2/{box}&redImage/frame/0&ap=1&sign=a7&t=69aede0f"


def picture(
    *sources: MediaSource, kind: AssetKind = AssetKind.IMAGE, size: tuple[int, int] = (5712, 4284)
) -> Asset:
    return Asset(Slot(kind, 1), "v1", sources, *size)


def declared(*urls: str) -> tuple[MediaSource, ...]:
    return tuple(MediaSource(f"f{number}", url=url) for number, url in enumerate(urls))


def stream(name: str, quality: Quality = Quality.RENDITION, **more: object) -> MediaSource:
    host = "http://sns-v8.rednotecdn.com"
    fields: dict[str, object] = {"url": f"{host}/stream/1/{name}.mp4", "quality": quality, **more}
    return MediaSource(name, **fields)  # type: ignore[arg-type]  # the fields of one dataclass, as keywords


def movie(*sources: MediaSource, kind: AssetKind = AssetKind.VIDEO) -> Asset:
    return Asset(Slot(kind), "v6", sources)


def urls(asset: Asset, prefer: Preference = Preference.ORIGINAL, most: int = 20) -> list[str]:
    return [candidate.url for candidate in rank_candidates(asset, prefer, most)]


def files(asset: Asset, prefer: Preference = Preference.ORIGINAL, most: int = 20) -> list[str]:
    """The names of the files that are tried, each once, in order."""
    return list(dict.fromkeys(urlsplit(url).path.rpartition("/")[2] for url in urls(asset, prefer, most)))


def ranked(asset: Asset, prefer: Preference = Preference.ORIGINAL, limit: int = 20) -> tuple[Candidate, ...]:
    """All candidates of an asset, best first."""
    return tuple(rank_candidates(asset, prefer, limit))
