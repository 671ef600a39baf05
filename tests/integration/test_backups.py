"""Backups of a running installation, and their restoring: what is restored serves, and nothing is half done."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from access_policy.adapters.local_files import backups, restoring
from access_policy.adapters.local_files.backups import write_backup
from access_policy.adapters.local_files.installation_files import InstallationFiles
from access_policy.adapters.local_files.manifests import MANIFEST, BackupUnusable, Kind, Manifest, read_manifest
from access_policy.adapters.local_files.restoring import restore_backup
from access_policy.adapters.sql.migrations import Part, latest, revisions
from access_policy.application.ports.identity import Role
from access_policy.entrypoints.processes.safety import alone_in
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support import command_line
from tests.support.builders import HOUR

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CARD = {"kind": "rfid", "value": "04A1B2C3D4E5F6"}


def files_of(data: Path) -> InstallationFiles:
    return InstallationFiles(data, data / "events.sqlite", data / "views.sqlite")


def backed_up(files: InstallationFiles, backup: Path) -> Manifest:
    return write_backup(files, backup, program="0.1.0", now=NOW)


def restored(backup: Path, files: InstallationFiles) -> Manifest:
    return restore_backup(files, backup, schemas=revisions(Part.READ_MODELS))


def access_policy(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return command_line.access_policy(*map(str, arguments), environment=dict(os.environ))


def numbers(file: Path) -> list[int]:
    with closing(sqlite3.connect(file)) as connection:
        return [number for (number,) in connection.execute("SELECT rowid FROM stored_events ORDER BY 1")]


def files_below(directory: Path) -> list[Path]:
    """Apart from SQLite's companions, which reading may make."""
    return sorted(file for file in directory.rglob("*") if not file.name.endswith(("-wal", "-shm")))


@pytest.fixture
def installation(tmp_path: Path) -> InstallationFiles:
    """Files as a service leaves them, with one event."""
    data = tmp_path / "data"
    (data / "keys").mkdir(parents=True)
    (data / "keys" / "vault.key").write_bytes(b"k" * 32)
    for name, table in (
        ("events", "stored_events (state TEXT)"),
        ("views", f"{Part.READ_MODELS.version_table} (version_num TEXT)"),
        ("vault", "kept (value TEXT)"),
    ):
        with closing(sqlite3.connect(data / f"{name}.sqlite", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"CREATE TABLE {table}")
            connection.execute(f"INSERT INTO {table.split()[0]} VALUES (?)", (latest(Part.READ_MODELS),))
    return files_of(data)


@pytest.fixture
def backup(installation: InstallationFiles, tmp_path: Path) -> Path:
    backed_up(installation, tmp_path / "backup")
    return tmp_path / "backup"


async def asked(service: Service, *requests: tuple[str, str, Any]) -> list[Any]:
    token = service.container.stores.tokens().issue("acme", Role.ADMIN, subject="t", ttl=HOUR)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{service.http_port}/v1/",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=60,
    ) as client:
        answers = []
        for method, path, body in requests:
            answer = await client.request(method, path, json=body)
            assert answer.is_success, answer.text
            answers.append(answer.json())
        return answers


def settings(data: Path) -> Settings:
    return Settings(data=data, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)


async def test_restored_backup_of_a_running_service_serves_what_was_there(tmp_path: Path) -> None:
    charger = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"}
    bus = {"name": "Bus 7", "access_class": "own", "identifiers": [CARD]}
    shown = [("GET", path, None) for path in ("depots", "vehicles", "chargers/bay-1/timeline", "access-events")]
    async with Service(settings(tmp_path / "data")).running() as service:
        await asked(
            service,
            ("PUT", "depots/north", {"name": "North", "time_zone": "Europe/Berlin"}),
            ("PUT", "chargers/bay-1", charger),
            ("PUT", "vehicles/bus-7", bus),
            ("POST", "access-decisions", {"charger_id": "bay-1", "identifier": CARD}),
        )
        before = await asked(service, *(each for each in shown if "timeline" not in each[1]))
        done = access_policy("backup", tmp_path / "backup", "--data", tmp_path / "data")
        await asked(service, ("PUT", "depots/south", {"name": "South", "time_zone": "Europe/Berlin"}))
        refused = access_policy("restore", tmp_path / "backup", "--data", tmp_path / "data")

    again = access_policy("restore", tmp_path / "backup", "--data", tmp_path / "restored")
    async with Service(settings(tmp_path / "restored")).running() as service:
        after = await asked(service, *(each for each in shown if "timeline" not in each[1]))
        (decision,) = await asked(service, ("POST", "access-decisions", {"charger_id": "bay-1", "identifier": CARD}))

    assert (done.returncode, again.returncode, done.stderr, again.stderr) == (0, 0, "", "")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "A service is running from" in refused.stderr
    assert after == before
    assert (decision["decision"], decision["vehicle_id"]) == ("allowed", "bus-7")


