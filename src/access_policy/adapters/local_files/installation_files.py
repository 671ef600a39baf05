"""The files of an installation that a backup has to contain: SQLite files and keys. It excludes snapshots, sockets and locks,
because the service creates them at its start.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from access_policy.adapters.local_files.erasure_list import FILE as ERASURES
from access_policy.adapters.local_files.manifests import BackedUpFile, BackupUnusable, Kind

KEYS: Final = "keys"
SQLITE: Final = "*.sqlite"


@dataclass(frozen=True, slots=True)
class InstallationFiles:
    """`log` and `read_models` are SQLite files, possibly outside the data directory, or None if they are in another
    database.
    """

    data: Path
    log: Path | None
    read_models: Path | None

    def databases(self) -> dict[str, tuple[Kind, Path]]:
        """Return the SQLite files by their paths in a backup. A process with a name has its own directory in `data`."""
        found = {}
        for file in sorted((*self.data.glob(SQLITE), *self.data.glob(f"*/{SQLITE}"))):
            if file.resolve() not in self._elsewhere_or_named():
                found[file.relative_to(self.data).as_posix()] = (Kind.RECORDS, file)
        for kind, named in ((Kind.LOG, self.log), (Kind.READ_MODELS, self.read_models)):
            if named is not None and named.exists():
                found[self._path_in_backup(kind, named)] = (kind, named)
        return found

    def keys(self) -> dict[str, Path]:
        """Return the key files by their paths in a backup. Hidden files are drafts of keys and are excluded."""
        files = sorted(self.data.glob(f"{KEYS}/[!.]*"))
        return {file.relative_to(self.data).as_posix(): file for file in files if file.is_file()}

    def lists(self) -> dict[str, Path]:
        """Return the list of erasures by its path in a backup."""
        file = self.data / ERASURES
        return {ERASURES: file} if file.exists() else {}

    def place_of(self, file: BackedUpFile) -> Path:
        """Return the path to which the file is restored. Raises `BackupUnusable`."""
        if file.kind is Kind.LOG:
            return self._wanted(self.log, "events", "ACCESS_POLICY_STORE_URL")
        if file.kind is Kind.READ_MODELS:
            return self._wanted(self.read_models, "read models", "ACCESS_POLICY_READ_MODELS_URL")
        return self.data / file.path

    def _wanted(self, named: Path | None, what: str, setting: str) -> Path:
        if named is None:
            raise BackupUnusable(
                f"This backup contains the {what} as a file, but {setting} names another database. Restore with the settings"
                " of the backed-up installation."
            )
        return named

    def _path_in_backup(self, kind: Kind, file: Path) -> str:
        if file.is_relative_to(self.data):
            return file.relative_to(self.data).as_posix()
        return "events.sqlite" if kind is Kind.LOG else "views.sqlite"

    def _elsewhere_or_named(self) -> set[Path]:
        return {file.resolve() for file in (self.log, self.read_models) if file is not None}
