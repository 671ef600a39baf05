"""The answers of a partner's server to an operator that registers, without a partner behind it."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from tests.support.webhook_receiver import Answer, Received


def ocpi_answers(base: str) -> Answer:
    """`base` is the URL below which the partner serves OCPI."""
    role = {"role": "EMSP", "business_details": {"name": "Hub"}, "party_id": "HUB", "country_code": "DE"}
    details = {
        "version": "2.3.0",
        "endpoints": [
            {"identifier": "credentials", "role": "SENDER", "url": f"{base}/2.3.0/credentials"},
            {"identifier": "Booking", "role": "RECEIVER", "url": f"{base}/2.3.0/bookings"},
        ],
    }
    by_path = {
        "versions": [{"version": "2.3.0", "url": f"{base}/2.3.0"}],
        "2.3.0": details,
        "credentials": {"token": "token-c", "url": f"{base}/versions", "roles": [role]},
    }

    async def answer(got: Received) -> Response:
        data = by_path.get(got.path.rsplit("/", 1)[1])
        return JSONResponse({"data": data, "status_code": 1000, "timestamp": "2026-11-18T12:00:00Z"})

    return answer
