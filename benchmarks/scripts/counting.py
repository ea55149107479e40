"""Runs xharchive's command line and counts the Python calls of its main thread. OUT ARGUMENTS…"""

import json
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType


def _main() -> int:
    from xharchive.cli import main

    calls: Counter[CodeType] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            calls[frame.f_code] += 1

    sys.setprofile(count)
    code = main(sys.argv[2:])
    sys.setprofile(None)
    named = {f"{code.co_filename}:{code.co_qualname}": number for code, number in calls.items()}
    Path(sys.argv[1]).write_text(json.dumps(named))
    return code


if __name__ == "__main__":
    sys.exit(_main())
