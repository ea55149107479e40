"""`xharchive demo`: first success without a token, and a server to try things against."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from support.command import Ran, manifests, run

PROGRAM = [sys.executable, "-W", "error", "-P", "-m", "xharchive"]


def test_the_demo_archives_all_its_notes_without_a_token(
    first_demo: tuple[Ran, Path], tmp_path: Path
) -> None:
    """Exit 0, although one note is empty on purpose; a second run finds everything there."""
    first, made = first_demo
    assert first.code == 0, first.err
    archive = Path(shutil.copytree(made, tmp_path / "notes"))
    states = [data["state"] for data in manifests(archive).values()]
    assert (len(states), states.count("complete"), states.count("empty")) == (20, 19, 1)
    assert (archive / "index.html").is_file()
    second = run(["demo", "-q", "-d", archive])
    assert second.code == 0
    assert second.out == ""
    assert "19 unchanged" in run(["demo", "-d", archive]).err


def test_the_demo_says_where_the_gallery_is_and_what_to_do_next(first_demo: tuple[Ran, Path]) -> None:
    """The path once; the descriptions of the notes only with -v."""
    plain, archive = first_demo
    assert plain.out.startswith(f"open the gallery in a browser: {archive / 'index.html'}\n")
    assert "xharchive get " in plain.out
    assert (plain.out + plain.err).count(str(archive)) == 1
    assert "what the notes show" not in plain.err
    verbose = run(["demo", "-v", "-d", archive])
    assert verbose.out == plain.out
    assert len(verbose.err.partition("what the notes show:\n")[2].splitlines()) == 20


def test_the_printed_line_works_against_the_serving_demo(tmp_path: Path) -> None:
    """`--serve` prints a command line; pasted as it is, it archives. SIGTERM ends the server with 143."""
    environment = {name: value for name, value in os.environ.items() if name != "XHARCHIVE_TOKEN"}
    with subprocess.Popen(
        [*PROGRAM, "demo", "--serve", "-d", str(tmp_path / "a b")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as server:
        assert server.stdout is not None
        printed = next(line for line in server.stdout if "xharchive get" in line)
        words = shlex.split(printed)
        place = words.index("xharchive")
        settings = dict(word.split("=", 1) for word in words[:place])
        done = subprocess.run(
            [*PROGRAM, *words[place + 1 :]],
            env=environment | settings,
            capture_output=True,
            check=False,
            text=True,
        )
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate()
    assert done.returncode == 0, done.stderr
    assert len(manifests(tmp_path / "a b")) == 2
    assert server.returncode == 143
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_a_wrong_setting(tmp_path: Path) -> None:
    """One sentence, exit 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for more in (["-d", str(tmp_path)], ["--serve"]):
            ran = run(["demo", "--port", port, *more])
            assert ran.code == 2
            assert f"--port {port}" in ran.err
    assert run(["demo", "--port", "70000"]).code == 2
