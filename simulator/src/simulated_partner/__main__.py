"""Play a partner against an operator, and print every frame.

    python -m simulated_partner --versions-url https://HOST/ocpi/versions --token TOKEN --certificate C.pem --key K.pem

It registers, pushes a token, reads the booking locations, books the first free slot, moves it by an hour, cancels it, and waits
for the push of each step. If anything unexpected happens, it says so and exits with 1. The certificate is for the partner's own
server, which the operator calls back.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from simulated_partner.partner import SimulatedPartner
from simulated_partner.requests import booking_request, booking_token, cancelled
from simulated_partner.requests import token as pushed_token
from simulated_wire.frames import Frame
from simulated_wire.server import serving

HOUR = timedelta(hours=1)


class Unexpected(Exception):
    """The operator did not answer or push as expected; the message says what to do."""


async def play(partner: SimulatedPartner, versions_url: str, token: str, wait_s: float) -> None:
    """Register, book, move and cancel. Raises `Unexpected`."""
    await _register(partner, versions_url, token)
    card = "04A1B2C3D4E5F6"
    _understood(await partner.push_token(pushed_token(card, datetime.now(UTC), party=partner.party)))
    found = _understood(await partner.locations())["data"]
    place, slot = next(((each, slot) for each in found for slot in _slots(each)), (None, None))
    if place is None or slot is None:
        raise Unexpected(
            "No booking location has a free slot for you; allow a depot: ocpi-partners put ... --depot DEPOT."
        )
    start = datetime.fromisoformat(slot["start_date_time"]).replace(minute=0, second=0, microsecond=0) + 24 * HOUR
    where = {"location_id": place["location_id"], "booking_location_id": place["id"], "party": partner.party}
    tokens = [booking_token(card, partner.party)]
    request_id = f"SIM-{uuid.uuid4().hex[:8]}"  # of this run: a booking that was cancelled is never revived
    first, moved = (
        booking_request(request_id, begins, begins + HOUR, tokens=tokens, **where) for begins in (start, start + HOUR)
    )
    for request, expected in ((first, "RESERVED"), (moved, "RESERVED"), (cancelled(moved), "CANCELED")):
        await _ask(partner, request, expected, wait_s)


async def _register(partner: SimulatedPartner, versions_url: str, token: str) -> None:
    try:
        answer = await partner.register(versions_url, token)
    except (KeyError, StopIteration) as error:
        raise Unexpected(
            "The operator refused the registration token; create a new one: ocpi-partners invite."
        ) from error
    _understood(answer)


async def _ask(partner: SimulatedPartner, request: dict[str, Any], expected: str, wait_s: float) -> None:
    """Book, and wait until the operator has pushed the booking with all its requests."""
    booking = _understood(await partner.book(request))["data"]
    last = booking["booking_requests"][-1]
    if (booking["reservation_status"], last["request_status"]) != (expected, "ACCEPTED"):
        raise Unexpected(f"The booking is {booking['reservation_status']}, its request {last['request_status']}.")

    def is_pushed() -> bool:
        pushed = partner.pushed.get(booking["id"], {})
        is_expected = pushed.get("reservation_status") == expected
        return is_expected and len(pushed["booking_requests"]) == len(booking["booking_requests"])

    try:
        await partner.until(is_pushed, wait_s)
    except TimeoutError:
        raise Unexpected(
            f"No push came within {wait_s:g} s. Can the operator reach {partner.url} (ACCESS_POLICY_WEBHOOK_NETWORKS), "
            "and does it trust the certificate (ACCESS_POLICY_CA_FILE)?"
        ) from None


def _understood(frame: Frame) -> dict[str, Any]:
    """Return the envelope of an answer with status code 1000. Raises `Unexpected` for another code."""
    answer: dict[str, Any] = frame.answered
    if answer.get("status_code") != 1000:
        raise Unexpected(f"{frame.method} {frame.url}: {frame.text()}")
    return answer


def _slots(place: dict[str, Any]) -> list[dict[str, Any]]:
    return [slot for calendar in place.get("calendars", []) for slot in calendar["available_timeslots"]]


async def main(arguments: argparse.Namespace) -> str:
    """Run the play. Return an empty string, or what was unexpected."""
    context = ssl.create_default_context(cafile=arguments.ca)
    async with httpx.AsyncClient(verify=context) as client:
        partner = SimulatedPartner("", client, arguments.party)
        async with serving(partner, arguments.host, arguments.port, arguments.certificate, arguments.key):
            try:
                await play(partner, arguments.versions_url, arguments.token, arguments.wait)
            except Unexpected as unexpected:
                return str(unexpected)
            finally:
                sys.stdout.write(partner.frames.text("frames of OCPI"))
    return ""


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
    parser.add_argument("--wait", type=float, default=15.0, help="seconds to wait for each push")
    sys.exit(asyncio.run(main(parser.parse_args())) or None)
