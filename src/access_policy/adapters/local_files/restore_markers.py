"""Files that a restore writes in addition to those of the backup: the merged list of erasures, and a marker.

The marker stays until the restore is finished, and the service does not start before.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from access_policy.adapters.local_files import erasure_list
from access_policy.adapters.local_files.backups import COPIED
from access_policy.adapters.local_files.manifests import BackupUnusable

VAULT_KEY: Final = "keys/vault.key"
FILE: Final = "restore.json"


class RestoreMarker(msgspec.Struct, frozen=True, kw_only=True):
    restore_id: str
    backed_up_at: datetime
    restored_at: datetime


def write_marker(data: Path, marker: RestoreMarker) -> None:
    with open(os.open(data / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(msgspec.json.encode(marker))
        out.flush()
        os.fsync(out.fileno())


def read_marker(data: Path) -> RestoreMarker | None:
    """Read the marker; None if no restore is unfinished here."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=RestoreMarker)
    except FileNotFoundError:
        return None


def remove_marker(data: Path) -> None:
    (data / FILE).unlink(missing_ok=True)


def lists_for(backup: Path, data: Path, named: Sequence[Path]) -> list[Path]:
    """Return the existing lists of erasures: those in `named`, of this backup and the backups beside it, and of the data
    directories beside the new one.
    """
    lists = erasure_list.FILE
    beside = (*backup.resolve().parent.glob(f"*/{COPIED}/{lists}"), *data.resolve().parent.glob(f"*/{lists}"))
    return list(dict.fromkeys((*named, *(each for each in sorted(beside) if os.access(each, os.R_OK)))))


def complete(draft: Path, lists: Sequence[Path], marker: RestoreMarker) -> None:
    """Write the merged list and the marker into the draft of the data directory. Raises `BackupUnusable` or `OSError`."""
    key = draft / VAULT_KEY
    if not key.exists():
        raise BackupUnusable(f"This backup has no {VAULT_KEY}; use another one.")
    entries = erasure_list.found_entries(lists, key.read_bytes())
    (draft / erasure_list.FILE).unlink(missing_ok=True)  # `entries` includes those of the backup
    if entries:
        erasure_list.write_entries(draft / erasure_list.FILE, entries)
    write_marker(draft, marker)
