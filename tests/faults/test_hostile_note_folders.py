"""Every verb over archives with prepared note folders, judged from outside."""

from support.hostile.judge import assert_harmless
from support.hostile.matrix import over
from support.hostile.notes import FOLDERS
from support.hostile.scene import Scene
from support.hostile.sqlite_files import Builder
from support.hostile.verbs import Verb


@over(FOLDERS)
def test_no_harm_is_done(scene: Scene, build: Builder, verb: Verb) -> None:
    """Nothing outside is changed or read, nobody is connected to, the command ends well and in bounds."""
    scene.prepare(build)
    assert_harmless(scene, verb)
