"""The erasure of a tenant: nothing of it is left in any file, and other tenants are untouched."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import psycopg
import pytest
from typer.testing import CliRunner, Result

from access_policy.adapters.event_stores import erasing
from access_policy.adapters.secrets.erasure_statements import ErasureStatements, StatementRefused
from access_policy.adapters.sql import sessions
from access_policy.adapters.sql.sessions import other_sessions
from access_policy.application.audit.findings import Manipulation
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import NO_TENANT, Role
from access_policy.container import Container
from access_policy.containers import erasing as places
from access_policy.containers.closing import close_opened
from access_policy.domain.ids import ActorId, TenantId
from access_policy.domain.tenants.erasure import TenantErased, TenantErasureBegun
from access_policy.entrypoints.cli.root import app
from access_policy.entrypoints.processes.failures import CannotRun
from access_policy.entrypoints.processes.safety import alone_in
from access_policy.entrypoints.processes.service import Service
from access_policy.entrypoints.processes.tenant_data import erase_tenant
from access_policy.settings import Settings
from tests.support.builders import NOON
from tests.support.marked_tenant import MarkedTenant
from tests.support.planted import plant_rows, plant_spools, spooled_streams
from tests.support.postgres_server import Server, new_database

ACME, RIVAL = TenantId("acme"), TenantId("rival")
MARKS = (b"zqknown", b"zqsecret")
OPERATOR = ActorId("operator")


@dataclass
class Installation:
    """`files` are all files in which its data can be."""

    settings: Settings
    files: Callable[[], Iterator[Path]]

    def marks(self) -> dict[str, int]:
        """How often the marks of `acme` are in each file."""
        found = {
            file.name: sum(content.count(mark) for mark in MARKS)
            for file in self.files()
            for content in [file.read_bytes()]
        }
        return {name: count for name, count in found.items() if count}

    def analyze(self) -> None:
        """Let PostgreSQL sample all tables, as its autovacuum does now and then: `pg_statistic` then contains values."""
        if isinstance(self.settings.store_url, str) and self.settings.store_url:
            with psycopg.connect(self.settings.store_url, autocommit=True) as connection:
                connection.execute("ANALYZE")

    async def erase(self, tenant_id: TenantId = ACME, **how: Any) -> TenantErased | None:
        options: dict[str, Any] = {"although_connected": False, "confirm": lambda _: True, **how}
        return await erase_tenant(self.settings, tenant_id, actor=OPERATOR, **options)

    def rows(self, tenant: str) -> dict[str, list[Any]]:
        """All rows of the tenant in all tables, and the stored events with their positions."""
        return dict(_rows(self.settings, tenant))


@asynccontextmanager
async def served(settings: Settings) -> Any:
    async with (
        Service(settings).running() as service,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.http_port}", timeout=30, trust_env=False) as client,
    ):

        def sends(tenant: str, role: Role = Role.ADMIN) -> Any:
            token = service.container.stores.tokens().issue(
                NO_TENANT if role is Role.INSTALLATION else tenant, role, subject="tester", ttl=timedelta(hours=1)
            )

            async def send(method: str, path: str, body: Any = None, **how: Any) -> httpx.Response:
                headers = {"Authorization": f"Bearer {token}", **how.pop("headers", {})}
                return await client.request(method, path, json=body, headers=headers, **how)

            return send

        yield service, sends


@pytest.fixture(params=["sqlite", "postgres"])
def installation(request: pytest.FixtureRequest) -> Installation:
    fixture = {"sqlite": "in_files", "postgres": "in_postgres"}[request.param]
    return cast("Installation", request.getfixturevalue(fixture))


@pytest.fixture
def in_files(seeded_files: Path, tmp_path: Path) -> Installation:
    """Two tenants that have everything, in a service that has stopped."""
    shutil.copytree(seeded_files, tmp_path, dirs_exist_ok=True)
    return Installation(_settings(tmp_path), lambda: _files(tmp_path, None, ""))


@pytest.fixture
def in_postgres(seeded_database: tuple[Path, str], postgres_server: Server, tmp_path: Path) -> Iterator[Installation]:
    files, template = seeded_database
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    with new_database(postgres_server, template) as url:
        yield Installation(_settings(tmp_path, url), lambda: _files(tmp_path, postgres_server, url))


@pytest.fixture(scope="module")
def seeded_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("erasure")
    asyncio.run(_seed(_settings(directory)))
    return directory


@pytest.fixture(scope="module")
def seeded_database(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: Server, migrated_template: str
) -> Iterator[tuple[Path, str]]:
    """The files beside the database, and its name."""
    directory = tmp_path_factory.mktemp("erasure")
    with new_database(postgres_server, migrated_template) as url:
        asyncio.run(_seed(_settings(directory, url)))
        yield directory, url.rpartition("/")[2]


def _settings(directory: Path, url: str = "") -> Settings:
    return Settings(
        data=directory, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0, store_url=url, read_models_url=url
    )


async def _seed(settings: Settings) -> None:
    async with served(settings) as (service, sends):
        store = service.container.stores.store()
        record = {"name": "zqsecret", "data_region": "zqsecret"}
        await sends("", Role.INSTALLATION)("PUT", "/v1/tenants/acme", record)
        await MarkedTenant("acme", "zqknown", "zqsecret", sends("acme")).seed(store)
        await MarkedTenant("rival", "other", "theirs", sends("rival"), card="04FFEEDDCCBBAA").seed(store)
        await service.container.auditing.chainer().catch_up()
        await service.container.read_side.follower().catch_up()
        await service.container.deciding.keeper().save()


def _files(directory: Path, server: Any, url: str) -> Iterator[Path]:
    yield from (file for file in directory.rglob("*") if file.is_file())
    if server is None:
        return
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        (database,) = connection.execute(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        ).fetchone() or (0,)
    yield from (file for file in (server._data / "base" / str(database)).iterdir() if file.is_file())


def _rows(settings: Settings, tenant: str) -> Iterator[tuple[str, list[Any]]]:
    url = settings.store_url
    if isinstance(url, str) and url:
        with psycopg.connect(url) as connection:
            named = "SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id' ORDER BY 1"
            for (table,) in connection.execute(named).fetchall():
                yield (
                    table,
                    sorted(connection.execute(f"SELECT * FROM {table} WHERE tenant_id = %s", (tenant,)), key=repr),
                )
            events = "SELECT * FROM stored_events WHERE originator_id LIKE %s ORDER BY notification_id"
            yield "stored_events", connection.execute(events, (f"{tenant}/%",)).fetchall()
        return
    for file in sorted(settings.data.glob("*.sqlite")):
        with closing(sqlite3.connect(file)) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in sorted(tables):
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                if "tenant_id" in columns:
                    asked = connection.execute(f"SELECT * FROM {table} WHERE tenant_id = ?", (tenant,))
                    yield f"{file.name} {table}", sorted(asked, key=repr)
                elif table == "stored_events":
                    events = f"SELECT rowid, * FROM {table} WHERE originator_id LIKE ? ORDER BY rowid"
                    yield table, connection.execute(events, (f"{tenant}/%",)).fetchall()


async def test_erased_tenant_leaves_no_byte_and_other_tenants_keep_every_byte(installation: Installation) -> None:
    before, theirs = installation.marks(), installation.rows(RIVAL)
    assert sum(before.values()) > 100, before  # otherwise the search would find nothing afterwards either
    assert any(theirs.values())
    keys = [row for place, rows in installation.rows(ACME).items() if "vehicle_key" in place for row in rows]
    sealed = [row for row in keys if "reservation/" in repr(row)]
    assert sealed, "the values of a reservation's holder are among what must go"

    erased = await installation.erase()

    assert erased is not None
    assert installation.marks() == {}
    assert installation.rows(RIVAL) == theirs
    assert not any(installation.rows(ACME).values())
    claims = ErasureStatements(_keys(installation)).read(erased.statement)
    assert (claims["tenant_id"], claims["jti"]) == ("acme", erased.erasure_id)
    assert {each["place"] for each in claims["removed"] if each["rows"]} >= {"stored_events", "vehicle_key", "vehicles"}


async def test_erased_tenant_leaves_no_byte_in_any_table_or_spool(installation: Installation) -> None:
    """Facts that could not be stored yet, waiting webhooks, dead letters, keys, sessions: a mark in every table there is."""
    tables = plant_rows(installation.settings, "acme", "zqsecret")
    await plant_spools(installation.settings, "zqsecret", "rival")
    installation.analyze()
    before, spooled = installation.marks(), await spooled_streams(installation.settings)
    assert {"webhook_delivery", "console_session", "login_link", "api_key", "answers", "import_plan"} <= set(tables)
    assert all(streams.count("acme/charger_condition/bay-1") == 3 for streams in spooled.values()), spooled
    assert before["spool.sqlite"] >= 3

    erased = await installation.erase()

    assert erased is not None
    assert installation.marks() == {}
    removed = {each.place for each in erased.removed if each.rows}
    assert {*tables, "spool.sqlite"} <= removed, {*tables} - removed
    assert await spooled_streams(installation.settings) == {
        name: [each for each in streams if not each.startswith("acme/")] for name, streams in spooled.items()
    }


async def test_service_started_after_an_erasure_serves_others_and_its_audit_chain_holds(
    installation: Installation,
) -> None:
    exported = await _with(installation, lambda c: c.auditing.chainer().export_heads())
    await installation.erase()

    async with served(installation.settings) as (service, sends):
        await service.container.read_side.follower().catch_up()
        refused = await sends("acme")("GET", "/v1/depots")
        theirs = (await sends("rival")("GET", "/v1/vehicles")).json()["items"]
        tenants = (await sends("", Role.INSTALLATION)("GET", "/v1/tenants")).json()["items"]
        free = {"charge_point_id": "zqsecret-CP", "depot_id": "other-depot", "profile": "ocpp16-central"}
        claimed = await sends("rival")("PUT", "/v1/chargers/new", {**free, "baseline_mode": "managed"})
        await service.container.auditing.chainer().catch_up()
        verified = await service.container.auditing.verifier().verify(exported)

    assert (refused.status_code, refused.json()["type"]) == (403, "urn:access-policy:problem:tenant-erased")
    assert {each["vehicle_id"] for each in theirs} == {"other-vehicle"}
    assert [(each["tenant_id"], each["name"], each["erased_at"] is None) for each in tenants] == [
        ("acme", "", False),
        ("rival", "rival", True),
    ]
    assert claimed.status_code == 201, claimed.text
    assert verified.findings == []


async def test_erasure_without_its_signed_record_is_a_finding_of_the_audit(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody who can write to the database can append what an erasure begins with; only the installation can sign its end."""
    exported = await _with(installation, lambda c: c.auditing.chainer().export_heads())
    with monkeypatch.context() as forging:
        forging.setattr(ErasureStatements, "sign", ErasureStatements(b"another installation's key: 32 B.").sign)
        await installation.erase()

    forged = await _with(installation, lambda c: c.auditing.verifier().verify(exported))

    assert (ACME, Manipulation.VANISHED) in {(each.tenant_id, each.kind) for each in forged.findings}
    assert any("no record signed by this installation" in each.text for each in forged.findings)
    assert forged.erased == set()


