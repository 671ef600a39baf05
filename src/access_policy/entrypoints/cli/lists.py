"""The API's lists whose ids users may shorten and shells complete."""

from __future__ import annotations

ID_FIELDS: dict[str, str] = {
    "chargers": "charger_id",
    "depots": "depot_id",
    "vehicles": "vehicle_id",
    "agreements": "agreement_id",
    "schedules": "schedule_id",
    "webhooks": "webhook_id",
    "ocpi-partners": "partner_id",
    "access-events": "attempt_id",
    "reservations": "reservation_id",
}
