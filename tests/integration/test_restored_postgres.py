"""A restore of files and of a dump of PostgreSQL: `finish-restore` erases and revokes again what the backup still has."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.ids import ActorId, TenantId
from access_policy.entrypoints.demo.postgres import PostgresServer
from access_policy.entrypoints.processes.safety import NotAllowed
from access_policy.entrypoints.processes.service import Service
from access_policy.entrypoints.processes.tenant_data import erase_tenant
from access_policy.settings import Settings
from tests.integration.test_restored_erasures import asked, asked_with, seed
from tests.support import command_line
from tests.support.postgres_server import Server, new_database

RIVAL = TenantId("rival")


def settings(data: Path, url: str) -> Settings:
    return Settings(data=data, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0, store_url=url, read_models_url=url)


async def access_policy(url: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ACCESS_POLICY_STORE_URL": url, "ACCESS_POLICY_READ_MODELS_URL": url}
    done = await asyncio.to_thread(command_line.access_policy, *map(str, arguments), environment=environment)
    assert done.returncode == 0, done.stderr
    return done


def client_program(server: Server, name: str, *arguments: str | Path) -> None:
    assert isinstance(server, PostgresServer)
    subprocess.run([server._programs / name, *arguments], check=True, capture_output=True, timeout=120)


async def test_finish_restore_after_a_dump_was_restored_erases_and_revokes_again(
    postgres_server: Server, migrated_database: str, tmp_path: Path
) -> None:
    if not isinstance(postgres_server, PostgresServer):
        pytest.fail("this test needs the packaged server, which has pg_dump and pg_restore")
    old, dump = settings(tmp_path / "data", migrated_database), tmp_path / "old.dump"
    async with Service(old).running() as service:
        await seed(service)
        key = (await asked(service, "acme", "POST", "api-keys", {"name": "a", "role": "viewer"})).json()
        await service.container.auditing.chainer().catch_up()
        await access_policy(migrated_database, "backup", tmp_path / "backups" / "old", "--data", old.data)
        client_program(postgres_server, "pg_dump", "--format=custom", f"--file={dump}", migrated_database)
        assert (await asked(service, "acme", "DELETE", "vehicles/bus-0")).is_success
        assert (await asked(service, "acme", "DELETE", f"api-keys/{key['key_id']}")).is_success
    await erase_tenant(old, RIVAL, actor=ActorId("t"), although_connected=True, confirm=lambda _: True)

    with new_database(postgres_server) as url:
        new = settings(tmp_path / "new", url)
        restored = await access_policy(url, "restore", tmp_path / "backups" / "old", "--data", new.data)
        client_program(postgres_server, "pg_restore", "--no-owner", f"--dbname={url}", dump)
        await access_policy(url, "migrate", "--data", new.data)
        with pytest.raises(NotAllowed, match="finish-restore"):
            Service(new)
        finished = await access_policy(url, "finish-restore", "--data", new.data)
        async with Service(new).running() as service:
            removed = await asked(service, "acme", "GET", "vehicles/bus-0")
            kept = await asked(service, "acme", "GET", "vehicles/bus-1")
            erased = await asked(service, "rival", "GET", "vehicles")
            with_revoked = await asked_with(service, key["key"], "vehicles")
        container = Container(settings=new)
        try:
            values = await container.records.vault().unseal_many(TenantId("acme"), await sealed_in(container))
            found = await container.auditing.verifier().verify()
        finally:
            await close_opened(container)

    assert "then finish-restore" in restored.stdout
    assert "3 erasures listed; erased again: 1 vehicle, tenants rival" in finished.stdout
    assert "Revoked again: 1 API key" in finished.stdout
    assert [each.status_code for each in (removed, kept, erased, with_revoked)] == [404, 200, 403, 401]
    assert list(values) == [None, "04A1B2C3D4E5F7"]
    assert found.holds, found.findings


async def sealed_in(container: Container) -> list[tuple[object, object]]:
    """The vehicles and sealed values of all identifiers in the log, in order; none of them is of the erased tenant."""
    events = await container.stores.store().read_log(after=0, limit=1000)
    assert not [each for each in events if each.stream.startswith("rival/")]
    return [
        (each.event.vehicle_id, each.event.identifier.sealed)
        for each in events
        if type(each.event).__name__ == "VehicleIdentifierAdded"
    ]
