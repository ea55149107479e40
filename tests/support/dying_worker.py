"""A picture worker that comes to grief over the second picture of a note, as its argument says."""

import os
import signal
import sys
import threading
from typing import Any

from xharchive.images.worker import handle_request, serve


def job(request: dict[str, Any]) -> dict[str, Any]:
    """Die of the second picture; work on all others."""
    if request["original"][-1].startswith("image-2"):  # the last name of an ArchivePath
        way = sys.argv[1]
        if way == "waits":
            threading.Event().wait()
        os.kill(os.getpid(), signal.Signals[way])
    return handle_request(request)


if __name__ == "__main__":
    serve(job, int(sys.argv[2]))
