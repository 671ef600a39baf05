"""Booking requests and tokens of realistic shape (OCPI 2.3.0, Bookings edition 1.1, and with the names of edition 1.0)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def booking_token(uid: str, party: str = "DE-HUB", kind: str = "RFID") -> dict[str, Any]:
    country_code, party_id = party.split("-")
    return {
        "country_code": country_code,
        "party_id": party_id,
        "uid": uid,
        "type": kind,
        "contract_id": "DEHUBC12345678",
    }


def booking_request(
    request_id: str,
    start: datetime,
    end: datetime,
    *,
    location_id: str,
    booking_location_id: str | None = None,
    party: str = "DE-HUB",
    tokens: list[dict[str, Any]] | None = None,
    plates: tuple[str, ...] = (),
    codes: tuple[str, ...] = (),
    **changes: Any,
) -> dict[str, Any]:
    country_code, party_id = party.split("-")
    access = [{"method": "LICENSE_PLATE", "value": each} for each in plates]
    access += [{"method": "ACCESS_CODE", "value": each} for each in codes]
    request = {
        "country_code": country_code,
        "party_id": party_id,
        "request_id": request_id,
        "location_id": location_id,
        "tokens": tokens or [],
        "access_information": access,
        "period": {"start_date_time": written(start), "end_date_time": written(end)},
        "authorization_reference": f"AUTH-{request_id}",
        "power_required": 150,
        **({} if booking_location_id is None else {"booking_location_id": booking_location_id}),
    }
    return request | changes


def cancelled(request: dict[str, Any], reason: str = "TRAFFIC") -> dict[str, Any]:
    return {**request, "canceled": {"cancellation_reason": reason, "who_canceled": "EMSP"}}


def with_names_of_1_0(request: dict[str, Any], evse_uid: str | None = None) -> dict[str, Any]:
    """Return the same request as a partner of edition 1.0 writes it, without a booking location."""
    named = {
        name: value
        for name, value in request.items()
        if name not in ("booking_location_id", "access_information", "period", "booking_option")
    }
    period = request["period"]
    return {
        **named,
        "period": {"start_from": period["start_date_time"], "end_before": period["end_date_time"]},
        "access_methods": [
            {"location_access": each["method"], "value": each["value"]} for each in request["access_information"]
        ],
        **({} if evse_uid is None else {"evse_uid": evse_uid}),
    }


def token(uid: str, at: datetime, *, party: str = "DE-HUB", kind: str = "RFID", valid: bool = True) -> dict[str, Any]:
    return {
        **booking_token(uid, party, kind),
        "issuer": "Truck hub",
        "valid": valid,
        "whitelist": "ALLOWED",
        "last_updated": written(at),
    }
