"""A partner's OCPI bookings beside 10,000 live reservations: how long the partner waits for the durable answer, and the
processor time of a booking with its push.

`serve` runs in two processes, as in production. A simulated partner, in the measuring process, books free hours one after
another over HTTP, and its server receives the push of each booking over HTTPS.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest import mock

import httpx

from access_policy.application.ports.identity import Role
from access_policy.containers.closing import close_opened
from benchmarks.decisions import CHARGERS
from benchmarks.durable_server import CONTEXT
from benchmarks.propagation import cpu_s, serving, share_of
from benchmarks.reservations import DEPOT, RESERVATIONS, reserve, service_in
from simulated_partner.partner import SimulatedPartner
from simulated_partner.requests import booking_request, booking_token
from simulated_wire.server import serving as partner_serving
from tests.support.certificates import TestAuthority

BOOKINGS: Final = 400
WARM_UP: Final = 20
PER_SECOND: Final = 6.0
SETTLED_S: Final = 10.0  # after the start, for snapshots and the first inspection of all reservations
AT_REST_S: Final = 5.0
PARTS: Final = ("office", "gateway")


@dataclass
class Bookings:
    """`took_ms` has the time of each booking. `bare_ms` has the time of two small synchronised writes to the same disk, one
    after the other, measured between two bookings; an answer waits for as many writes. `cpu_ms` has, for each part of the
    service, the processor time of one booking with its push, without the part's time at rest.
    """

    took_ms: list[float] = field(default_factory=list)
    bare_ms: list[float] = field(default_factory=list)
    cpu_ms: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {each:.1f} ms" for name, each in self.cpu_ms.items())
        return (
            f"{len(self.took_ms)} bookings by OCPI, {PER_SECOND:g} a second, beside {RESERVATIONS:,} reservations: p50 "
            f"{share_of(self.took_ms, 0.5):.1f} ms, p99 {share_of(self.took_ms, 0.99):.1f} ms, longest "
            f"{max(self.took_ms):.1f} ms; two bare synchronised writes p50 {share_of(self.bare_ms, 0.5):.1f} ms, p99 "
            f"{share_of(self.bare_ms, 0.99):.1f} ms; processor time of a booking and its push: {parts}"
        )


def measure(bookings: int = BOOKINGS) -> Bookings:
    return asyncio.run(_measure(bookings))


async def _measure(bookings: int) -> Bookings:
    with tempfile.TemporaryDirectory(prefix="bookings-") as name:
        directory = Path(name)
        token = await _prepared(directory / "data")
        authority = TestAuthority(directory)
        certificate = authority.issue("partner", host="127.0.0.1")
        settings = {"CA_FILE": str(authority.certificate), "WEBHOOK_NETWORKS": "127.0.0.0/8"}
        environment = {f"ACCESS_POLICY_{setting}": value for setting, value in settings.items()}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            partner = SimulatedPartner("", client)
            async with partner_serving(partner, "127.0.0.1", 0, certificate.certificate, certificate.key):
                with mock.patch.dict(os.environ, environment):
                    async with serving(directory / "data") as (http, _):
                        await _connected(partner, client, http, token)
                        return await _booked(partner, directory / "data", bookings)


async def _prepared(directory: Path) -> str:
    container = await service_in(directory)
    await reserve(container)
    token = container.stores.tokens().issue(CONTEXT.tenant_id, Role.ADMIN, subject="bench", ttl=timedelta(hours=1))
    await close_opened(container)
    return token


async def _connected(partner: SimulatedPartner, client: httpx.AsyncClient, http: str, token: str) -> None:
    by_name = [f"charger-{number}" for number in range(0, CHARGERS, 2)]
    described = {
        "name": "Hub",
        "own_party": "DE-BTF",
        "own_name": "BetterFleet",
        "bookable": [{"depot_id": DEPOT, "charger_ids": by_name}],
    }
    headers = {"Authorization": f"Bearer {token}"}
    made = await client.put(f"{http}/v1/ocpi-partners/DE-HUB", headers=headers, json=described)
    made.raise_for_status()
    _accepted((await partner.register(f"{http}/ocpi/versions", made.json()["token"])).answered)


async def _booked(partner: SimulatedPartner, directory: Path, bookings: int) -> Bookings:
    places = _accepted((await partner.locations("?limit=200")).answered)
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)
    at_rest = await _at_rest(directory)
    found, before, since = Bookings(), dict.fromkeys(PARTS, 0.0), time.perf_counter()
    for number in range(-WARM_UP, bookings):
        if number == 0:
            found.took_ms.clear()
            found.bare_ms.clear()
            before, since = {part: cpu_s(directory, part) for part in PARTS}, time.perf_counter()
        turn, place = divmod(number + WARM_UP, len(places))
        request = _request(number + WARM_UP, places[place], first + timedelta(hours=3 * turn))
        began = time.perf_counter()
        answer = await partner.book(request)
        took = time.perf_counter() - began
        _accepted(answer.answered)
        found.took_ms.append(1000 * took)
        await asyncio.sleep(max(0.0, 1 / PER_SECOND - took))
        found.bare_ms.append(await asyncio.to_thread(_bare_ms, directory / "bare"))
    await partner.until(lambda: len(partner.pushed) == bookings + WARM_UP)
    for part in PARTS:
        idle_s = at_rest[part] * (time.perf_counter() - since)
        found.cpu_ms[part] = 1000 * (cpu_s(directory, part) - before[part] - idle_s) / bookings
    return found


async def _at_rest(directory: Path) -> dict[str, float]:
    """Return the share of a processor that each part uses without bookings."""
    await asyncio.sleep(SETTLED_S)
    before = {part: cpu_s(directory, part) for part in PARTS}
    await asyncio.sleep(AT_REST_S)
    return {part: (cpu_s(directory, part) - before[part]) / AT_REST_S for part in PARTS}


def _bare_ms(file: Path) -> float:
    began = time.perf_counter()
    with file.open("ab") as written:
        for _ in range(2):
            written.write(bytes(4096))
            written.flush()
            os.fdatasync(written.fileno())
    return 1000 * (time.perf_counter() - began)


def _request(number: int, place: dict[str, Any], start: datetime) -> dict[str, Any]:
    return booking_request(
        f"Q{number}",
        start,
        start + timedelta(hours=2),
        location_id=place["location_id"],
        booking_location_id=place["id"],
        tokens=[booking_token(f"04BB{number:010X}")],
    )


def _accepted(envelope: dict[str, Any]) -> Any:
    if envelope["status_code"] != 1000:
        raise SystemExit(f"refused: {envelope}")
    return envelope["data"]
