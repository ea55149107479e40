"""nginx on loopback: media as they lie on disk, the API's replies by note id."""

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from benchmarks.servers.processes import cpu_seconds

__all__ = ["Nginx", "find_nginx", "nginx_server"]

_START_SECONDS = 30.0
_CONFIGURATION = """\
    {user}
    daemon off;
    worker_processes 2;
    pid {work}/nginx.pid;
    error_log {work}/nginx.log;
    events {{ worker_connections 1024; }}
    http {{
        access_log off;
        sendfile on;
        tcp_nopush on;
        keepalive_requests 10000000;
        default_type application/octet-stream;
        types {{ application/json json; video/mp4 mp4; }}
        client_body_temp_path {work}/body; proxy_temp_path {work}/proxy; fastcgi_temp_path {work}/fastcgi;
        uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;
        server {{
            listen 127.0.0.1:{port} backlog=4096;
            root {corpus}/media;
            location = /benchmark/status {{ stub_status; }}
            location /api/ {{ root {corpus}/replies; try_files /$arg_noteId.json =404; }}
            # Tools that go by the end of a name get one: .../key.jpg is the file `key`.
            location ~ ^(?<bare>/1040g[a-z0-9]+)\\.jpg$ {{ try_files $bare =404; }}
        }}
    }}
"""


@dataclass(slots=True)
class Nginx:
    """An nginx that is up; its own count of requests is asked for over HTTP."""

    port: int
    pid: int
    questions: int = field(default=0)

    def requests(self) -> int:
        """Return how many requests were answered, the questions asked here not among them."""
        status = f"http://127.0.0.1:{self.port}/benchmark/status"
        with urllib.request.urlopen(status, timeout=5) as answer:
            text = answer.read().decode()
        self.questions += 1
        return int(text.splitlines()[2].split()[2]) - self.questions

    def cpu(self) -> float:
        """Return the CPU seconds of its workers so far."""
        return cpu_seconds(self.pid)


def find_nginx() -> str | None:
    """Return nginx's path; Debian keeps it where an ordinary user's PATH does not lead."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def nginx_server(corpus: Path, work: Path) -> Iterator[Nginx]:
    """Run nginx over a corpus until the block ends.

    Raises:
        RuntimeError: there is no nginx, or it does not start.
    """
    program = find_nginx()
    if program is None:
        raise RuntimeError("nginx is missing: make bench-tools")
    work.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    # Started by root it would work as nobody, who may not look into a private folder.
    user = "user root;" if Path("/proc/self").stat().st_uid == 0 else ""
    told = work / "nginx.conf"
    told.write_text(
        dedent(_CONFIGURATION).format(user=user, work=work.resolve(), port=port, corpus=corpus.resolve())
    )
    with subprocess.Popen(  # noqa: S603 - a program found on the PATH
        [program, "-p", str(work.resolve()), "-e", str(work / "start.log"), "-c", str(told.resolve())],
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            server = Nginx(port, process.pid)
            _wait_for(server, process, work)
            yield server
        finally:
            process.terminate()


def _wait_for(server: Nginx, process: "subprocess.Popen[bytes]", work: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.requests()
        except OSError:  # refused, cut off, or too slow yet
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"nginx does not start, see {work}") from None
            time.sleep(0.02)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
