"""The servers that all tools are measured against: API and media of a corpus on one loopback port.

`raw` is nginx, as fast as the machine is. `far` waits before each answer and sends at a steady rate. `ailing`
is far, with a third of the addresses dead and one host slow: late, and at a tenth of the rate.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol

from benchmarks.servers.far import AILING, FAR, far_server
from benchmarks.servers.nginx import nginx_server

__all__ = ["Mode", "Server", "serving"]

Mode = Literal["raw", "far", "ailing"]


class Server(Protocol):
    """A server that is up."""

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""

    def requests(self) -> int:
        """Return how many requests it has answered so far, this question not among them."""

    def cpu(self) -> float:
        """Return the CPU seconds it has used so far."""


@contextmanager
def serving(mode: Mode, corpus: Path, work: Path) -> Iterator[Server]:
    """Serve a corpus folder until the block ends; `work` takes the server's own files.

    Raises:
        RuntimeError: the server's program is missing or does not start.
    """
    if mode == "raw":
        with nginx_server(corpus, work) as server:
            yield server
    else:
        with far_server(corpus, FAR if mode == "far" else AILING) as server:
            yield server
