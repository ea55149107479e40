"""Worlds for the kill proof: mirrors that fail in every way, and always one that gives the right bytes.

However the faults and the kills fall together, the best rendition of every asset can be had from a host that
is healthy all the time, so that there is one right tree, and only one.
"""

from dataclasses import dataclass, field
from random import Random

__all__ = ["Plan", "draw_plan"]

_API = "127.0.0.1"
_LASTING = ("C", "c", "X", "5", "4", "3", "H", "Z", "W", "n", "w")
"""Never healthy: the asset has to come from elsewhere."""
_HEALING = ("s", "Co", "Cs", "Xo", "Xs", "C1o", "C2o", "C6o", "Cvo", "no", "ws", "5o")
"""Slow, or healthy after a fault or two; cuts leave a part that has to be continued with proof."""

# The upload's mirrors are asked in this order; -qc and -al stay healthy (demo world, docs/api.md#hosts).
_PICTURES = ("ci.xiaohongshu.com", "sns-img-bd.xhscdn.com", "sns-img-hw.xhscdn.com")
# sns-v11 and sns-video-hw stay healthy: every stream and every uploaded video has one of them.
_STREAMS = ("sns-v8.rednotecdn.com", "sns-v10.rednotecdn.com", "sns-video-bd.xhscdn.com")
# The only host of what it serves: what it breaks must heal.
_ALONE = ("sns-subtitle-s1.rednotecdn.com", "sns-music.xhscdn.com")
# Wrong bytes at the end of a picture look like a picture: only a digest in the reply tells.
_WITH_DIGEST = (
    ("sns-video-bd.xhscdn.com", "/pre_post/1040gu4kops48r595gjiem3rucudk0e54ggf6n8r"),
    ("sns-video-bd.xhscdn.com", "/1040gsm2di4asbqm327np7dp9tkgfns3jgmacqs5"),
    ("sns-v10.rednotecdn.com", "/audio/"),
)
_STALLING = ("ci.xiaohongshu.com", "/notes_uhdr/")
_SILENCE = ("--timeout", "2")
# Often slow, so that kills fall into calls too; code 500 and a dropped connection are asked anew. Only the
# first endpoint fails: a note has two tries more, over all endpoints together.
_FIRST_ENDPOINT = "/api/xiaohongshu/get-note-detail/v1"
_FIRST_CALLS = ("s", "s", "so", "o", "o", "Is", "Xo")
_OTHER_CALLS = ("s", "so", "o", "o")
_FORMATS = ("keep", "keep", "keep", "jpeg", "jpeg", "webp")


@dataclass(frozen=True)
class Plan:
    """Which notes to archive in which world: the options of every run, and the letters of the faults."""

    notes: tuple[str, ...]
    # A kill may fall after an empty note was recorded: without --strict-empty, a last run ends with 0 then.
    options: tuple[str, ...] = ("--image-format", "keep", "--api-jobs", "1", "--strict-empty")
    calls_at_once: int = 1
    script: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def calls_are_quick(self) -> bool:
        """Whether the API answers at once: then hardly a kill falls into a call."""
        return all(letters == "o" for (host, _), letters in self.script.items() if host == _API)


def draw_plan(random: Random, notes: tuple[str, ...]) -> Plan:
    """Draw some of the notes, whether to convert their pictures, and the faults on their way."""
    script: dict[tuple[str, str], str] = {}
    at_once = random.choice((1, 1, 3))
    chosen_format = random.choice(_FORMATS)
    options: tuple[str, ...] = ("--image-format", chosen_format, "--api-jobs", str(at_once), "--strict-empty")
    if random.random() < 0.2:
        script[_STALLING] = "S"
        options += _SILENCE
    script |= {place: "B" for place in _WITH_DIGEST if random.random() < 0.5}
    for host in (*_PICTURES, *_STREAMS):
        script[host, "/"] = random.choice(_LASTING) if random.random() < 0.5 else random.choice(_HEALING)
    for host in _ALONE:
        script[host, "/"] = random.choice(("s", "Cs", "Xo"))
    script[_API, _FIRST_ENDPOINT] = random.choice(_FIRST_CALLS)
    script[_API, "/"] = random.choice(_OTHER_CALLS)
    chosen = random.sample(notes, random.randint(4, 8))
    return Plan(tuple(chosen), options, at_once, script)
