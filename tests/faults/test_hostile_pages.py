"""Pages of the gallery that somebody replaced: the next refresh makes them again."""

import pytest
from support.hostile.galleries import PAGES
from support.hostile.judge import assert_harmless
from support.hostile.scene import Scene
from support.hostile.sqlite_files import Builder
from support.hostile.verbs import EVERY_VERB, Verb


@pytest.mark.parametrize("verb", [verb for verb in EVERY_VERB if verb.makes_pages], ids=str)
@pytest.mark.parametrize("build", PAGES.values(), ids=PAGES)
def test_a_replaced_page_is_made_again(scene: Scene, build: Builder, verb: Verb) -> None:
    """A page of the same size is made again as well, whatever time it has."""
    scene.prepare(build)
    assert_harmless(scene, verb)