async def test_interrupted_erasure_is_a_finding_of_the_audit_until_it_is_complete(
    in_files: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as failing:
        failing.setattr(ErasureStatements, "sign", _fails)
        with pytest.raises(CannotRun):
            await in_files.erase()

    interrupted = await _with(in_files, lambda c: c.auditing.verifier().verify())

    assert any("run `tenant erase` again" in each.text for each in interrupted.findings)


async def test_tenant_that_vanished_with_its_chain_and_without_a_record_is_a_finding(in_files: Installation) -> None:
    """Even without an exported head, because the installation's streams still have its claims of charge point ids."""
    exported = await _with(in_files, lambda c: c.auditing.chainer().export_heads())
    erasing.erase_events(in_files.settings.store_location, ACME, ())
    await _with(in_files, lambda c: c.records.audit_chains().erase(ACME))

    without = await _with(in_files, lambda c: c.auditing.verifier().verify())
    against = await _with(in_files, lambda c: c.auditing.verifier().verify(exported))

    assert [(each.tenant_id, each.kind) for each in without.findings] == [(ACME, Manipulation.VANISHED)]
    assert [(each.tenant_id, each.kind) for each in against.findings] == [(ACME, Manipulation.VANISHED)] * 2


async def test_claims_removed_without_an_erasure_are_findings_of_the_audit(in_files: Installation) -> None:
    """The verifier excuses only what an erasure names."""
    claims = erasing.claims_of(in_files.settings.store_location, ACME)
    erasing.erase_events(in_files.settings.store_location, ACME, claims.positions)

    verified = await _with(in_files, lambda c: c.auditing.verifier().verify())

    assert {each.tenant_id for each in verified.findings} == {"-", "acme"}


@pytest.mark.parametrize("place", ["erase_rows", "erase_from_files", "erase_events", "signed"])
async def test_erasure_that_is_interrupted_goes_on_when_it_is_repeated(
    in_files: Installation, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = in_files.rows(RIVAL)
    with monkeypatch.context() as failing:
        if place == "signed":
            failing.setattr(ErasureStatements, "sign", _fails)
        else:
            failing.setattr(places, place, _fails_after(getattr(places, place)))
        with pytest.raises(CannotRun, match="continues"):
            await in_files.erase()

    erased = await in_files.erase()

    assert in_files.marks() == {}
    assert in_files.rows(RIVAL) == theirs
    events = await _with(in_files, lambda c: c.stores.store().read_log(after=0, limit=10_000))
    erasures = [each.event for each in events if each.stream == "-/tenant_erasure/acme"]
    assert [type(each) for each in erasures] == [TenantErasureBegun, TenantErased]
    assert erasures[-1] == erased


async def test_positions_of_later_events_are_not_those_of_erased_ones(in_files: Installation) -> None:
    """A reader that has passed a position never looks at it again."""
    last = await _with(in_files, lambda c: c.stores.store().last_position())
    await in_files.erase()

    events = await _with(in_files, lambda c: c.stores.store().read_log(after=last, limit=10))
    assert [type(each.event) for each in events] == [TenantErasureBegun, TenantErased]


async def test_erasure_without_the_tenants_id_repeated_erases_nothing(in_files: Installation) -> None:
    before = in_files.rows(ACME)

    assert await in_files.erase(confirm=lambda _: False) is None
    assert in_files.rows(ACME) == before


async def test_tenant_erase_on_the_command_line_asks_for_the_id_and_says_what_is_gone(in_files: Installation) -> None:
    def run(*more: str, typed: str = "") -> Result:
        arguments = ["tenant", "erase", "acme", "--data", str(in_files.settings.data), *more]
        return CliRunner().invoke(app, arguments, input=typed)

    mistyped = await asyncio.to_thread(run, typed="acmee\n")
    repeated = await asyncio.to_thread(run, typed="acme\n")

    assert mistyped.exit_code == 1
    assert "nothing was erased" in mistyped.stderr
    assert repeated.exit_code == 0, repeated.output
    assert "The tenant acme is erased. Signed record: ey" in repeated.stdout
    assert "vehicles: 1 removed" in repeated.stdout


def test_tenant_erase_without_an_installation_is_one_line_and_changes_nothing(tmp_path: Path) -> None:
    refused = CliRunner().invoke(
        app, ["tenant", "erase", "acme", "--data", str(tmp_path / "none"), "--confirm", "acme"]
    )

    assert refused.exit_code == 1
    assert refused.stderr.startswith("access-policy: There is no directory")
    assert not (tmp_path / "none").exists()


async def test_erasure_of_a_tenant_that_does_not_exist_is_refused(in_files: Installation) -> None:
    with pytest.raises(CannotRun, match="There is no tenant acmee"):
        await in_files.erase(TenantId("acmee"))


async def test_erasure_while_the_service_runs_is_refused(in_files: Installation) -> None:
    with alone_in(in_files.settings.data), pytest.raises(CannotRun, match="Stop it"):
        await in_files.erase()


async def test_erasure_while_another_session_uses_the_database_is_refused(
    in_postgres: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_PATIENCE_S", 0.0)
    with psycopg.connect(str(in_postgres.settings.store_url)), pytest.raises(CannotRun, match="other sessions"):
        await in_postgres.erase()


def test_session_that_ends_meanwhile_is_no_other_session(migrated_database: str) -> None:
    """A session ends a moment after its client has closed the connection, as when the service has just stopped."""
    with psycopg.connect(migrated_database) as connection:
        threading.Timer(0.3, connection.close).start()
        assert other_sessions(migrated_database) == 0


async def test_erasure_with_connected_chargers_is_refused_unless_that_is_meant(in_files: Installation) -> None:
    with closing(sqlite3.connect(in_files.settings.data / "views.sqlite")) as connection:
        connection.execute("UPDATE charger_status SET connected = 1 WHERE tenant_id = 'acme'")
        connection.commit()

    with pytest.raises(CannotRun, match="zqknown-charger"):
        await in_files.erase()
    assert await in_files.erase(although_connected=True) is not None


async def test_table_that_nobody_has_assigned_stops_the_erasure(in_files: Installation) -> None:
    with closing(sqlite3.connect(in_files.settings.data / "vault.sqlite")) as connection:
        connection.execute("CREATE TABLE notes (about TEXT)")

    with pytest.raises(CannotRun, match="table notes"):
        await in_files.erase()


def test_statement_of_another_installation_is_refused() -> None:
    statement = ErasureStatements(b"1" * 32).sign(ACME, "one", (), NOON)

    with pytest.raises(StatementRefused):
        ErasureStatements(b"2" * 32).read(statement)


async def test_dynamodb_store_refuses_before_anything_is_erased(dynamodb_url: str, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, store_url=dynamodb_url)

    with pytest.raises(CannotRun, match=r"DynamoDB.*Nothing was erased.*vehicles remove.*docs/operations\.md"):
        await Installation(settings, lambda: iter(())).erase()


def _keys(installation: Installation) -> bytes:
    return (installation.settings.data / "keys" / "vault.key").read_bytes()


def _fails(*_: object) -> Any:
    raise StoreUnavailable("power failure")


def _fails_after(call: Callable[..., Any]) -> Callable[..., Any]:
    def failing(*arguments: Any) -> Any:
        call(*arguments)
        raise OSError("power failure")

    return failing


async def _with(installation: Installation, ask: Callable[[Container], Any]) -> Any:
    container = Container(settings=installation.settings)
    try:
        return await ask(container)
    finally:
        await close_opened(container)


async def test_export_of_a_tenant_holds_its_data_with_hashes_and_nothing_of_others(in_files: Installation) -> None:
    to = in_files.settings.data / "export"

    def run() -> Result:
        return CliRunner().invoke(app, ["tenant", "export", "acme", "--to", str(to), "--data", str(to.parent)])

    done = await asyncio.to_thread(run)
    again = await asyncio.to_thread(run)

    assert done.exit_code == 0, done.output
    manifest = json.loads((to / "manifest.json").read_bytes())["files"]
    assert set(manifest) == {file.name for file in to.iterdir()} - {"manifest.json"}
    for name, entry in manifest.items():
        content = (to / name).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert b"theirs" not in content
    events = [json.loads(line) for line in (to / "events.jsonl").read_text().splitlines()]
    assert {each["stream"].split("/")[0] for each in events} == {"acme"}
    assert b"04:A1:B2:C3:D4:E5:F6" in (to / "registry.csv").read_bytes()
    assert {"vehicles.jsonl", "depots.jsonl", "access_log.jsonl"} <= set(manifest)
    assert not {"vehicle_key.jsonl", "answers.jsonl", "api_key.jsonl"} & set(manifest)
    assert to.stat().st_mode & 0o077 == 0
    assert (again.exit_code, "exists" in again.stderr) == (1, True)
