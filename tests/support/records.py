"""Manifests of every kind that the program can write, as hypothesis strategies."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from xharchive.manifest import (
    FileEntry,
    Manifest,
    MissingAsset,
    RefusedCandidate,
    ReplyEntry,
    Role,
    State,
    note_as_json,
)
from xharchive.media import SUFFIXES, AssetKind
from xharchive.models import Author, Counts, Mention, Note, NoteId, NoteType, Quality, Slot

__all__ = ["file_entries", "manifests", "note_ids", "notes", "texts"]

# Text as it leaves the endpoints: anything that can be encoded.
texts = st.text(st.characters(codec="utf-8"), max_size=30)
_words = st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True)
_stems = st.from_regex(r"[0-9A-Za-z._-]{1,20}", fullmatch=True)
_media_names = st.builds("{}.{}".format, _stems, st.sampled_from(sorted(SUFFIXES)))
_reply_paths = _stems.map("replies/{}.json".format)
_digests = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
_url_paths = texts.map(lambda text: "/" + text.replace("?", ""))
_numbers = st.integers(0, 2**40)
_zones = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-11))])
_moments = st.datetimes(datetime(1970, 1, 2), datetime(2106, 1, 1), timezones=_zones)  # noqa: DTZ001
_counts = st.none() | st.integers(-(2**63), 2**63 - 1)
_json = st.dictionaries(texts, st.none() | st.booleans() | _numbers | texts, max_size=3)

note_ids = st.integers(0, 16**24 - 1).map(lambda number: NoteId(f"{number:024x}"))
_slots = st.builds(Slot, st.sampled_from(AssetKind), st.integers(0, 99), texts)
_refusals = st.lists(
    st.builds(RefusedCandidate, texts, _url_paths, st.sampled_from(Quality), _words, texts), max_size=2
).map(tuple)

_originals = st.builds(
    FileEntry,
    path=_media_names,
    role=st.just(Role.ORIGINAL),
    slot=_slots,
    size=st.integers(1, 2**48),
    sha256=_digests,
    media_type=st.sampled_from(["image/heic", "video/mp4", "application/x-subrip"]),
    width=_numbers,
    height=_numbers,
    duration_ms=_numbers,
    quality=st.sampled_from(Quality),
    host=texts,
    url_path=_url_paths,
    endpoint=texts,
    fetched=_moments,
    checks=st.lists(st.sampled_from(["length", "declared-size", "md5", "structure", "decoded"])).map(tuple),
    problem=texts,
    refused=_refusals,
)
_derivatives = st.builds(
    FileEntry,
    path=_media_names,
    role=st.just(Role.DERIVATIVE),
    slot=_slots,
    size=st.integers(1, 2**48),
    sha256=_digests,
    media_type=st.just("image/jpeg"),
    width=_numbers,
    height=_numbers,
    derived_from=_media_names,
    tool=texts,
    settings=texts,
    lost=st.lists(texts, max_size=2).map(tuple),
)
file_entries = _originals | _derivatives
_files = st.lists(file_entries, max_size=4).map(tuple)
_gaps = st.builds(MissingAsset, _slots, st.sampled_from(Role), _words, texts, _refusals)
_replies = st.lists(
    st.builds(ReplyEntry, texts, _reply_paths, st.integers(0, 2**48), _digests, _words), max_size=2
).map(tuple)

notes = st.builds(
    Note,
    id=note_ids,
    type=st.sampled_from(NoteType),
    replies=st.just(("note-detail-v1",)),
    title=texts,
    text=texts,
    author=st.builds(Author, texts, texts, texts),
    tags=st.lists(texts, max_size=3).map(tuple),
    mentions=st.lists(st.builds(Mention, texts, texts), max_size=2).map(tuple),
    counts=st.builds(Counts, _counts, _counts, _counts, _counts, _counts),
    place=texts,
    language=texts,
    published=st.none() | _moments,
    updated=st.none() | _moments,
    switches=st.lists(_json, max_size=2).map(tuple),
    save_config=_json,
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """A manifest as a run writes it: its state agrees with its files, gaps and metadata."""
    state = draw(st.sampled_from(State))
    note_id, archived, replies = draw(note_ids), draw(_moments), draw(_replies)
    if state is State.EMPTY:
        return Manifest(note_id, state, replies=replies, archived=archived)
    gaps = draw(st.lists(_gaps, min_size=1, max_size=3)) if state is State.PARTIAL else []
    return Manifest(note_id, state, note_as_json(draw(notes)), draw(_files), tuple(gaps), replies, archived)
