"""The manifest of a backup: its files with their sizes and hashes, the program that wrote it, and the log's last position."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
HASHED_BYTES: Final = 1024 * 1024  # at once

Progress = Callable[[int, int], None]  # bytes done, bytes in total


class BackupUnusable(Exception):
    """A backup that cannot be written or restored. The message says why and what to do. Nothing was changed."""


class Kind(StrEnum):
    LOG = "log"  # the event store
    READ_MODELS = "read_models"
    RECORDS = "records"  # every other SQLite file: records and spools
    KEY = "key"


class BackedUpFile(msgspec.Struct, frozen=True):
    """A file in a backup. `path` is relative to the backup's directory `data`."""

    path: str
    kind: Kind
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """The manifest of a backup. `position` is the log's last position, or None if the log is in another database. `schema` is
    the version of the read models' tables. A program reads manifests of its own `format` and of earlier ones.
    """

    format: int
    program: str
    written_at: datetime
    position: int | None
    schema: str | None
    files: tuple[BackedUpFile, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def read_manifest(backup: Path) -> Manifest:
    """Read the manifest. Raises `BackupUnusable`."""
    try:
        manifest = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BackupUnusable(
            f"{backup} has no {MANIFEST}; name the directory that `access-policy backup` wrote."
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupUnusable(f"{backup / MANIFEST} cannot be read ({error}); use another backup.") from error
    if manifest.format > FORMAT:
        raise BackupUnusable(
            f"Version {manifest.program} wrote this backup in a format that this program does not know."
            " Restore it with that version or a newer one."
        )
    for file in manifest.files:
        if PurePosixPath(file.path).is_absolute() or ".." in PurePosixPath(file.path).parts:
            raise BackupUnusable(f"{backup / MANIFEST} names {file.path}, a path outside of it; use another backup.")
    return manifest


def sha256_of(file: Path, done: Callable[[int], None] = lambda size: None) -> str:
    """Return the file's hash in hexadecimal. `done` receives the number of bytes of each part."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while part := opened.read(HASHED_BYTES):
            digest.update(part)
            done(len(part))
    return digest.hexdigest()
