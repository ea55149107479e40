"""The compiled templates that a refresh keeps for the next one."""

import os
import subprocess
import sys
from pathlib import Path

from xharchive.gallery import render

_RENDER = """
import jinja2.environment
compiled = []
compile_source = jinja2.environment.Environment.compile
def count(self, source, name=None, *args, **named):
    compiled.append(name)
    return compile_source(self, source, name, *args, **named)
jinja2.environment.Environment.compile = count
from xharchive.gallery.pages import index_page
assert "<html" in index_page([], 0, "")
print(len(compiled))
"""


def compiled_in_a_new_process(prefix: Path, **environment: str) -> int:
    """Render the index in a new process; return how many templates it compiled."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    variables |= {"PYTHONPYCACHEPREFIX": str(prefix), "PYTHONPATH": str(Path(render.__file__).parents[2])}
    command = [sys.executable, "-P", "-c", _RENDER]
    made = subprocess.run(command, env=variables | environment, check=True, capture_output=True, text=True)
    return int(made.stdout)


def test_templates_are_compiled_once(tmp_path: Path) -> None:
    assert compiled_in_a_new_process(tmp_path) > 0
    assert compiled_in_a_new_process(tmp_path) == 0


def test_templates_are_compiled_each_time_where_nothing_can_be_kept(tmp_path: Path) -> None:
    """The folder of compiled modules cannot be made, or Python is told to keep none."""
    (tmp_path / "file").touch()
    for _ in range(2):
        assert compiled_in_a_new_process(tmp_path / "file" / "folder") > 0
        assert compiled_in_a_new_process(tmp_path / "kept", PYTHONDONTWRITEBYTECODE="1") > 0


def test_templates_are_compiled_again_where_a_kept_one_is_cut(tmp_path: Path) -> None:
    compiled_in_a_new_process(tmp_path)
    kept = list(tmp_path.rglob("template-*.cache"))
    assert kept
    for length, path in enumerate(kept, start=20):  # within the checksum
        os.truncate(path, length)
    assert compiled_in_a_new_process(tmp_path) == len(kept)
    assert compiled_in_a_new_process(tmp_path) == 0


def test_compiled_templates_belong_to_the_module_that_sets_their_options() -> None:
    """A newer program with the same templates may set other options."""
    older, newer, same = (
        render._CompiledTemplates("/x/render.py", source) for source in ("older", "newer", "newer")
    )
    assert older.get_source_checksum("text") != newer.get_source_checksum("text")
    assert newer.get_source_checksum("text") == same.get_source_checksum("text")
