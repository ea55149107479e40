"""Run in a worker process: decode an image completely, and make its derivative and thumbnail.

`python -m xharchive.images.worker BYTES` writes "ready", then one line of JSON for each line of JSON that it
reads. The following contain a decoder's bugs: a separate process, limits on address space, CPU time, file
size, open files and core dumps, a sandbox, the lack of a terminal, and an end with the parent process.
"""

import contextlib
import ctypes
import io
import json
import math
import os
import resource
import signal
import struct
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

from PIL import Image

from xharchive.archive_path import ArchivePath
from xharchive.child_process import forbid_core_dumps, limit, limit_durably
from xharchive.images import DecodedImage, DecodeStatus
from xharchive.images.decode import decode_and_convert, load_codec, repaired_copy, short_reason
from xharchive.images.encode import Recipe, make_thumbnail

_MAX_ORIGINAL_BYTES = 256 * 1024 * 1024
_MAX_DERIVATIVE_BYTES = 512 * 1024 * 1024
_MAX_OPEN_FILES = 32
_NICENESS = 5

# <linux/landlock.h>. The system calls have the same numbers on all architectures.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_GET_VERSION = 1
# prctl(2): the kernel asks for this before an unprivileged process may confine itself.
_NO_NEW_PRIVILEGES = 38
# `struct landlock_ruleset_attr`: a field and the version that brought it. Denied are: to execute; to bind and
# connect TCP sockets; abstract Unix sockets, and signals to processes outside of the sandbox.
_DENIED_RIGHTS = ((1, 0b1), (4, 0b11), (6, 0b11))


def main() -> None:
    """Serve requests until the parent process closes the pipe or ends."""
    serve(handle_request, memory=int(sys.argv[1]))


def serve(job: Callable[[dict[str, Any]], dict[str, Any]], memory: int) -> None:
    """Confine this process, then answer the requests from standard input. The function never returns.

    Args:
        job: executes one request and returns the response.
        memory: bytes by which the address space may grow.
    """
    forbid_core_dumps(permanent=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    responses = _redirect_standard_streams()
    confine()  # before the second thread starts: existing threads stay unconfined
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read_requests, args=(sys.stdin.buffer, requests), daemon=True).start()
    _limit_memory(memory)
    limit_durably(resource.RLIMIT_FSIZE, _MAX_DERIVATIVE_BYTES)
    limit_durably(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    # No limit on processes: it counts all processes of the user, and encoders need threads.
    responses.write(b"ready\n")
    try:
        while True:
            request = json.loads(requests.get())
            used = resource.getrusage(resource.RUSAGE_SELF)
            limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + request["seconds"]))
            responses.write(json.dumps(job(request)).encode() + b"\n")
    finally:
        # A regular exit would wait a second for the reading thread and then abort.
        os._exit(1)


def confine() -> bool:
    """Take rights from this process and its later threads that a decoder never needs. This is irreversible.

    Landlock (decision 0021, Linux since 5.13) lets the process no longer start a program, use TCP, or trace,
    read or signal a process outside of its sandbox; older kernels enforce only some of this. Access to files
    does not change.

    Returns:
        Whether the kernel accepted the rules. It may have no Landlock, or a container forbids it.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _GET_VERSION)
    fields = [right for since, right in _DENIED_RIGHTS if since <= version]
    attributes = struct.pack(f"{len(fields)}Q", *fields)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        may_confine = libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
        return may_confine and int(libc.syscall(_RESTRICT_SELF, ruleset, 0)) == 0
    finally:
        os.close(ruleset)


def handle_request(request: dict[str, Any]) -> dict[str, Any]:
    """Execute one request: decode the original and write its derivative, or only a thumbnail.

    Args:
        request: as `Converter` sends it. A request with a "width" is for a thumbnail only.

    Returns:
        The result as JSON values; {"disk": reason} if a file cannot be read or written.
    """
    execute = _make_thumbnail if "width" in request else _decode_and_convert
    try:
        return execute(request).as_json()
    except OSError as error:
        return {"disk": error.strerror}


def _decode_and_convert(request: dict[str, Any]) -> DecodedImage:
    data = ArchivePath.from_json(request["original"]).read_bytes(_MAX_ORIGINAL_BYTES)
    recipe, thumbnail = None, request.get("thumbnail")
    if request["target"]:
        box = thumbnail and (thumbnail["width"], thumbnail["height"])
        recipe = Recipe(request["target"], request["quality"], box)
    picture, made = decode_and_convert(data, request["format"], request["max_pixels"], recipe)
    if made.derivative:
        _write_new(ArchivePath.from_json(request["derivative"]), made.derivative)
    if made.thumbnail:
        _write_thumbnail(ArchivePath.from_json(request["thumbnail"]["path"]), made.thumbnail)
    return picture


def _write_thumbnail(path: ArchivePath, data: bytes) -> None:
    """Write a thumbnail atomically. Ignore failures: the gallery can make it from the derivative."""
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(OSError):
        path.parent.mkdir()
        new.unlink(missing_ok=True)  # an incomplete file of a killed worker
        _write_new(new, data)
        new.replace(path)


def _make_thumbnail(request: dict[str, Any]) -> DecodedImage:
    """Write only a thumbnail, of the original or, if that fails, of its repaired copy."""
    picture, name = ArchivePath.from_json(request["original"]), request["format"]
    limits = request["max_pixels"], request["width"], request["height"]
    load_codec(name)
    load_codec("webp")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.MAX_IMAGE_PIXELS = 2 * request["max_pixels"]  # `make_thumbnail` checks the limit itself
        try:
            with picture.open() as file:
                data, width, height = make_thumbnail(file, name, *limits)
        except Exception as error:
            try:
                repaired = repaired_copy(picture.read_bytes(_MAX_ORIGINAL_BYTES), name) or b""
                data, width, height = make_thumbnail(io.BytesIO(repaired), name, *limits)
            except Exception:
                return DecodedImage(DecodeStatus.UNREADABLE, short_reason(error))
    _write_new(ArchivePath.from_json(request["derivative"]), data)
    return DecodedImage(DecodeStatus.DECODED, width=width, height=height)


def _write_new(path: ArchivePath, data: bytes) -> None:
    """Write a new file; remove it on failure.

    Raises:
        OSError: the file exists or cannot be written.
    """
    descriptor = path.open_descriptor(os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(descriptor, "wb", buffering=0) as sink:
        try:
            view = memoryview(data)
            while view:
                view = view[sink.write(view) :]
        except OSError:
            path.unlink()
            raise


def _redirect_standard_streams() -> BinaryIO:
    """Redirect standard output and error to /dev/null; return a stream to the former standard output.

    C libraries may print at any time. Their output must not reach the pipe for responses or the terminal.
    """
    responses = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)
    return responses


def _read_requests(source: BinaryIO, requests: "SimpleQueue[bytes]") -> None:
    """Queue the requests. When the parent closes the pipe or dies, end this process at once."""
    for line in source:
        requests.put(line)
    os._exit(0)


def _limit_memory(growth: int) -> None:
    """Limit the growth of the address space to `growth` bytes, if the platform reports the present size."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return
    limit_durably(resource.RLIMIT_AS, pages * resource.getpagesize() + growth)


if __name__ == "__main__":
    main()
