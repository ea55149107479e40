"""Pictures that are stored on their side are shown upright, in every format."""

import io
from pathlib import Path

import pytest
from PIL import Image
from support.altered_demo_world import AlteredWorld
from support.command import folder_of, manifests, run
from support.fake_world import running
from support.gallery_visit import Visiting

from xharchive.demo.world import DemoWorld

NOTE = "6a4c0a12000000002001f7e6"
"""Two pictures, both declared as 900x1200."""


def on_its_side(kind: str) -> bytes:
    """A picture of 1200 x 900 stored pixels that is to be turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    sink = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((1200, 900)).save(sink, kind, exif=exif.tobytes())
    return sink.getvalue()


@pytest.fixture(params=["WEBP", "JPEG", "PNG"])
def turned(request: pytest.FixtureRequest, demo_world: DemoWorld, tmp_path: Path) -> Path:
    """An archive whose first picture is stored on its side."""
    world = AlteredWorld(demo_world)
    world.serves(world.notes[NOTE].originals["image-1"], on_its_side(request.param))
    with running(world) as fake:
        assert run(["get", NOTE, "-d", tmp_path, *fake.with_gallery]).code == 0
    return tmp_path


async def test_it_is_shown_upright(turned: Path, visiting: Visiting) -> None:
    """Browsers pass over the orientation of a WebP: an upright version of it is shown."""
    entry = next(entry for entry in manifests(turned)[NOTE]["files"] if entry["position"] == 1)
    assert (entry["width"], entry["height"], entry["orientation"]) == (900, 1200, 6)
    async with visiting(turned) as visit:
        page = await visit.open(f"{folder_of(turned, NOTE).name}/index.html")
        picture = page.locator(".frame img").first
        await picture.evaluate("image => image.decode()")
        width, height = await picture.evaluate("image => [image.naturalWidth, image.naturalHeight]")
        assert (width, height) == (900, 1200)
