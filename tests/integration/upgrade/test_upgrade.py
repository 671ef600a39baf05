"""What earlier versions left behind opens, migrates, replays and serves with this version, and answers as it did there.

`kept/<version>` was written by that version (`write_installations`) and is never written again. Later answers may have more
fields, and nothing else may differ.
"""

from __future__ import annotations

import io
import json
import lzma
import os
import subprocess
import tarfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from access_policy.adapters.event_stores.event_types import EVENT_TYPES
from access_policy.application.ports.identity import Role
from access_policy.entrypoints.demo.postgres import PostgresServer
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.integration.upgrade.write_installations import BUS, TENANT, settings_for
from tests.support import command_line
from tests.support.postgres_server import Server

KEPT = Path(__file__).parent / "kept"
VERSIONS = sorted(each.name for each in KEPT.iterdir())
EACH_VERSION = pytest.mark.parametrize("version", VERSIONS)


def unpacked(archive: Path, directory: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as packed:
        packed.extractall(directory, filter="fully_trusted")
    return directory


def kept_answers(version: str, part: str) -> dict[str, Any]:
    answers: dict[str, Any] = json.loads((KEPT / version / "answers.json").read_text("utf-8"))[part]
    return answers


async def served(settings: Settings, questions: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The answers, and a decision for the vehicle of the story."""
    async with Service(settings).running() as service:
        token = service.container.stores.tokens().issue(TENANT, Role.ADMIN, subject="t", ttl=timedelta(hours=1))
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{service.http_port}/v1/",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        ) as client:
            answers = {question: (await client.get(question)).json() for question in questions}
            body = {"charger_id": "bay-2", "identifier": {"kind": "rfid", "value": BUS}}
            return answers, (await client.post("access-decisions", json=body)).json()


def is_part_of(kept: Any, present: Any) -> bool:
    """Whether the present answer has everything that the kept one has, with the same values."""
    match kept, present:
        case dict(), dict():
            return all(name in present and is_part_of(value, present[name]) for name, value in kept.items())
        case list(), list():
            return len(kept) == len(present) and all(map(is_part_of, kept, present))
        case _:
            return bool(kept == present)


def differing(kept: dict[str, Any], present: dict[str, Any]) -> list[str]:
    return [question for question, answer in kept.items() if not is_part_of(answer, present[question])]


def load(server: PostgresServer, url: str, dump: bytes) -> None:
    command = [server._programs / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", url]
    subprocess.run(command, input=dump, check=True, capture_output=True)


@EACH_VERSION
@pytest.mark.parametrize("replays", [False, True], ids=["as it was left", "read models from the log"])
async def test_data_directory_of_an_earlier_version_serves_what_it_served(
    version: str, replays: bool, tmp_path: Path
) -> None:
    data = unpacked(KEPT / version / "data.tar.xz", tmp_path / "data")
    if replays:
        for cache in (*data.glob("views.sqlite*"), *data.glob("*.snapshot")):
            cache.unlink()
    kept = kept_answers(version, "files")

    present, decision = await served(settings_for(data), kept)

    assert differing(kept, present) == []
    assert (decision["decision"], decision["vehicle_id"]) == ("allowed", "bus-1")


@EACH_VERSION
async def test_postgresql_dump_of_an_earlier_version_migrates_and_serves_what_it_served(
    version: str, postgres_server: Server, postgres_database: str, tmp_path: Path
) -> None:
    assert isinstance(postgres_server, PostgresServer)
    load(postgres_server, postgres_database, lzma.decompress((KEPT / version / "postgresql.sql.xz").read_bytes()))
    data = tmp_path / "data"
    unpacked(KEPT / version / "postgresql-keys.tar.xz", data / "keys")
    urls = {"ACCESS_POLICY_STORE_URL": postgres_database, "ACCESS_POLICY_READ_MODELS_URL": postgres_database}
    kept = kept_answers(version, "postgresql")

    for command in ("migrate", "rebuild-read-models"):
        done = command_line.access_policy(command, "--data", str(data), environment={**os.environ, **urls})
        assert done.returncode == 0, done.stderr
    present, decision = await served(settings_for(data, postgres_database), kept)

    assert differing(kept, present) == []
    assert (decision["decision"], decision["vehicle_id"]) == ("allowed", "bus-1")
    with closing(psycopg.connect(postgres_database)) as connection:
        names = {name for (name,) in connection.execute("SELECT DISTINCT topic FROM stored_events")}
    assert names <= {each.TYPE for each in EVENT_TYPES}  # type: ignore[attr-defined]
    assert len(names) > 20


def test_an_answer_that_lost_a_field_or_changed_a_value_differs() -> None:
    kept = {"vehicles": {"items": [{"name": "Bus 1", "version": 3}]}}

    assert differing(kept, {"vehicles": {"items": [{"name": "Bus 1", "version": 3, "more": None}]}}) == []
    assert differing(kept, {"vehicles": {"items": [{"name": "Bus 1"}]}}) == ["vehicles"]
    assert differing(kept, {"vehicles": {"items": [{"name": "Bus 2", "version": 3}]}}) == ["vehicles"]
    assert differing(kept, {"vehicles": {"items": []}}) == ["vehicles"]
