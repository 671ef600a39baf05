"""The items of the table (ADR 0020): slices of events by stream, and the log of commits, which orders the slices.

A slice is a run of one stream's events that were appended together. Its key is the stream and the version of its first event.
The log is stored in buckets of positions; each of its items is a commit: the slices of one transaction, with the position of
the first event as key. Both grow in the same way: a conditional put stores the next item right after the end if no item exists
there yet.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from eventsourcing.persistence import StoredEvent

Item = dict[str, Any]  # attributes in DynamoDB's notation, each with its type

BUCKET: Final = 10_000  # positions of the log that share a partition key; no commit has more events
CHUNK_BYTES: Final = 390_000  # of a slice per item
ITEM_BYTES: Final = 400_000  # DynamoDB takes 400 KB, keys and names included
TRANSACTION_BYTES: Final = 4_000_000  # DynamoDB takes 4 MB, keys and names included
DIGITS: Final = 15
AFTER: Final = "~"  # sorts after every digit and the dot: all chunks of a slice sort before its key followed by this


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of `count` events from version `first`, in `chunks` items. `names` are the events' stored names."""

    stream: str
    first: int
    count: int
    chunks: int
    names: frozenset[str]

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    @property
    def keys(self) -> list[Item]:
        return [stream_key(self.stream, self.first, chunk) for chunk in range(self.chunks)]


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction in the log, at positions `first` to `last`. `id` identifies the transaction."""

    first: int
    count: int
    id: str
    slices: tuple[Slice, ...]

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    def placed(self) -> Iterator[tuple[int, Slice]]:
        """Yield each slice with the position of its first event."""
        position = self.first
        for each in self.slices:
            yield position, each
            position += each.count


@dataclass(frozen=True, slots=True)
class PackedSlice:
    """A slice with its events, ready to be written."""

    slice: Slice
    chunks: tuple[bytes, ...]

    def items(self) -> list[Item]:
        return [
            key | {"n": {"N": str(self.slice.count)}, "c": {"N": str(self.slice.chunks)}, "b": {"B": chunk}}
            for key, chunk in zip(self.slice.keys, self.chunks, strict=True)
        ]


# --- keys -----------------------------------------------------------------------------------------------------------


def bucket_of(position: int) -> int:
    return (position - 1) // BUCKET


def stream_partition(stream: str) -> str:
    return f"stream/{stream}"


def log_partition(bucket: int) -> str:
    return f"log/{bucket:0{DIGITS}}"


def sort_key(number: int) -> str:
    """Return the sort key of an item that begins at a version or position."""
    return f"{number:0{DIGITS}}"


def stream_key(stream: str, first: int, chunk: int = 0) -> Item:
    return key(stream_partition(stream), sort_key(first) + (f".{chunk:02}" if chunk else ""))


def log_key(first: int) -> Item:
    return key(log_partition(bucket_of(first)), sort_key(first))


def key(partition: str, sort: str) -> Item:
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def key_of(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


# --- slices ---------------------------------------------------------------------------------------------------------


def packed(events: Sequence[StoredEvent]) -> list[PackedSlice]:
    """Pack events into slices, in order: each run of consecutive versions of one stream becomes a slice."""
    return [_packed(run) for run in _runs(events)]


def _runs(events: Iterable[StoredEvent]) -> Iterator[list[StoredEvent]]:
    run: list[StoredEvent] = []
    for event in events:
        follows = run and event.originator_id == run[-1].originator_id
        if run and not (follows and event.originator_version == run[-1].originator_version + 1):
            yield run
            run = []
        run.append(event)
    if run:
        yield run


def _packed(run: Sequence[StoredEvent]) -> PackedSlice:
    content = zlib.compress(msgspec.msgpack.encode([(event.topic, event.state) for event in run]))
    chunks = tuple(content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES))
    names = frozenset(event.topic for event in run)
    stream, first = str(run[0].originator_id), run[0].originator_version
    return PackedSlice(Slice(stream, first, len(run), len(chunks), names), chunks)


def unpacked(stream: str, first: int, chunks: Sequence[Item]) -> list[StoredEvent]:
    """Return the events of a slice, given all its items in order."""
    content = zlib.decompress(b"".join(chunk["b"]["B"] for chunk in chunks))
    events = msgspec.msgpack.decode(content, type=list[tuple[str, bytes]])
    return [StoredEvent(stream, version, topic, state) for version, (topic, state) in enumerate(events, first)]


def unpacked_as_stored(packed_slice: Slice, chunks: Sequence[Item]) -> list[StoredEvent]:
    """Return the events of a slice that may be damaged. Without items there are none; if the bytes cannot be unpacked, each
    event has the bytes of the whole slice.
    """
    if not chunks:
        return []
    try:
        return unpacked(packed_slice.stream, packed_slice.first, chunks)
    except (zlib.error, msgspec.DecodeError, KeyError):
        content = b"".join(bytes(chunk.get("b", {}).get("B", b"")) for chunk in chunks)
        versions = range(packed_slice.first, packed_slice.last + 1)
        return [StoredEvent(packed_slice.stream, version, "", content) for version in versions]


def first_of(item: Item) -> int:
    """Return the version or position at which the item's slice or commit begins."""
    return int(item["sk"]["S"].partition(".")[0])


def last_of(item: Item) -> int:
    return first_of(item) + int(item["n"]["N"]) - 1


def chunks_of(item: Item) -> int:
    return int(item["c"]["N"])


# --- commits --------------------------------------------------------------------------------------------------------


class _Entry(msgspec.Struct, array_like=True):
    """A slice as a commit lists it."""

    stream: str
    first: int
    count: int
    chunks: int
    names: list[str]


def commit_item(commit: Commit) -> Item:
    entries = [_Entry(s.stream, s.first, s.count, s.chunks, sorted(s.names)) for s in commit.slices]
    return log_key(commit.first) | {
        "n": {"N": str(commit.count)},
        "id": {"S": commit.id},
        "slices": {"S": msgspec.json.encode(entries).decode()},
    }


def commit_of(item: Item) -> Commit:
    entries = msgspec.json.decode(item["slices"]["S"], type=list[_Entry])
    slices = (Slice(e.stream, e.first, e.count, e.chunks, frozenset(e.names)) for e in entries)
    return Commit(first_of(item), int(item["n"]["N"]), item["id"]["S"], tuple(slices))


def size_of(item: Mapping[str, Any]) -> int:
    """Return the size in bytes by DynamoDB's rules: names and values, where a number takes one byte for two digits."""
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def _size_of_value(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content) // 2 + 2
        case _:
            return len(content)
