"""Makes one API call a note, so many a second, three at once, and nothing else. BASE LIST RATE."""

import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def _call(url: str) -> None:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own server
        answer.read()


if __name__ == "__main__":
    base, notes, rate = sys.argv[1], Path(sys.argv[2]).read_text().split(), float(sys.argv[3])
    began = time.monotonic()
    with ThreadPoolExecutor(3) as threads:
        calls = []
        for number, note in enumerate(notes):
            time.sleep(max(began + number / rate - time.monotonic(), 0))
            calls.append(threads.submit(_call, f"{base}/api/xiaohongshu/get-note-detail/v1?noteId={note}"))
        for call in calls:
            call.result()
