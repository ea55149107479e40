"""Films that lead FFmpeg elsewhere, playlists and QuickTime references, and films with nothing to show."""

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.demo_media.boxes import MovieBox, box, child, full_box, walk

__all__ = ["altered_tracks", "film", "playlists", "with_reference"]

_PARENTS_OF_REFERENCES = (b"moov", b"trak", b"mdia", b"minf", b"dinf")


def film(path: Path) -> bytes:
    """Make a small film that browsers do not show (MPEG-4 Visual), and return its bytes."""
    source = ["-f", "lavfi", "-i", "testsrc=size=64x32:rate=5:duration=1"]
    command = ["ffmpeg", "-v", "error", "-y", *source, "-c:v", "mpeg4", str(path)]
    subprocess.run(command, check=True)
    return path.read_bytes()


def playlists(witness: str, address: str) -> dict[str, bytes]:
    """Return texts that FFmpeg takes for lists of films; they lead to the witness or the address."""
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
        ' profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" mediaPresentationDuration="PT2S"><Period>'
        '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    )
    sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n"
    concat = "ffconcat version 1.0\nfile {}\n"
    texts = {
        "a script that names a file": concat.format(witness),
        "a script that names an address": concat.format(address),
        "an HLS list of a file": hls.format(witness),
        "an HLS list of an address": hls.format(address),
        "a DASH list of an address": dash.format(address),
        "a session description": sdp,
    }
    return {name: text.encode() for name, text in texts.items()}


def with_reference(data: bytes, path: bytes) -> bytes:
    """Return a film whose samples are said to lie in another file (QTFF, "Data Reference Atoms": `alis`)."""
    name = path.rpartition(b"/")[2]
    volume = b"\0" * 10 + b"\1v".ljust(28, b"\0") + b"\0" * 12
    alias = volume + bytes([len(name)]) + name.ljust(63, b"\0") + b"\0" * 16 + b"\0\1\0\1" + b"\0" * 16
    for kind, value in ((2, path), (0, b"folder"), (-1, b"")):
        alias += struct.pack(">hH", kind, len(value)) + value + b"\0" * (len(value) % 2)
    entry = _atom(b"alis", bytes(4) + alias)
    return _replaced(data, b"dref", bytes(4) + struct.pack(">I", 1) + entry)


def altered_tracks(movie: bytes, *, empty: tuple[bytes, ...] = (), drop: bytes = b"") -> bytes:
    """Return a film without the samples, or without the tracks, of these handlers (`vide`, `soun`).

    A `free` box behind the index takes the space, so that no sample moves.
    """
    ftyp, moov, *_ = walk(movie)
    index = box(b"moov", *_altered_parts(moov, empty, drop))
    end = moov.offset + len(moov.payload)
    missing = 8 + len(moov.payload) - len(index)
    return box(ftyp.name, ftyp.payload) + index + box(b"free", bytes(missing - 8)) + movie[end:]


def _altered_parts(moov: MovieBox, empty: tuple[bytes, ...], drop: bytes) -> Iterator[bytes]:
    for part in walk(moov.payload):
        payload = part.payload
        if part.name == b"trak":
            handler = child(child(payload, b"mdia").payload, b"hdlr").payload[8:12]
            if handler == drop:
                continue
            if handler in empty:
                payload = _without_samples(payload)
        yield box(part.name, payload)


def _without_samples(data: bytes) -> bytes:
    """Replace the sample tables below a track by empty ones."""
    tables = {b"stts": 4, b"stsc": 4, b"stco": 4, b"stsz": 8}  # bytes besides version and flags
    made = []
    for part in walk(data):
        if part.name in (b"mdia", b"minf", b"stbl"):
            made.append(box(part.name, _without_samples(part.payload)))
        elif part.name in tables:
            made.append(full_box(part.name, 0, bytes(tables[part.name])))
        elif part.name not in (b"stss", b"sgpd", b"sbgp"):  # these name samples
            made.append(box(part.name, part.payload))
    return b"".join(made)


def _replaced(data: bytes, wanted: bytes, content: bytes) -> bytes:
    """Put the content into each atom of this type; the samples lie before all of them and do not move."""
    made, at = b"", 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        inner = data[at + 8 : at + size]
        if kind in _PARENTS_OF_REFERENCES:
            inner = _replaced(inner, wanted, content)
        made += _atom(kind, content if kind == wanted else inner)
        at += size
    return made


def _atom(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
