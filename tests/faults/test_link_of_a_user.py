"""A user's link where a note's is wanted, and a user that the API does not know: what to do is said."""

from pathlib import Path

from support.command import run
from support.fake_world import FakeWorld

from xharchive.demo.demo_listings import AUTHOR, PROFILE_LINK, TOPIC

UNKNOWN = "6" * 24
LINK = f"https://www.xiaohongshu.com/user/profile/{AUTHOR}?xsec_token=x"


def test_get_of_a_profile_names_the_command_that_archives_it(world: FakeWorld, tmp_path: Path) -> None:
    """The printed command works as it is; nothing was asked before."""
    ran = run(["get", LINK, "-d", tmp_path, *world.options])
    assert (ran.code, world.seen) == (2, [])
    assert f"xharchive author {AUTHOR} --get" in ran.err
    assert "xsec_token" not in ran.err


def test_get_of_a_short_link_to_a_profile_names_the_command_too(world: FakeWorld, tmp_path: Path) -> None:
    """Where it leads is known only after it was followed."""
    ran = run(["get", PROFILE_LINK, "-d", tmp_path, *world.options])
    assert ran.code == 3
    assert f"xharchive author {AUTHOR} --get" in ran.err


def test_an_unknown_user_is_named_and_not_called_a_note(world: FakeWorld, tmp_path: Path) -> None:
    """The same for a topic."""
    user = run(["author", UNKNOWN, "-d", tmp_path, *world.options])
    topic = run(["topic", UNKNOWN, "-d", tmp_path, *world.options])
    assert (user.code, topic.code) == (3, 3)
    assert f"the user id {UNKNOWN} is not valid" in user.err
    assert f"the topic id {UNKNOWN} is not valid" in topic.err
    assert "note id" not in user.err + topic.err


def test_the_examples_of_the_guide_work_in_the_demo(world: FakeWorld, tmp_path: Path) -> None:
    """The user and the topic that the guide names are in the demo's world."""
    guide = (Path(__file__).parent.parent.parent / "docs" / "guide.md").read_text("utf-8")
    for verb, identifier in (("author", AUTHOR), ("topic", TOPIC)):
        assert f"xharchive {verb} {identifier}" in guide
        assert run([verb, identifier, "--ids", "--limit", "1", "-d", tmp_path, *world.options]).code == 0
