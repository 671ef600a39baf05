"""Restore a backup. Every file is checked against its hash before and during the copy, and a failed restore changes nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from access_policy.adapters.local_files.backups import COPIED, OWNER_ONLY, sync_directory
from access_policy.adapters.local_files.installation_files import InstallationFiles
from access_policy.adapters.local_files.manifests import (
    HASHED_BYTES,
    BackedUpFile,
    BackupUnusable,
    Kind,
    Manifest,
    Progress,
    read_manifest,
    sha256_of,
)

DRAFT: Final = ".restoring"


def restore_backup(
    files: InstallationFiles,
    backup: Path,
    *,
    schemas: Collection[str],
    progress: Progress = lambda done, of: None,
    completed: Callable[[Path], None] = lambda draft: None,
) -> Manifest:
    """Restore a backup to a data directory that does not exist or is empty. `schemas` are the versions of the read models'
    tables that this program knows. `completed` may write further files into the draft of the data directory.

    Raises `BackupUnusable`, or `OSError` for a full or broken disk; the data directory is then unchanged.
    """
    manifest = read_manifest(backup)
    _refuse(files, backup, manifest, schemas)
    _check(backup, manifest, progress)
    data = files.data
    data.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{data.name}.", dir=data.parent))  # readable by its owner only
    with ExitStack() as undone:
        undone.callback(shutil.rmtree, draft, ignore_errors=True)
        outside = [each for each in manifest.files if not files.place_of(each).is_relative_to(data)]
        for file in manifest.files:
            target = files.place_of(file)
            copy = target.with_name(target.name + DRAFT) if file in outside else draft / target.relative_to(data)
            undone.callback(copy.unlink, missing_ok=True)
            _copy(backup / COPIED / file.path, copy, file)
        completed(draft)
        for directory in (*(each for each in draft.rglob("*") if each.is_dir()), draft):
            sync_directory(directory)
        for file in outside:
            target = files.place_of(file)
            target.with_name(target.name + DRAFT).rename(target)
            undone.callback(target.unlink, missing_ok=True)
        draft.rename(data)
        undone.pop_all()
    sync_directory(data.parent)
    return manifest


def _refuse(files: InstallationFiles, backup: Path, manifest: Manifest, schemas: Collection[str]) -> None:
    if files.data.exists() and (not files.data.is_dir() or any(files.data.iterdir())):
        raise BackupUnusable(f"{files.data} is not empty; name a new directory with --data, or move this one away.")
    if files.data.is_mount():
        raise BackupUnusable(f"{files.data} is the root of a file system; use a directory in it as the data directory.")
    if manifest.schema is not None and manifest.schema not in schemas:
        raise BackupUnusable(
            f"Version {manifest.program}, which wrote this backup, is newer than this program: it does not know the"
            f" tables {manifest.schema}. Restore with that version."
        )
    if files.log is not None and not any(file.kind is Kind.LOG for file in manifest.files):
        raise BackupUnusable(
            f"{backup} has no event log: the backed-up installation keeps its events in another database. Set"
            " ACCESS_POLICY_STORE_URL to the same value as there."
        )
    for file in manifest.files:
        place = files.place_of(file)
        if not place.is_relative_to(files.data) and place.exists():
            raise BackupUnusable(f"{place} exists; move it away before you restore.")


def _check(backup: Path, manifest: Manifest, progress: Progress) -> None:
    """Raise `BackupUnusable` unless every file is as it was written."""
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        progress(done, manifest.size)

    for file in manifest.files:
        copy = backup / COPIED / file.path
        try:
            intact = sha256_of(copy, count) == file.sha256
        except FileNotFoundError:
            raise BackupUnusable(f"{copy} is missing; use another backup.") from None
        if not intact:
            raise BackupUnusable(f"{copy} was changed after the backup: its hash differs. Use another backup.")


def _copy(source: Path, copy: Path, file: BackedUpFile) -> None:
    copy.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as original, open(copy, "xb", opener=_for_owner) as out:
        while part := original.read(HASHED_BYTES):
            digest.update(part)
            out.write(part)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != file.sha256:
        raise BackupUnusable(f"{source} changed while it was restored. Use another backup.")


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