def test_backup_begins_every_copy_while_the_log_takes_no_append(
    installation: InstallationFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was appended between two beginnings would let a copy be ahead of the log's."""
    refusals: list[bool] = []

    class Watched(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            if statement == "BEGIN":
                refusals.append(not appends())
            return super().execute(statement, *values)

    def appends() -> bool:
        with closing(sqlite3.connect(installation.data / "events.sqlite", timeout=0, isolation_level=None)) as other:
            try:
                other.execute("INSERT INTO stored_events VALUES ('meanwhile')")
            except sqlite3.OperationalError:
                return False
            return True

    def opened(file: Path) -> sqlite3.Connection:
        return sqlite3.connect(file, isolation_level=None, factory=Watched)

    monkeypatch.setattr(backups, "_opened", opened)

    backed_up(installation, tmp_path / "backup")

    assert refusals == [True, True, True]
    assert appends()


def test_backup_copies_the_state_at_its_beginning_while_others_write(
    installation: InstallationFiles, tmp_path: Path
) -> None:
    def write_on(done: int, of: int) -> None:
        for name, table in (("events", "stored_events"), ("vault", "kept")):
            with closing(sqlite3.connect(installation.data / f"{name}.sqlite", isolation_level=None)) as other:
                other.execute(f"INSERT INTO {table} VALUES ('later')")

    manifest = write_backup(installation, tmp_path / "backup", program="0.1.0", now=NOW, progress=write_on)

    assert manifest.position == 1
    assert numbers(tmp_path / "backup/data/events.sqlite") == [1]
    assert len(numbers(installation.data / "events.sqlite")) > 1
    with closing(sqlite3.connect(tmp_path / "backup/data/vault.sqlite")) as vault:
        assert vault.execute("SELECT count(*) FROM kept").fetchone() == (1,)


def test_backup_lists_every_file_with_its_hash_and_is_for_its_owner_only(backup: Path) -> None:
    manifest = read_manifest(backup)

    assert {(each.path, each.kind) for each in manifest.files} == {
        ("events.sqlite", Kind.LOG),
        ("views.sqlite", Kind.READ_MODELS),
        ("vault.sqlite", Kind.RECORDS),
        ("keys/vault.key", Kind.KEY),
    }
    assert manifest.schema == latest(Part.READ_MODELS)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (backup, *backup.rglob("*")))


def test_files_outside_the_data_directory_are_restored_to_where_the_settings_name_them(
    installation: InstallationFiles, tmp_path: Path
) -> None:
    log = tmp_path / "log-disk" / "log.db"
    log.parent.mkdir()
    shutil.move(installation.data / "events.sqlite", log)
    elsewhere = InstallationFiles(installation.data, log, installation.read_models)
    backed_up(elsewhere, tmp_path / "backup")
    target = InstallationFiles(tmp_path / "new", tmp_path / "log-disk" / "new.db", tmp_path / "new" / "views.sqlite")

    restored(tmp_path / "backup", target)

    assert numbers(tmp_path / "log-disk" / "new.db") == [1]
    assert not (tmp_path / "new" / "events.sqlite").exists()
    with pytest.raises(BackupUnusable, match=r"new\.db exists; move it away"):
        restored(tmp_path / "backup", InstallationFiles(tmp_path / "newer", target.log, None))


def test_full_disk_leaves_nothing_of_a_backup_or_a_restore(
    installation: InstallationFiles, backup: Path, tmp_path: Path
) -> None:
    """A limit on the size of files stands for the full disk: a write beyond it fails in the same place."""
    limited = 'ulimit -f 4; exec "$0" -m access_policy.entrypoints.cli "$@"'
    for arguments in (("backup", tmp_path / "second"), ("restore", backup)):
        data = installation.data if arguments[0] == "backup" else tmp_path / "new"
        command = ["bash", "-c", limited, sys.executable, *map(str, arguments), "--data", str(data)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1

    assert sorted(each.name for each in tmp_path.iterdir()) == ["backup", "data"]


def _damaged_vault(files: InstallationFiles, _: Path) -> None:
    vault = files.data / "vault.sqlite"
    content = bytearray(vault.read_bytes())
    content[-4096:-3996] = b"\xff" * 100
    vault.write_bytes(content)


def _no_keys(files: InstallationFiles, _: Path) -> None:
    shutil.rmtree(files.data / "keys")


def _not_empty(_: InstallationFiles, target: Path) -> None:
    target.mkdir()
    (target / "notes.txt").write_text("mine")


@pytest.mark.parametrize(
    ("spoil", "target", "says"),
    [
        (_damaged_vault, "new", r"vault\.sqlite (is damaged|cannot be copied)"),
        (_no_keys, "new", "has no directory keys"),
        (_not_empty, "new", "is not an empty directory"),
        (lambda *_: None, "data/backup", "is in the data directory"),
    ],
)
def test_backup_that_cannot_be_written_says_why_and_leaves_nothing(
    installation: InstallationFiles,
    tmp_path: Path,
    spoil: Callable[[InstallationFiles, Path], None],
    target: str,
    says: str,
) -> None:
    spoil(installation, tmp_path / target)
    before = files_below(tmp_path)

    with pytest.raises(BackupUnusable, match=says):
        backed_up(installation, tmp_path / target)

    assert files_below(tmp_path) == before


def _edited(backup: Path, **fields: object) -> None:
    manifest = json.loads((backup / MANIFEST).read_text())
    (backup / MANIFEST).write_text(json.dumps({**manifest, **fields}))


def _outside(backup: Path) -> None:
    first, *others = json.loads((backup / MANIFEST).read_text())["files"]
    _edited(backup, files=[{**first, "path": "../stray"}, *others])


def _altered(backup: Path) -> None:
    with (backup / "data" / "vault.sqlite").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")


SPOILT: dict[str, Callable[[Path], None]] = {
    "its hash differs": _altered,
    "is missing": lambda backup: (backup / "data" / "keys" / "vault.key").unlink(),
    "has no manifest": lambda backup: (backup / MANIFEST).unlink(),
    "cannot be read": lambda backup: (backup / MANIFEST).write_text("{"),
    "in a format that this program does not know": lambda backup: _edited(backup, format=2),
    "is newer than this program": lambda backup: _edited(backup, schema="read_models_9999"),
    "a path outside": _outside,
    "has no event log": lambda backup: _edited(backup, files=[]),
}


@pytest.mark.parametrize("says", SPOILT)
def test_backup_that_cannot_be_restored_says_why_and_changes_nothing(backup: Path, tmp_path: Path, says: str) -> None:
    SPOILT[says](backup)

    with pytest.raises(BackupUnusable, match=says):
        restored(backup, files_of(tmp_path / "new"))

    assert sorted(each.name for each in tmp_path.iterdir()) == ["backup", "data"]


def test_restore_into_a_directory_that_is_not_empty_is_refused(backup: Path, installation: InstallationFiles) -> None:
    with pytest.raises(BackupUnusable, match="is not empty"):
        restored(backup, installation)


def test_restore_with_the_events_in_another_database_is_refused(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupUnusable, match="ACCESS_POLICY_STORE_URL names another database"):
        restored(backup, InstallationFiles(tmp_path / "new", None, tmp_path / "new" / "views.sqlite"))


def test_restore_that_fails_between_files_undoes_those_outside(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(restoring, "sync_directory", fails)

    with pytest.raises(OSError, match="no space"):
        restored(backup, InstallationFiles(tmp_path / "new", tmp_path / "log.db", tmp_path / "new" / "views.sqlite"))

    assert sorted(each.name for each in tmp_path.iterdir()) == ["backup", "data"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    with alone_in(tmp_path / "live"):
        yield tmp_path / "live"


def test_commands_refuse_with_one_line_and_exit_with_one(served: Path, backup: Path, tmp_path: Path) -> None:
    into_use = access_policy("restore", backup, "--data", served)
    nothing = access_policy("restore", tmp_path / "nowhere", "--data", tmp_path / "new")
    no_installation = access_policy("backup", tmp_path / "new", "--data", tmp_path / "nowhere")

    for done, says in (
        (into_use, "A service is running from"),
        (nothing, "has no manifest.json"),
        (no_installation, "not the data directory of an installation"),
    ):
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("access-policy: ")
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert sorted(each.name for each in served.iterdir()) == ["serving.lock"]
