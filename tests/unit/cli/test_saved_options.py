"""Which options of a run are kept, how they are written, and which command goes on with it."""

import argparse
import json
import shlex
from collections.abc import Mapping

import pytest

from xharchive.cli import build_parser
from xharchive.cli.saved_options import settings_given, with_saved
from xharchive.cli.settings import (
    DESTINATIONS,
    ONE_RUN,
    SAVED,
    SECRET,
    RunSettings,
    from_arguments,
    resume_command,
    saved_text,
)
from xharchive.errors import UsageError

OF_THIS_COMMAND_ONLY = {
    *("help", "directory", "no_kept_options", "dry_run", "recheck_empty"),
    *("quiet", "verbose", "json"),
}


def parsed(*words: str) -> RunSettings:
    return from_arguments(RunSettings, build_parser().parse_args(words))


def resumed(saved: str, environment: Mapping[str, str]) -> RunSettings:
    """What `resume` without options of its own does with saved ones."""
    settings, given = settings_given(build_parser().parse_args(["resume"]))
    return with_saved("a", settings, given, saved, environment)


def resume_parser() -> argparse.ArgumentParser:
    (verbs,) = (
        action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    found = verbs.choices["resume"]
    assert isinstance(found, argparse.ArgumentParser)
    return found


def test_each_option_of_resume_is_kept_or_not_on_purpose() -> None:
    """A new option is put into one of the lists: what it leads to, if forgotten, is paid for."""
    options = {action.dest for action in resume_parser()._actions}
    lists = [set(SAVED), set(DESTINATIONS), set(ONE_RUN), set(SECRET), OF_THIS_COMMAND_ONLY]
    assert set().union(*lists) == options
    assert sum(map(len, lists)) == len(options)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--image-format", "webp", "--quality", "80", "--prefer", "fast", "--no-gallery"],
        ["--endpoints", "v3,v6", "--resolve-links"],
        [
            "--retries",
            "0",
            "--retry-wait",
            "0.25",
            "--timeout",
            "7.5",
            "--api-timeout",
            "90",
            "--min-rate",
            "2K",
            "--patience",
            "45",
        ],
        ["--api-rate", "7/s"],
        ["--api-rate", "30/m"],
        ["--api-rate", "1/h"],
        ["--api-rate", "999999/h"],
    ],
)
def test_what_is_kept_is_used_again(words: list[str]) -> None:
    """Written and read, each option has the value that it had."""
    asked = parsed("get", "x", *words)
    again = resumed(saved_text(asked, {}), {})
    for name in SAVED:
        assert getattr(again, name) == pytest.approx(getattr(asked, name)), name


def test_only_what_is_not_the_default_is_kept() -> None:
    """So that runs without options are one group, and later defaults hold for them."""
    assert saved_text(parsed("get", "x"), {}) == "[]"
    assert saved_text(parsed("get", "x", "--quality", "92", "-j", "3", "--token-file", "t"), {}) == "[]"


def test_a_proxy_is_neither_kept_nor_printed() -> None:
    """Its address may hold a password."""
    asked = parsed("get", "x", "--proxy", "http://user:s3cret@127.0.0.1:3128")
    assert saved_text(asked, {}) == "[]"
    assert resume_command("a", asked, {}, include_saved=True) == "xharchive resume -d a"


def test_the_environment_counts_as_given() -> None:
    """It is kept as what it means, and is not overridden by what is kept."""
    environment = {"XHARCHIVE_MIN_RATE": "1K", "XHARCHIVE_ALLOW_HOSTS": "a.example, b.example"}
    kept = saved_text(parsed("get", "x", "--allow-host", "c.example"), environment)
    hosts = ["--allow-host", "a.example", "--allow-host", "b.example", "--allow-host", "c.example"]
    assert json.loads(kept) == ["--min-rate", "1K", *hosts]
    assert resumed(kept, environment).min_rate is None
    with pytest.raises(UsageError, match=r"--allow-host a\.example"):
        resumed(kept, {})


def test_the_command_is_quoted_for_a_shell() -> None:
    """Whatever the folder is called."""
    args = parsed("get", "x", "--resolve", "*=127.0.0.1:1", "--max-calls", "5", "--json")
    command = resume_command("my 'notes'", args, {}, include_saved=True)
    assert shlex.split(command) == [
        *("xharchive", "resume", "-d", "my 'notes'"),
        *("--resolve", "*=127.0.0.1:1", "--max-calls", "5"),
    ]


def test_options_that_are_too_long_to_be_kept_are_refused() -> None:
    """Before anything is paid."""
    hosts = ",".join(f"host-{number}.example" for number in range(5000))
    with pytest.raises(UsageError, match="too many to be saved"):
        saved_text(parsed("get", "x", "--allow-host", hosts), {})


def test_a_command_too_long_to_be_shown_names_its_options() -> None:
    """An archive from somebody else may have anything in it."""
    kept = json.dumps(["--allow-host", "a" * 3000])
    with pytest.raises(UsageError, match="run: xharchive resume with --allow-host") as raised:
        resumed(kept, {})
    assert len(str(raised.value)) < 400
