"""The environments of child processes: which variables reach whom."""

import os
from pathlib import Path

import pytest

import xharchive
from xharchive.child_process import environment_of_programs, environment_of_workers, without_own_settings

SETTINGS = {"XHARCHIVE_TOKEN": "secret-token", "XHARCHIVE_ALLOW_HOSTS": "example.org"}
DESKTOP = dict.fromkeys(
    (
        "BROWSER",
        "DBUS_SESSION_BUS_ADDRESS",
        "DISPLAY",
        "HOME",
        "LANG",
        "PATH",
        "WAYLAND_DISPLAY",
        "XDG_RUNTIME_DIR",
        "https_proxy",
    ),
    "kept",
)


def test_programs_get_everything_but_our_settings() -> None:
    """A browser and a file manager find all that they would find without xharchive."""
    assert environment_of_programs(SETTINGS | DESKTOP) == DESKTOP


@pytest.mark.parametrize(
    "name",
    [
        *SETTINGS,
        "AWS_SECRET_ACCESS_KEY",
        "HTTP_PROXY",
        "LD_PRELOAD",
        "PYTHONINSPECT",
        "PYTHONSTARTUP",
        "PYTHONWARNINGS",
        "all_proxy",
        "https_proxy",
    ],
)
def test_workers_get_no_secret_no_proxy_and_nothing_that_loads_code(name: str) -> None:
    """Only what is known to be needed is passed on."""
    assert set(environment_of_workers({name: "value"})) == {"PYTHONPATH"}


@pytest.mark.parametrize("name", ["LANG", "LC_ALL", "LD_LIBRARY_PATH", "MALLOC_ARENA_MAX", "PYTHONUTF8"])
def test_workers_get_what_an_interpreter_needs(name: str) -> None:
    """Without these it may not start, or would read file names in another encoding."""
    assert environment_of_workers({name: "value"})[name] == "value"


def test_workers_find_this_package_and_what_pythonpath_names() -> None:
    """In this order, by absolute paths; an empty entry, which means the current folder, is left out."""
    entries = environment_of_workers({"PYTHONPATH": f":/elsewhere{os.pathsep}relative:"})["PYTHONPATH"]
    package_home = Path(xharchive.__file__).parents[1]
    assert [Path(entry) for entry in entries.split(os.pathsep)] == [
        package_home,
        Path("/elsewhere"),
        Path.cwd() / "relative",
    ]


def test_own_settings_are_out_of_the_environment_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the block ends with an error."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    inside: dict[str, str] = {}

    def fail() -> None:
        with without_own_settings():
            inside.update(os.environ)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert inside == environment_of_programs(before)
    assert dict(os.environ) == before
