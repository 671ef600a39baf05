"""`access-policy doctor` finds what is wrong with an installation, says what to do, and changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, text, update

from access_policy.adapters.clock import SystemClock
from access_policy.adapters.read_models.table_sets import PARKED, POSITIONS
from access_policy.adapters.sql.databases import database_at
from access_policy.adapters.sql.migrations import Part
from access_policy.entrypoints.doctor import certificates, clocks, databases, examination, files, serving
from access_policy.entrypoints.doctor.findings import Finding, State
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from access_policy.settings_values import HostPort
from tests.integration.upgrade.test_upgrade import KEPT, VERSIONS, unpacked
from tests.support import command_line
from tests.support.certificates import TestAuthority


def states(findings: Iterable[Finding]) -> set[State]:
    return {each.state for each in findings}


def texts(findings: Iterable[Finding]) -> str:
    return "\n".join(f"{each.state} {each.text} {each.action}" for each in findings)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation that is not running, with a history."""
    data = unpacked(KEPT / VERSIONS[-1] / "data.tar.xz", tmp_path / "data")
    data.chmod(0o700)
    (data / "keys").chmod(0o700)
    return Settings(data=data, http="127.0.0.1:0", ocpp="127.0.0.1:0")


def test_doctor_finds_nothing_to_do_in_a_sound_installation(settings: Settings) -> None:
    before = {
        file: file.read_bytes()
        for file in settings.data.rglob("*")
        if not file.name.endswith(("-shm", "-wal")) and file.is_file()
    }

    found = list(examination.examine(settings))

    assert State.ACT not in states(found), texts(found)
    assert {each.check for each in found} >= {"data directory", "keys", "disk space", "clock", "read models", "service"}
    assert {file: file.read_bytes() for file in before} == before


def _keys_gone(settings: Settings) -> None:
    shutil.rmtree(settings.data / "keys")


def _key_readable(settings: Settings) -> None:
    (settings.data / "keys" / "vault.key").chmod(0o644)


def _token_key_readable(settings: Settings) -> None:
    (settings.data / "keys" / "token-signing.pem").chmod(0o640)


def _key_cut(settings: Settings) -> None:
    (settings.data / "keys" / "vault.key").write_bytes(b"short")


def _others_write(settings: Settings) -> None:
    settings.data.chmod(0o777)


def _set_positions(settings: Settings, position: int) -> None:
    assert isinstance(settings.read_models_location, Path)
    database = database_at(settings.read_models_location, "test")
    with database.writing.begin() as connection:
        connection.execute(update(POSITIONS).values(position=position))
    database.close()


def _ahead(settings: Settings) -> None:
    _set_positions(settings, 1_000_000)


def _behind(settings: Settings) -> None:
    _set_positions(settings, -databases.LAG_MAX)


def _parked(settings: Settings) -> None:
    assert isinstance(settings.read_models_location, Path)
    row = {"projection": "depots", "position": 1, "stream": "s", "event_type": "t", "reason": "r"}
    database = database_at(settings.read_models_location, "test")
    with database.writing.begin() as connection:
        connection.execute(insert(PARKED).values(row))
    database.close()


def _migrated_by_a_newer_program(settings: Settings) -> None:
    assert isinstance(settings.read_models_location, Path)
    database = database_at(settings.read_models_location, "test")
    with database.writing.begin() as connection:
        connection.execute(text(f"UPDATE {Part.READ_MODELS.version_table} SET version_num = 'read_models_9999'"))
    database.close()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_keys_gone, "is missing, but there is data made with its keys Restore it"),
        (_key_readable, "chmod 600"),
        (_token_key_readable, "chmod go="),
        (_key_cut, "a key has 32 bytes"),
        (_others_write, "chmod 700"),
        (_ahead, "ahead of the log"),
        (_behind, "positions behind the log Check that a process"),
        (_parked, "1 event is parked List them"),
        (_migrated_by_a_newer_program, "belongs to a newer program"),
    ],
)
def test_doctor_says_what_to_do_about_a_spoilt_installation(
    settings: Settings, spoil: Callable[[Settings], None], says: str
) -> None:
    spoil(settings)

    found = [each for each in examination.examine(settings) if each.state is State.ACT]

    assert says in texts(found)
    assert all(each.action for each in found)


@pytest.mark.parametrize(("free", "state"), [(2**20, State.ACT), (2**32, State.SOON), (2**39, State.OK)])
def test_doctor_judges_the_free_space(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, state: State
) -> None:
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=free, total=2**40))

    assert states(files.disk_space(settings)) == {state}


@pytest.mark.parametrize(("synchronised", "state"), [(True, State.OK), (False, State.SOON), (None, State.SOON)])
def test_doctor_asks_the_kernel_whether_its_clock_is_synchronised(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, synchronised: bool | None, state: State
) -> None:
    assert clocks.kernel_is_synchronised() in (True, False, None)
    monkeypatch.setattr(clocks, "kernel_is_synchronised", lambda: synchronised)

    assert states(clocks.kernel_clock(settings)) == {state}


