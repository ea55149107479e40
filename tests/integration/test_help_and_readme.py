"""The help, the README and the guide say what is true: every verb, option, exit code and example."""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import run

from xharchive.cli import build_parser
from xharchive.cli.print_notes import width
from xharchive.errors import ExitCode

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "guide.md").read_text("utf-8")
VERBS = (
    *("get", "search", "author", "topic", "feed"),
    *("ls", "find", "show", "open", "gallery", "preview"),
    *("resume", "status", "verify", "cost", "reparse", "reindex", "demo"),
)
HEADINGS = ("input", "selection", "archive", "money", "API", "network", "pictures", "output")


def _verbs() -> dict[str, argparse.ArgumentParser]:
    (action,) = (
        action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(action.choices)


def test_every_verb_is_tested_here() -> None:
    """A new verb joins the list above, and so the tests below."""
    assert set(_verbs()) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_help_with_examples_that_parse(verb: str) -> None:
    """`--help` works, ends with examples, and each example is accepted by the parser."""
    ran = run([verb, "--help"])
    assert ran.code == 0
    examples = list(_commands(_verbs()[verb].epilog or ""))
    assert len(examples) >= 3
    for example in examples:
        build_parser().parse_args(example)


@pytest.fixture
def _terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.usefixtures("_terminal_of_80_columns")
@pytest.mark.parametrize("command", [[], *([verb] for verb in VERBS)], ids=" ".join)
def test_the_help_fits_on_one_screen(command: list[str]) -> None:
    """At most 40 lines of at most 80 columns; a Chinese character takes two."""
    lines = run([*command, "--help"]).out.splitlines()
    assert len(lines) <= 40
    assert [line for line in lines if width(line) > 80] == []


@pytest.mark.usefixtures("_terminal_of_80_columns")
@pytest.mark.parametrize("verb", VERBS)
def test_the_help_explains_each_common_option_in_one_line(verb: str) -> None:
    """And says how to see the other options, if there are any."""
    ran = run([verb, "--help"])
    _, _, listed = ran.out.partition("\noptions:\n")
    lines = listed.partition("\n\n")[0].splitlines()
    assert lines
    if f"xharchive {verb} --help-all" in ran.out:
        assert all(re.match(r"  -", line) for line in lines)
    else:
        assert _options_in(ran.out) == _options_of(verb)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_in_the_long_help(verb: str) -> None:
    """`--help-all` lists each option once."""
    ran = run([verb, "--help-all"])
    assert ran.code == 0
    assert _options_in(ran.out) - {"-h", "--help", "--help-all"} == _options_of(verb)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_the_long_help_has_a_heading(verb: str) -> None:
    """Options that belong together stand below one heading, and the headings come in one order."""
    headings = re.findall(r"^([A-Za-z]+):$", run([verb, "--help-all"]).out, re.MULTILINE)
    assert headings[-2:] == ["help", "examples"]
    listed = [heading for heading in headings[:-2] if heading != "arguments"]
    assert listed == [heading for heading in HEADINGS if heading in listed]
    assert listed


@pytest.mark.parametrize("verb", ["get", "resume", "search"])
def test_the_long_help_of_a_run_has_all_headings_of_a_run(verb: str) -> None:
    text = run([verb, "--help-all"]).out
    for heading in ("archive", "money", "API", "network", "pictures", "output"):
        assert f"\n{heading}:\n" in text


@pytest.mark.parametrize("verb", VERBS)
def test_the_long_help_has_all_examples(verb: str) -> None:
    assert (_verbs()[verb].epilog or "") in run([verb, "--help-all"]).out


def test_the_long_help_of_the_program_explains_each_exit_code() -> None:
    text = run(["--help-all"]).out
    for code in ExitCode:
        assert re.search(rf"^  {int(code)} ", text, re.MULTILINE), code


def _options_in(help_text: str) -> set[str]:
    """Return the options that a help text lists: the words with dashes at the start of its lines."""
    starts = re.findall(r"^  (-\S.*?)(?:  |$)", help_text, re.MULTILINE)
    return {word for start in starts for word in re.findall(r"(?:^|, )(--?[A-Za-z-]+)", start)}


def _options_of(verb: str) -> set[str]:
    found = {option for action in _verbs()[verb]._actions for option in action.option_strings}
    return found - {"-h", "--help", "--help-all"}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_in_the_guide(verb: str) -> None:
    """What is not in the guide does not exist for a user."""
    assert f"xharchive {verb}" in GUIDE


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_explained(verb: str) -> None:
    """No option without a help text."""
    for action in _verbs()[verb]._actions:
        assert action.help, action.option_strings


@pytest.mark.parametrize(
    "name", ["README.md", "README.zh-CN.md", "docs/guide.md", "sample_manifests/README.md"]
)
def test_the_commands_of_a_document_parse(name: str) -> None:
    """Every `xharchive …` line in its code blocks is accepted by the parser."""
    blocks = re.findall(r"```(?:sh|console|crontab)\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
    commands = [command for block in blocks for command in _commands(block)]
    assert len(commands) >= (2 if name.startswith("sample") else 8)
    for command in commands:
        build_parser().parse_args(command)


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of every xharchive command in a text, without pipes, variables and comments."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r" \| | && ", line):
            words = shlex.split(part, comments=True)
            if "xharchive" in words:
                arguments = words[words.index("xharchive") + 1 :]
                stop = next((place for place, word in enumerate(arguments) if word in (">", "2>")), None)
                if arguments[:1] and arguments[0] in VERBS:
                    yield arguments[:stop]


@pytest.mark.parametrize("code", list(ExitCode))
def test_exit_codes_stand_in_the_help_and_the_guide(code: ExitCode) -> None:
    """In `--help`, in the guide, in a test."""
    number = int(code)
    assert re.search(rf"(^|\s){number}(\s|,)", build_parser().epilog or "")
    assert re.search(rf"\|[^|\n]*\b{number}\b[^|\n]*\|", GUIDE)


def test_exit_codes_are_those_of_the_design() -> None:
    """The numbers are a contract."""
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4, 5, 130, 143]


@pytest.mark.parametrize("command", [["-m", "xharchive", "--version"], ["-m", "xharchive", "get", "--help"]])
def test_help_does_not_pay_for_the_network(command: list[str]) -> None:
    """`python -m xharchive` works, and help imports neither aiohttp nor Pillow."""
    probe = (
        "import runpy, sys\n"
        f"sys.argv = ['xharchive', *{command[2:]!r}]\n"
        "try:\n    runpy.run_module('xharchive', run_name='__main__')\n"
        "except SystemExit as stopped:\n    assert not stopped.code, stopped.code\n"
        "heavy = {'aiohttp', 'PIL', 'pillow_heif', 'tqdm', 'sqlite3'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", probe], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("verb", ["gallery", "status", "resume"])
def test_what_needs_no_network_does_not_pay_for_it(tmp_path: Path, verb: str) -> None:
    """Loading aiohttp takes longer than looking through some thousand notes, of which none needs work."""
    (tmp_path / ".xharchive").mkdir()
    probe = (
        "import sys\n"
        "from xharchive.cli import main\n"
        f"code = main([{verb!r}, '-d', {str(tmp_path)!r}])\n"
        "assert not code, code\n"
        "assert 'aiohttp' not in sys.modules\n"
    )
    command = [sys.executable, "-W", "error", "-c", probe]
    with_token = {**os.environ, "XHARCHIVE_TOKEN": "never-used-token"}
    done = subprocess.run(command, capture_output=True, check=False, env=with_token)
    assert done.returncode == 0, done.stderr.decode()


def test_a_reader_that_goes_away_is_no_bug(tmp_path: Path) -> None:
    """`xharchive status --json | head -0` ends without a traceback."""
    run(["demo", "--help"])
    command = f"{shlex.quote(sys.executable)} -P -m xharchive --help | head -c 0"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, cwd=tmp_path)
    assert b"Traceback" not in done.stderr
