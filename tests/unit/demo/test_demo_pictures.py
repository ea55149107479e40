"""The demo's pictures are what they say: they decode, and carry the metadata that an upload would."""

from io import BytesIO

import pillow_heif
import pytest
from PIL import Image, ImageStat

from tools.demo_media.pictures import Camera, PictureFormat, make_picture
from tools.demo_media.scenes import draw_scene
from xharchive.demo.world import transcode
from xharchive.media import sniff

SIZE = (180, 240)
FORMATS: tuple[PictureFormat, ...] = ("heic", "heic10", "jpeg", "webp", "png")
ORIENTATION, MODEL = 0x0112, 0x0110


def opened(data: bytes) -> Image.Image:
    if data[4:8] == b"ftyp":
        return pillow_heif.open_heif(BytesIO(data)).to_pillow()
    return Image.open(BytesIO(data))


@pytest.mark.parametrize("kind", FORMATS)
def test_the_bytes_are_of_the_format_that_was_asked_for(kind: PictureFormat) -> None:
    """Magic bytes, not names, tell a format."""
    known = sniff(make_picture(kind, 3, SIZE))
    assert known is not None
    assert known.name == {"heic": "heif", "heic10": "heif"}.get(kind, kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_upload_decodes_to_its_scene(kind: PictureFormat) -> None:
    """Encoding and metadata leave the scene as it was drawn."""
    picture = opened(make_picture(kind, 3, SIZE, Camera())).convert("RGB")
    drawn = draw_scene(3, SIZE)
    assert picture.size == SIZE
    assert ImageStat.Stat(picture).mean == pytest.approx(ImageStat.Stat(drawn).mean, abs=6)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_upload_carries_exif_profile_and_xmp(kind: PictureFormat) -> None:
    """An archive that strips metadata can be told from one that keeps it."""
    picture = opened(make_picture(kind, 3, SIZE, Camera(model="Model of the test")))
    exif = Image.Exif()
    exif.load(picture.info["exif"])
    assert exif[MODEL] == "Model of the test"
    assert b"acsp" in picture.info["icc_profile"]
    assert b"scene-3" in bytes(picture.info["xmp"])


def test_without_a_camera_there_is_no_exif() -> None:
    """Some applications strip pictures before they upload them."""
    assert not opened(make_picture("heic", 3, SIZE)).info.get("exif")


def test_a_turned_picture_is_stored_on_its_side() -> None:
    """Orientation 6: the pixels lie on their side, and EXIF says how to turn them."""
    picture = opened(make_picture("jpeg", 3, SIZE, Camera(orientation=6)))
    assert picture.size == SIZE[::-1]
    assert picture.getexif()[ORIENTATION] == 6


def test_a_turned_heic_is_turned_back_by_its_decoder() -> None:
    """A HEIC says it twice: in its own `irot` and in EXIF; decoders follow the former."""
    assert opened(make_picture("heic", 3, SIZE, Camera(orientation=6))).size == SIZE


def test_a_deep_heic_has_ten_bits() -> None:
    """What would be lost by decoding to eight bits is really there."""
    heif = pillow_heif.open_heif(BytesIO(make_picture("heic10", 3, SIZE)), convert_hdr_to_8bit=False)
    assert heif.info["bit_depth"] == 10


def test_exif_may_be_larger_than_a_jpeg_segment() -> None:
    """More than 65,533 bytes do not fit in an APP1 segment (CIPA DC-008, 4.5.4)."""
    picture = opened(make_picture("heic", 3, SIZE, Camera(maker_note=80_000)))
    assert len(picture.info["exif"]) > 80_000


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_seed_gives_the_same_bytes(kind: PictureFormat) -> None:
    """Digests can be declared before a file is asked for."""
    assert make_picture(kind, 5, SIZE, Camera()) == make_picture(kind, 5, SIZE, Camera())


def test_each_seed_gives_another_picture() -> None:
    """Two notes of the demo do not look alike."""
    assert len({draw_scene(seed, SIZE).tobytes() for seed in range(30)}) == 30


@pytest.mark.parametrize(("target", "name"), [("heif", "heif"), ("webp", "webp"), ("jpg", "jpeg")])
def test_a_transcode_fits_and_has_no_metadata(target: str, name: str) -> None:
    """The CDN's transcodes are smaller and bare: docs/api.md#transforms."""
    upload = make_picture("heic", 3, SIZE, Camera(orientation=6))
    body, media_type = transcode(upload, (90, 0), target, 60)
    known, picture = sniff(body), opened(body)
    assert known is not None
    assert known.name == name
    assert media_type == f"image/{name}"
    assert picture.size == (90, 120)
    assert not picture.info.get("exif")


def test_a_transcode_never_enlarges() -> None:
    """`imageView2/2` fits inside: docs/api.md#transforms."""
    body, _ = transcode(make_picture("png", 3, SIZE), (5000, 5000), "jpg", 60)
    assert opened(body).size == SIZE
