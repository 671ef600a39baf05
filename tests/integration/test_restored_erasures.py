"""A restore of an older backup: what was forgotten after it is forgotten again, and its readers learn of the restore."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from access_policy.adapters.local_files.erasure_list import FILE, Forgotten, found_entries
from access_policy.adapters.local_files.manifests import read_manifest
from access_policy.adapters.local_files.restore_markers import RestoreMarker, write_marker
from access_policy.application.audit.findings import Manipulation
from access_policy.application.ports.audit_chains import ExportedHeads
from access_policy.application.ports.identity import Role
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.ids import ActorId, TenantId, VehicleId
from access_policy.domain.tenants.restoring import InstallationRestored
from access_policy.entrypoints.processes.safety import NotAllowed
from access_policy.entrypoints.processes.service import Service
from access_policy.entrypoints.processes.tenant_data import erase_tenant
from access_policy.settings import Settings
from tests.support import command_line
from tests.support.builders import NOON
from tests.support.ocpp_pipe import until

ACME, RIVAL = TenantId("acme"), TenantId("rival")


def settings(data: Path) -> Settings:
    return Settings(data=data, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)


async def access_policy(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(command_line.access_policy, *map(str, arguments), environment=dict(os.environ))


async def asked(service: Service, tenant: str, method: str, path: str, body: Any = None) -> httpx.Response:
    token = service.container.stores.tokens().issue(tenant, Role.ADMIN, subject="t", ttl=timedelta(hours=1))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{service.http_port}/v1/", trust_env=False, timeout=60
    ) as client:
        return await client.request(method, path, json=body, headers=headers)


async def asked_with(service: Service, token: str, path: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{service.http_port}/v1/", trust_env=False, timeout=60
    ) as client:
        return await client.get(path, headers=headers)


async def with_container(data: Path, ask: Callable[[Container], Any]) -> Any:
    container = Container(settings=settings(data))
    try:
        return await ask(container)
    finally:
        await close_opened(container)


async def values_of(data: Path, tenant: TenantId, vehicle: str) -> list[str | None]:
    """The values of the vehicle's identifiers that can still be read from the log."""

    async def ask(container: Container) -> list[str | None]:
        events = await container.stores.store().read_log(after=0, limit=1000)
        sealed = [
            each.event.identifier.sealed
            for each in events
            if each.stream.startswith(f"{tenant}/")
            and getattr(each.event, "identifier", None) is not None
            and getattr(each.event, "vehicle_id", None) == vehicle
        ]
        vehicle_id = VehicleId(vehicle)
        return list(await container.records.vault().unseal_many(tenant, [(vehicle_id, each) for each in sealed]))

    found: list[str | None] = await with_container(data, ask)
    return found


async def seed(service: Service) -> None:
    for tenant, cards in (("acme", ("04A1B2C3D4E5F6", "04A1B2C3D4E5F7")), ("rival", ("04FFEEDDCCBBAA",))):
        for number, card in enumerate(cards):
            bus = {"name": f"Bus {number}", "access_class": "own", "identifiers": [{"kind": "rfid", "value": card}]}
            answer = await asked(service, tenant, "PUT", f"vehicles/bus-{number}", bus)
            assert answer.is_success, answer.text


@pytest.fixture
async def head(tmp_path: Path) -> ExportedHeads:
    """A backup in `backups/old`; then a vehicle was removed, the first of two API keys (in `keys.json`) revoked, a tenant
    erased, and a head exported, which is returned."""
    data = tmp_path / "data"
    async with Service(settings(data)).running() as service:
        await seed(service)
        await service.container.auditing.chainer().catch_up()
        keys = [(await asked(service, "acme", "POST", "api-keys", {"name": n, "role": "viewer"})).json() for n in "ab"]
        (tmp_path / "keys.json").write_text(json.dumps(keys))
        done = await access_policy("backup", tmp_path / "backups" / "old", "--data", data)
        assert done.returncode == 0, done.stderr
        assert (await asked(service, "acme", "DELETE", "vehicles/bus-0")).is_success
        assert (await asked(service, "acme", "DELETE", f"api-keys/{keys[0]['key_id']}")).is_success
        assert (await asked(service, "acme", "PUT", "depots/late", {"name": "L", "time_zone": "UTC"})).is_success
    await erase_tenant(settings(data), RIVAL, actor=ActorId("t"), although_connected=True, confirm=lambda _: True)
    exported: ExportedHeads = await with_container(data, lambda c: c.auditing.chainer().export_heads())
    return exported


