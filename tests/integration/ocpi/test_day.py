"""A day of bookings with the whole service: made, changed, used and missed through OCPI, with every frame.

The frames are written to build/ocpi_frames.txt.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulated_charger import OCPP201, ChargerSpec, Identifier, SimulatedCharger
from simulated_partner.partner import SimulatedPartner
from simulated_partner.requests import booking_request, booking_token, cancelled
from tests.integration.ocpi.conftest import DEPOT
from tests.integration.webhooks.test_killed_service import client, done
from tests.support.ocpi import BODY, served
from tests.support.partner_trust import PartnerTrust
from tests.support.process import free_port, serving

FRAMES = Path(__file__).parents[3] / "build" / "ocpi_frames.txt"
CARD, OTHER_CARD = "04A1B2C3D4E5F6", "04FFEEDDCCBBAA"
HOUR = timedelta(hours=1)
PARTNER = "/ocpi-partners/DE-HUB"


async def test_day_of_bookings_is_made_changed_used_and_missed_with_every_push_in_order(
    tmp_path: Path, partner_trust: PartnerTrust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCESS_POLICY_WEBHOOK_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("ACCESS_POLICY_CA_FILE", str(partner_trust.ca))
    ports = (free_port(), free_port())
    async with (
        serving(tmp_path, ports),
        client(tmp_path, ports[0]) as http,
        httpx.AsyncClient(timeout=30) as wire,
    ):
        partner = SimulatedPartner("", wire)
        async with served(partner, partner_trust.certificate) as url:
            partner.url = url
            title = await the_day(http, partner, ports)
    FRAMES.parent.mkdir(exist_ok=True)
    FRAMES.write_text(partner.frames.text(title))

    statuses = [
        (each.sent["request_id"], each.sent["reservation_status"], len(each.sent["booking_requests"]))
        for each in partner.frames.all
        if each.by == "DE-BTF" and each.method == "PUT"
    ]
    used = [(status, requests) for request_id, status, requests in statuses if request_id == "USED"]
    missed = [(status, requests) for request_id, status, requests in statuses if request_id == "MISSED"]
    ended = [(status, requests) for request_id, status, requests in statuses if request_id == "ENDED"]
    assert used[-1] == ("FULFILLED", 2)
    assert sorted(used, key=lambda each: (each[1], each[0] == "FULFILLED")) == used, "in order"
    assert missed[-1] == ("NO_SHOW", 1)
    assert ended[-1] == ("CANCELED", 2)


async def the_day(http: httpx.AsyncClient, partner: SimulatedPartner, ports: tuple[int, int]) -> str:
    await depot(http)
    early = {"early_start_min": 120, "no_show_after_min": 240}
    made = await done(http, "PUT", PARTNER, {**BODY, "terms": early})
    await partner.register(f"http://127.0.0.1:{ports[0]}/ocpi/versions", made["token"])
    found = (await partner.locations()).answered["data"]
    by_charger = {each["booking_option"]["evse_uid"]: each for each in found}
    now = datetime.now(UTC).replace(microsecond=0)

    def request(name: str, charger: str, start: datetime, card: str) -> dict[str, Any]:
        place = by_charger[charger]
        where = {"location_id": place["location_id"], "booking_location_id": place["id"]}
        return booking_request(name, start, start + HOUR, tokens=[booking_token(card)], **where)

    await partner.book(request("USED", "bay-1", now + HOUR, OTHER_CARD))
    await partner.book(request("USED", "bay-1", now + HOUR + HOUR / 2, CARD))
    ending = request("ENDED", "bay-2", now + 5 * HOUR, CARD)
    await partner.book(ending)
    await partner.book(cancelled(ending))
    await partner.until(lambda: partner.pushed and is_pushed(partner, "ENDED", "CANCELED"))

    spec = ChargerSpec(
        url=f"ws://127.0.0.1:{ports[1]}/ocpp", charge_point_id="CP-1", protocol=OCPP201, password="p" * 20
    )
    async with SimulatedCharger(spec) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        refused = await charger.present(1, Identifier.rfid(OTHER_CARD))
        admitted = await charger.present(1, Identifier.rfid(CARD))
        await partner.until(lambda: is_pushed(partner, "USED", "FULFILLED"))
        await charger.stop_charging(1)
        await charger.until_all_sent()
    assert (refused.charged, admitted.charged) == (False, True)

    await done(http, "PUT", PARTNER, {**BODY, "terms": {"no_show_after_min": 0}})
    await partner.book(request("MISSED", "bay-3", datetime.now(UTC) + timedelta(seconds=3), CARD))
    await partner.until(lambda: is_pushed(partner, "MISSED", "NO_SHOW"))
    await partner.bookings()
    return "OCPI 2.3.0, Bookings 1.1: registered; booked, changed, used; booked, cancelled; booked, missed"


def is_pushed(partner: SimulatedPartner, request_id: str, status: str) -> bool:
    return any(
        each["request_id"] == request_id and each["reservation_status"] == status for each in partner.pushed.values()
    )


async def depot(http: httpx.AsyncClient) -> None:
    await done(http, "PUT", "/depots/north", DEPOT)
    for number in (1, 2, 3):
        body = {"charge_point_id": f"CP-{number}", "depot_id": "north", "profile": "ocpp201-central"}
        body |= {"baseline_mode": "managed", "password": "p" * 20}
        await done(http, "PUT", f"/chargers/bay-{number}", body)
