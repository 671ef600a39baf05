"""Play a partner against an operator, and print every frame.

    python -m simulated_partner --versions-url https://HOST/ocpi/versions --token TOKEN --certificate C.pem --key K.pem

It registers, reads the booking locations, books the first free slot, moves it by an hour, waits for pushes, and cancels. The
certificate is of the partner's own server, which the operator calls back.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from simulated_partner.partner import SimulatedPartner
from simulated_partner.requests import booking_request, booking_token, cancelled
from simulated_wire.server import serving

HOUR = timedelta(hours=1)


async def play(partner: SimulatedPartner, versions_url: str, token: str, wait_s: float) -> None:
    await partner.register(versions_url, token)
    found = (await partner.locations()).answered["data"]
    place, slot = next((each, slot) for each in found for slot in _slots(each))
    start = datetime.fromisoformat(slot["start_date_time"]).replace(minute=0, second=0, microsecond=0) + 24 * HOUR
    where = {"location_id": place["location_id"], "booking_location_id": place["id"], "party": partner.party}
    tokens = [booking_token("04A1B2C3D4E5F6", partner.party)]
    first, moved = (
        booking_request("SIM-1", begins, begins + HOUR, tokens=tokens, **where) for begins in (start, start + HOUR)
    )
    for request in (first, moved, cancelled(moved)):
        await partner.book(request)
        await asyncio.sleep(wait_s)


def _slots(place: dict[str, Any]) -> list[dict[str, Any]]:
    return [slot for calendar in place.get("calendars", []) for slot in calendar["available_timeslots"]]


async def main(arguments: argparse.Namespace) -> None:
    context = ssl.create_default_context(cafile=arguments.ca)
    async with httpx.AsyncClient(verify=context) as client:
        partner = SimulatedPartner("", client, arguments.party)
        async with serving(partner, arguments.host, arguments.port, arguments.certificate, arguments.key):
            try:
                await play(partner, arguments.versions_url, arguments.token, arguments.wait)
            finally:
                sys.stdout.write(partner.frames.text("frames of OCPI"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="simulated_partner", description="A simulated partner of OCPI 2.3.0")
    parser.add_argument("--versions-url", required=True)
    parser.add_argument("--token", required=True, help="registration token of the operator")
    parser.add_argument("--party", default="DE-HUB")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--ca", type=Path, default=None, help="CA of the operator's certificate")
    parser.add_argument("--wait", type=float, default=3.0, help="seconds to wait for pushes")
    asyncio.run(main(parser.parse_args()))