@pytest.mark.usefixtures("databases")
def test_doctor_compares_the_clock_with_that_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data=tmp_path)
    has_clock = not isinstance(settings.store_location, Path)

    fits = list(clocks.store_clock(settings))
    monkeypatch.setattr(SystemClock, "now", lambda self: datetime.now(UTC) + timedelta(seconds=10))
    differs = list(clocks.store_clock(settings))

    assert states(fits) == ({State.OK} if has_clock else set())
    assert states(differs) == ({State.ACT} if has_clock else set())


def test_doctor_finds_events_from_the_future(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = databases.newest_event_at(settings)
    assert newest is not None
    assert list(clocks.log_clock(settings)) == []
    monkeypatch.setattr(SystemClock, "now", lambda self: newest - timedelta(minutes=1))

    assert "which is in the future" in texts(clocks.log_clock(settings))


def test_doctor_names_the_database_that_was_not_migrated(postgres_database: str, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, store_url=postgres_database, read_models_url=postgres_database)

    found = list(databases.migrations(settings))

    assert [each.text.split(":")[0] for each in found] == [str(part) for part in Part]
    assert {(each.state, each.action) for each in found} == {(State.ACT, "Run `access-policy migrate`.")}


def test_doctor_finds_no_fault_in_a_migrated_database(migrated_database: str, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, store_url=migrated_database, read_models_url=migrated_database)

    assert states([*databases.migrations(settings), *databases.lag(settings)]) == {State.OK}


@pytest.mark.parametrize(
    ("valid_days", "state"), [(-1, State.ACT), (5, State.SOON), (90, State.OK)], ids=["expired", "soon", "valid"]
)
def test_doctor_reads_the_dates_of_certificates(tmp_path: Path, valid_days: int, state: State) -> None:
    issued = TestAuthority(tmp_path).issue("api", lasts=timedelta(days=valid_days))
    settings = Settings(data=tmp_path, http_tls_certificate=issued.certificate, http_tls_key=issued.key)

    assert states(certificates.certificates(settings)) == {state}


def test_doctor_names_the_program_in_the_way_of_a_port(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taking = settings.model_copy(update={"ocpp": HostPort("127.0.0.1", taken.getsockname()[1])})
        found = list(serving.service(taking))

    assert [each.check for each in found if each.state is State.ACT] == ["ports"]
    assert "the OCPP server cannot listen on" in texts(found)


async def test_doctor_reads_readiness_and_metrics_of_the_running_service(tmp_path: Path) -> None:
    async with Service(
        Settings(data=tmp_path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    ).running() as service:
        at_port = service.settings.model_copy(update={"http": HostPort("127.0.0.1", service.http_port)})
        found = await asyncio.to_thread(lambda: list(serving.service(at_port)))

    assert [each.check for each in found] == ["service", "service", "metrics"]
    held = "blocked the event loop"  # on a busy machine
    assert [each.text for each in found if each.state is not State.OK and held not in each.text] == []


@pytest.mark.parametrize("name", serving.LIMITS)
def test_doctor_reports_each_measurement_beyond_its_limit(name: str) -> None:
    limit = serving.LIMITS[name][0]

    within = list(serving._beyond_limits(f"# TYPE {name} gauge\n{name} {limit}\n"))
    beyond = list(serving._beyond_limits(f"# TYPE {name} gauge\n{name} {limit + 1}\n"))

    assert (states(within), states(beyond)) == (set(), {State.ACT})


def test_doctor_command_lists_findings_and_exits_with_one_if_something_must_be_done(settings: Settings) -> None:
    environment = {**os.environ, "ACCESS_POLICY_HTTP": "127.0.0.1:0", "ACCESS_POLICY_OCPP": "127.0.0.1:0"}
    arguments = ("doctor", "--data", str(settings.data))

    sound = command_line.access_policy(*arguments, environment=environment)
    misspelt = command_line.access_policy(
        *arguments, "--json", environment={**environment, "ACCESS_POLICY_STOR_URL": "x"}
    )
    unreadable = command_line.access_policy(*arguments, environment={**environment, "ACCESS_POLICY_DRAIN_S": "soon"})

    assert sound.returncode == 0, sound.stdout
    assert (misspelt.returncode, unreadable.returncode) == (1, 1)
    assert {
        "check": "settings",
        "state": "act",
        "text": "ACCESS_POLICY_STOR_URL is not a setting",
        "action": "Did you mean ACCESS_POLICY_STORE_URL?",
    } in json.loads(misspelt.stdout)["findings"]
    assert "drain_s: " in unreadable.stdout
    assert (sound.stderr, misspelt.stderr, unreadable.stderr) == ("", "", "")
