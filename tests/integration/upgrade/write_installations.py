"""Write what a version leaves behind, for the versions after it: `python -m tests.integration.upgrade.write_installations DIR`.

Run it at the version that is kept, and commit the result under its name; a kept installation is never written again. It is a
data directory, a PostgreSQL dump with its keys, and the answers of the API to the questions in `QUESTIONS`.
"""

from __future__ import annotations

import asyncio
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.demo.postgres import PASSWORD, PostgresServer, migrated
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.chargers import ChargerSpec, FreevendKey, Identifier, SimulatedCharger, Vehicle

TENANT = "acme"
BUS, VAN, LOST, UNKNOWN = "04A1B2C3D4E5F6", "04A1B2C3D4E5F7", "04A1B2C3D4E5F8", "04FFFFFFFFFFFF"
QUESTIONS = (
    "depots",
    "depots/north/calendars/holidays",
    "vehicles",
    "vehicles/bus-1",
    "agreements",
    "access-events?limit=200",
    "mode-changes?limit=200",
    "denied-identifiers",
    "chargers/bay-1/timeline?from=2027-01-04T12:00:00Z&until=2027-01-06T12:00:00Z",
    "chargers/bay-2/timeline?from=2027-01-04T12:00:00Z&until=2027-01-06T12:00:00Z",
)
NIGHTS = {"name": "Nights", "mode": "managed", "recurrence": "FREQ=DAILY", "start": "22:00", "end": "06:00"}
HOLIDAYS = {"name": "Holidays", "days": [{"date": "2027-01-05", "reason": "A holiday"}]}
COURIERS = {"name": "Couriers", "fleet": "City", "valid_from": "2026-01-01T00:00:00Z"}


class Story:
    """A depot with a history: most commands of the API, a charger that is switched, charges and denials."""

    def __init__(self, client: httpx.AsyncClient, ocpp_port: int) -> None:
        self._client = client
        self._url = f"ws://127.0.0.1:{ocpp_port}/ocpp"

    async def send(self, method: str, path: str, body: Any = None, status: int = 0) -> Any:
        answer = await self._client.request(method, f"/v1/{path}", json=body)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else None

    async def play(self) -> None:
        await self._put()
        spec = ChargerSpec(url=self._url, charge_point_id="CP-1", freevend=FreevendKey(), sample_every_s=0.2)
        async with SimulatedCharger(spec) as charger:
            await charger.until_ready()
            await self._until("chargers/bay-1", lambda shown: shown["applied_mode"] == "managed")
            await charger.plug_in(1, Vehicle())
            assert (await charger.present(1, Identifier.rfid(BUS))).charged
            await charger.stop_charging(1)
            assert not (await charger.present(1, Identifier.rfid(UNKNOWN))).charged
            await self.send("POST", "chargers/bay-1/overrides", {"mode": "freevend", "reason": "visit", "for": "PT1H"})
            await self._until("chargers/bay-1", lambda shown: shown["applied_mode"] == "freevend")
        await self._decide_and_change()

    async def _put(self) -> None:
        await self.send("PUT", "depots/north", {"name": "North", "time_zone": "Europe/Berlin"})
        await self.send("PUT", "depots/north/calendars/holidays", HOLIDAYS)
        for number, profile in (("1", "microocpp-1.6"), ("2", "ocpp16-central"), ("3", "ocpp201-central")):
            await self.send(
                "PUT",
                f"chargers/bay-{number}",
                {
                    "charge_point_id": f"CP-{number}",
                    "depot_id": "north",
                    "profile": profile,
                    "baseline_mode": "managed",
                },
            )
        await self.send("PUT", "agreements/couriers", COURIERS)
        own = {"access_class": "own", "identifiers": [{"kind": "rfid", "value": BUS}]}
        await self.send("PUT", "vehicles/bus-1", {"name": "Bus 1", "plate": "B-AB 1", **own})
        van = [{"kind": "rfid", "value": VAN}, {"kind": "mac", "value": "1A:2B:3C:4D:5E:6F"}]
        await self.send(
            "PUT",
            "vehicles/van-1",
            {"name": "Van 1", "access_class": "agreement", "agreement_id": "couriers", "identifiers": van},
        )
        gone = {"access_class": "own", "identifiers": [{"kind": "rfid", "value": LOST}]}
        await self.send("PUT", "vehicles/bus-2", {"name": "Bus 2", **gone})

    async def _decide_and_change(self) -> None:
        rule = await self.send("POST", "chargers/bay-2/mode-rules", NIGHTS)
        await self.send("PUT", f"chargers/bay-2/mode-rules/{rule['rule_id']}", {**NIGHTS, "start": "21:00"})
        holiday = {"calendar_id": "holidays", "mode": "freevend", "reason": "closed"}
        await self.send("POST", "chargers/bay-2/exceptions", holiday)
        await self.send(
            "POST", "chargers/bay-3/exceptions", {"date": "2027-02-01", "mode": "freevend", "reason": "fair"}
        )
        await self.send("POST", "vehicles/bus-2/suspend", {"reason": "lost card"})
        await self.send("POST", "chargers/bay-2/enrolment-session", {"minutes": 5})
        for value in (BUS, VAN, LOST, UNKNOWN):
            identifier = {"kind": "rfid", "value": value}
            await self.send("POST", "access-decisions", {"charger_id": "bay-2", "identifier": identifier})
        await self.send("DELETE", "vehicles/bus-2")
        await self.send("DELETE", "chargers/bay-3")

    async def answers(self) -> dict[str, Any]:
        return {question: await self.send("GET", question) for question in QUESTIONS}

    async def _until(self, path: str, fits: Any) -> None:
        async with asyncio.timeout(60):
            while not fits(await self.send("GET", path)):  # noqa: ASYNC110  it is asked
                await asyncio.sleep(0.05)