async def test_restore_of_an_older_backup_forgets_again_what_was_forgotten_after_it(
    head: ExportedHeads, tmp_path: Path
) -> None:
    restored = await access_policy("restore", tmp_path / "backups" / "old", "--data", tmp_path / "new")
    async with Service(settings(tmp_path / "new")).running() as service:
        removed = await asked(service, "acme", "GET", "vehicles/bus-0")
        kept = await asked(service, "acme", "GET", "vehicles/bus-1")
        erased = await asked(service, "rival", "GET", "vehicles")
    found = await with_container(tmp_path / "new", lambda c: c.auditing.verifier().verify())

    assert (restored.returncode, restored.stderr) == (0, "")
    assert f"Lists of erasures: {tmp_path / 'data' / FILE}" in restored.stdout
    assert "3 erasures listed; erased again: 1 vehicle, tenants rival" in restored.stdout
    assert (removed.status_code, kept.status_code, erased.status_code) == (404, 200, 403)
    assert await values_of(tmp_path / "new", ACME, "bus-0") == [None]
    assert await values_of(tmp_path / "new", ACME, "bus-1") == ["04A1B2C3D4E5F7"]
    assert await values_of(tmp_path / "new", RIVAL, "bus-0") == []
    assert found.holds, found.findings


async def test_restore_of_an_older_backup_revokes_again_the_api_keys_that_were_revoked_after_it(
    head: ExportedHeads, tmp_path: Path
) -> None:
    revoked, valid = json.loads((tmp_path / "keys.json").read_text())

    restored = await access_policy("restore", tmp_path / "backups" / "old", "--data", tmp_path / "new")
    async with Service(settings(tmp_path / "new")).running() as service:
        with_revoked = await asked_with(service, revoked["key"], "vehicles")
        with_valid = await asked_with(service, valid["key"], "vehicles")
        audit = (await asked(service, "acme", "GET", "audit")).json()

    assert "Revoked again: 1 API key" in restored.stdout
    assert (with_revoked.status_code, with_valid.status_code) == (401, 200)
    assert [each["actor"] for each in audit["items"] if each["event"] == "api_key_revoked"] == ["restore"]


async def test_restore_takes_the_list_of_a_later_backup_or_the_one_it_is_given(
    head: ExportedHeads, tmp_path: Path
) -> None:
    """The old machine is gone: only what is beside the backup, or named, can be found. Without a list, the vehicle is back."""
    later = await access_policy("backup", tmp_path / "backups" / "later", "--data", tmp_path / "data")
    named = (tmp_path / "data" / FILE).rename(tmp_path / "named.jsonl")
    beside = await access_policy("restore", tmp_path / "backups" / "old", "--data", tmp_path / "a" / "new")
    (tmp_path / "backups" / "later").rename(tmp_path / "lost")
    nothing = await access_policy("restore", tmp_path / "backups" / "old", "--data", tmp_path / "b" / "new")
    given = await access_policy(
        "restore", tmp_path / "backups" / "old", "--data", tmp_path / "c" / "new", "--erasures", named
    )

    assert later.returncode == 0, later.stderr
    assert str(tmp_path / "backups" / "later" / "data" / FILE) in beside.stdout
    assert "Lists of erasures: none found" in nothing.stdout
    readable = {each: await values_of(tmp_path / each / "new", ACME, "bus-0") for each in ("a", "b", "c")}
    assert readable == {"a": [None], "b": ["04A1B2C3D4E5F6"], "c": [None]}, (beside, given)


async def test_list_of_another_installation_erases_nothing(head: ExportedHeads, tmp_path: Path) -> None:
    key = (tmp_path / "data" / "keys" / "vault.key").read_bytes()
    entries = found_entries([tmp_path / "data" / FILE], key)

    assert [each.kind for each in entries] == [Forgotten.VEHICLE_KEY, Forgotten.API_KEY, Forgotten.TENANT]
    assert found_entries([tmp_path / "data" / FILE], b"k" * 32) == []
    assert b"bus-0" not in (tmp_path / "data" / FILE).read_bytes()


