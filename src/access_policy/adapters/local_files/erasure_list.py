"""The list of erasures, in an append-only file. After a restore of an older backup, the service erases the listed data again
(ADR 0039).

The list names vehicles by the random ids of their deleted keys, erased tenants by their ids, and revoked API keys by their
random ids. It contains no other data about them.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from access_policy.adapters.secrets.key_files import derived_key
from access_policy.application.ports.clock import Clock

FILE: Final = "erasures.jsonl"


class Forgotten(StrEnum):
    VEHICLE_KEY = "vehicle_key"
    TENANT = "tenant"
    API_KEY = "api_key"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. `seal` proves that this installation wrote the entry, because other installations' lists are found
    beside its backups, too.
    """

    kind: Forgotten
    id: str
    at: datetime
    seal: str


class ErasureList:
    def __init__(self, file: Path, master: bytes, clock: Clock) -> None:
        self._file = file
        self._key = derived_key(master, "erasure list")
        self._clock = clock

    def add(self, kind: Forgotten, ids: Iterable[str]) -> None:
        """Add the ids; they are durable when this returns. Raises `OSError`."""
        now = self._clock.now()
        write_entries(
            self._file, [Entry(kind=kind, id=each, at=now, seal=_seal(self._key, kind, each)) for each in ids]
        )

    def entries(self) -> list[Entry]:
        """Return the entries that this installation wrote, without duplicates, ascending by time."""
        return sealed_entries([self._file], self._key)


def found_entries(files: Iterable[Path], master: bytes) -> list[Entry]:
    """Return the entries of all these lists that the installation with this vault key wrote. Raises `OSError`."""
    return sealed_entries(files, derived_key(master, "erasure list"))


def sealed_entries(files: Iterable[Path], key: bytes) -> list[Entry]:
    found: dict[tuple[Forgotten, str], Entry] = {}
    for file in files:
        for line in file.read_bytes().splitlines() if file.exists() else ():
            entry = _entry(line)
            if entry is not None and hmac.compare_digest(entry.seal, _seal(key, entry.kind, entry.id)):
                found.setdefault((entry.kind, entry.id), entry)
    return sorted(found.values(), key=lambda each: each.at)


def write_entries(file: Path, entries: Iterable[Entry]) -> None:
    """Append the entries. If a crash cut off the last line, end it first; readers skip it."""
    lines = b"".join(b"\n" + msgspec.json.encode(each) for each in entries)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0) as out:
        out.write(lines)
        os.fsync(out.fileno())


def _entry(line: bytes) -> Entry | None:
    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _seal(key: bytes, kind: Forgotten, forgotten_id: str) -> str:
    return hmac.digest(key, f"{kind}\0{forgotten_id}".encode(), "sha256").hex()