async def played(settings: Settings) -> Mapping[str, Any]:
    """The answers of a service whose history is the story."""
    async with Service(settings).running() as service:
        token = service.container.stores.tokens().issue(TENANT, Role.ADMIN, subject="t", ttl=timedelta(hours=1))
        headers = {"Authorization": f"Bearer {token}"}
        base = f"http://127.0.0.1:{service.http_port}"
        async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=60) as client:
            story = Story(client, service.ocpp_port)
            await story.play()
            await service.settled(await service.container.stores.store().last_position())
            return await story.answers()


def settings_for(data: Path, url: str = "") -> Settings:
    return Settings(data=data, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0, store_url=url, read_models_url=url)


def packed(directory: Path) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz", preset=9) as archive:
        for file in sorted(directory.rglob("*")):
            if file.is_file() and not file.name.endswith((".lock", "-wal", "-shm")):
                archive.add(file, file.relative_to(directory), filter=_of_nobody)
    return out.getvalue()


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def dumped(server: PostgresServer, url: str) -> bytes:
    command = [server._programs / "pg_dump", "--no-owner", "--no-privileges", "--inserts", "--rows-per-insert=100", url]
    done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PGPASSWORD": PASSWORD})
    return lzma.compress(done.stdout, preset=9)


def main(directory: Path) -> None:
    directory.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as kept:
        data = Path(kept) / "data"
        answers = {"files": asyncio.run(played(settings_for(data)))}
        (directory / "data.tar.xz").write_bytes(packed(data))
        server = PostgresServer()
        try:
            url = server.server_url("postgres")
            migrated(url)
            beside = Path(kept) / "beside"
            answers["postgresql"] = asyncio.run(played(settings_for(beside, url)))
            (directory / "postgresql.sql.xz").write_bytes(dumped(server, url))
            (directory / "postgresql-keys.tar.xz").write_bytes(packed(beside / "keys"))
        finally:
            server.end()
    (directory / "answers.json").write_text(json.dumps(answers, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
