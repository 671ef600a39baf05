"""Backups of a running installation's files. A backup shows one moment, as a crash would have left the files (ADR 0030).

A read transaction begins on each SQLite file while appends to the log are blocked. Then the appends continue, and the files are
copied from these transactions. So no file of a backup is ahead of its log: read models and positions are at the log's end or
earlier, and a record that a command writes before its event is in the backup if the event is.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from access_policy.adapters.local_files.installation_files import KEYS, InstallationFiles
from access_policy.adapters.local_files.manifests import (
    FORMAT,
    MANIFEST,
    BackedUpFile,
    BackupUnusable,
    Kind,
    Manifest,
    Progress,
    sha256_of,
)
from access_policy.adapters.sql.migrations import Part

LOCK_TIMEOUT_S: Final = 30.0  # for the end of another writer's transaction
PAGES: Final = 2_000  # copied at once: 8 MB
COPIED: Final = "data"  # the directory of the copies in a backup
OWNER_ONLY: Final = 0o700
VERSIONS: Final = Part.READ_MODELS.version_table


@dataclass(frozen=True, slots=True)
class _Source:
    kind: Kind
    file: Path
    connection: sqlite3.Connection


def write_backup(
    files: InstallationFiles, backup: Path, *, program: str, now: datetime, progress: Progress = lambda done, of: None
) -> Manifest:
    """Write a backup to a directory that does not exist or is empty. If this fails, it leaves no files there.

    Raises `BackupUnusable`, or `OSError` for a full or broken disk.
    """
    _refuse_target(files, backup)
    backup.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{backup.name}.", dir=backup.parent))  # readable by its owner only
    try:
        manifest = _write(files, draft, program=program, now=now, progress=progress)
        draft.rename(backup)
    except sqlite3.Error as error:
        raise BackupUnusable(f"A file cannot be opened: {error}. The backup was discarded.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    sync_directory(backup.parent)
    return manifest


def sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_target(files: InstallationFiles, backup: Path) -> None:
    if not (files.data / KEYS).is_dir():
        raise BackupUnusable(f"{files.data} has no directory {KEYS}: it is not the data directory of an installation.")
    if backup.resolve().is_relative_to(files.data.resolve()):
        raise BackupUnusable(f"{backup} is in the data directory; name a directory on another disk.")
    if backup.exists() and (not backup.is_dir() or any(backup.iterdir())):
        raise BackupUnusable(f"{backup} exists and is not an empty directory; name a new one.")
    if backup.is_mount():
        raise BackupUnusable(f"{backup} is the root of a file system; name a new directory in it.")


def _write(files: InstallationFiles, draft: Path, *, program: str, now: datetime, progress: Progress) -> Manifest:
    copies = draft / COPIED
    with _one_moment(files) as sources:
        position, schema = _position(sources), _schema(sources)
        total, done = sum(_size(source.connection) for source in sources.values()), 0
        for path, source in sorted(sources.items(), key=lambda each: each[1].kind is not Kind.LOG):  # the log first
            try:
                _copy(source, copies / path, partial(_report, progress, done, total))
            except sqlite3.Error as error:
                raise BackupUnusable(f"{source.file} cannot be copied: {error}. The backup was discarded.") from error
            done += _size(source.connection)
            source.connection.close()  # its write-ahead log may begin anew
    for path, key in files.keys().items():  # after the databases, so that the keys of all their values exist
        _copy_whole(key, copies / path)
    lists = files.lists()  # after the databases, so that each key deleted since is on the list
    for path, file in lists.items():
        _copy_whole(file, copies / path)
    kinds = {path: source.kind for path, source in sources.items()} | dict.fromkeys(lists, Kind.RECORDS)
    listed = tuple(_listed(copies, path, kinds.get(path, Kind.KEY)) for path in (*kinds, *files.keys()))
    manifest = Manifest(FORMAT, program, now, position, schema, listed)
    _write_synced(draft / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    for directory in (*(each for each in copies.rglob("*") if each.is_dir()), copies, draft):
        sync_directory(directory)
    return manifest


@contextmanager
def _one_moment(files: InstallationFiles) -> Iterator[Mapping[str, _Source]]:
    """Begin read transactions on all SQLite files while appends to the log are blocked."""
    with ExitStack() as stack:
        sources = {
            path: _Source(kind, file, stack.enter_context(closing(_opened(file))))
            for path, (kind, file) in files.databases().items()
        }
        with ExitStack() as locked:
            for source in sources.values():
                if source.kind is Kind.LOG:
                    lock = locked.enter_context(closing(_opened(source.file)))
                    lock.execute("BEGIN IMMEDIATE")
            for source in sources.values():
                source.connection.execute("BEGIN")
                source.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield sources


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=LOCK_TIMEOUT_S)


def _size(connection: sqlite3.Connection) -> int:
    (pages,), (page,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages) * int(page)


def _report(progress: Progress, before: int, total: int, copied: int) -> None:
    progress(before + copied, total)


def _copy(source: _Source, copy: Path, done: Callable[[int], None]) -> None:
    """Copy the file some pages at a time. `done` receives the number of bytes copied so far. Raises `BackupUnusable` if the
    file is damaged.
    """
    copy.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    copy.touch(mode=0o600)
    (page,) = source.connection.execute("PRAGMA page_size").fetchone()
    with closing(sqlite3.connect(copy, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous=OFF")  # the copy is synchronised once, below
        source.connection.backup(target, pages=PAGES, progress=lambda _, left, of: done((of - left) * page), sleep=0)
        target.execute("PRAGMA journal_mode=DELETE")  # one file without companions; opening it restores its own mode
        problems = [row[0] for row in target.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        raise BackupUnusable(f"{source.file} is damaged ({problems[0]}). Restore it from an earlier backup.")
    with copy.open("rb") as file:
        os.fsync(file.fileno())


def _position(sources: Mapping[str, _Source]) -> int | None:
    for source in sources.values():
        if source.kind is Kind.LOG:
            (last,) = source.connection.execute("SELECT max(rowid) FROM stored_events").fetchone()
            return int(last or 0)
    return None


def _schema(sources: Mapping[str, _Source]) -> str | None:
    for source in sources.values():
        if source.kind is Kind.READ_MODELS:
            has_table = source.connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (VERSIONS,)).fetchone()
            row = has_table and source.connection.execute(f"SELECT version_num FROM {VERSIONS}").fetchone()  # noqa: S608
            return str(row[0]) if row else None
    return None


def _copy_whole(file: Path, copy: Path) -> None:
    copy.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    _write_synced(copy, file.read_bytes())


def _write_synced(file: Path, content: bytes) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _listed(copies: Path, path: str, kind: Kind) -> BackedUpFile:
    copy = copies / path
    return BackedUpFile(path, kind, copy.stat().st_size, sha256_of(copy))