async def test_service_does_not_start_before_the_restore_is_finished(tmp_path: Path) -> None:
    tmp_path.joinpath("data").mkdir()
    write_marker(tmp_path / "data", RestoreMarker(restore_id="r", backed_up_at=NOON, restored_at=NOON))

    with pytest.raises(NotAllowed, match="finish-restore"):
        Service(settings(tmp_path / "data"))
    finished = await access_policy("finish-restore", "--data", tmp_path / "data")
    again = await access_policy("finish-restore", "--data", tmp_path / "data")

    assert finished.returncode == 0, finished.stderr
    assert (again.returncode, "There is no unfinished restore" in again.stderr) == (1, True)


async def test_head_that_is_later_than_a_restored_log_is_told_from_a_truncated_one(
    head: ExportedHeads, tmp_path: Path
) -> None:
    await access_policy("restore", tmp_path / "backups" / "old", "--data", tmp_path / "new")
    new = tmp_path / "new"

    async def verified(exported: ExportedHeads) -> list[tuple[Manipulation, str]]:
        await with_container(new, lambda c: c.auditing.chainer().catch_up())
        found = await with_container(new, lambda c: c.auditing.verifier().verify(exported))
        return [(each.kind, each.text) for each in found.findings if each.tenant_id in ("acme", "-")]

    signed = await verified(head)
    afterwards = await verified(replace(head, exported_at=head.exported_at + timedelta(hours=1)))
    with closing(sqlite3.connect(new / "events.sqlite")) as log:
        (state,) = log.execute(
            "SELECT state FROM stored_events WHERE topic = ?", (InstallationRestored.TYPE,)
        ).fetchone()
        changed = bytes(state).replace(b'"statement":"', b'"statement":"x')
        assert changed != state
        log.execute("UPDATE stored_events SET state = ? WHERE topic = ?", (changed, InstallationRestored.TYPE))
        log.commit()
    forged = await verified(head)

    assert Manipulation.RESTORED in {kind for kind, _ in signed}
    assert {kind for kind, _ in signed} == {Manipulation.RESTORED}
    assert any("the log was restored at" in text and "is later than the restored log" in text for _, text in signed)
    assert Manipulation.RESTORED not in {kind for kind, _ in (*afterwards, *forged)}
    assert {kind for kind, _ in afterwards} & {Manipulation.TRUNCATED, Manipulation.REWRITTEN}


async def test_no_position_in_a_backup_is_ahead_of_its_log(tmp_path: Path) -> None:
    """Read models, relays, the audit chain: their readers start at the end of the restored log or before it."""
    data = tmp_path / "data"
    async with Service(settings(data)).running() as service:
        await seed(service)
        await until(lambda: "audit_position" in {table for table, _ in _positions(data)}, 30.0)
        backup = asyncio.create_task(access_policy("backup", tmp_path / "backup", "--data", data))
        number = 0
        while not backup.done():
            number += 1
            await asked(service, "acme", "PUT", f"depots/d-{number}", {"name": "D", "time_zone": "UTC"})
        done = await backup
        later = await service.container.stores.store().last_position()

    assert done.returncode == 0, done.stderr
    end = read_manifest(tmp_path / "backup").position
    assert end is not None
    assert end < later
    positions = list(_positions(tmp_path / "backup" / "data"))
    assert {table for table, _ in positions} >= {"projection_positions", "audit_position"}
    assert [each for each in positions if each[1] > end] == []
    assert any(at > end for _, at in _positions(data)), "the red control: the live ones are ahead of the backup's log"


def _positions(directory: Path) -> Any:
    for file in sorted(directory.glob("*.sqlite")):
        with closing(sqlite3.connect(file)) as opened:
            tables = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                columns = [row[1] for row in opened.execute(f"PRAGMA table_info({table})")]
                if "position" in columns:
                    for (at,) in opened.execute(f"SELECT max(position) FROM {table}"):
                        if at is not None:
                            yield table, at
