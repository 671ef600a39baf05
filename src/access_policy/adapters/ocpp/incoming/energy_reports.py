"""The energy that a charger delivers, as a message reports it."""

from __future__ import annotations

from datetime import datetime

from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.incoming.meter_readings import meter_readings, power_w
from access_policy.adapters.ocpp.incoming.payloads import Payload, instant, objects
from access_policy.application.charging_sessions.reports import EnergyReport


def energy_report(
    charger: ConnectedCharger,
    payload: Payload,
    *,
    connector_id: int | None,
    transaction_id: str | None = None,
    charging: bool = False,
    now: datetime,
) -> EnergyReport:
    """Return the report of the payload's `meterValue`s, if it has any. Chargers queue a transaction's `meterValue`s while they
    are offline (1.6, 3.7.1; 2.x, E04).
    """
    values = objects(payload, "meterValue")
    return EnergyReport(
        tenant_id=charger.key[0],
        charger_id=charger.key[1],
        connector_id=connector_id,
        transaction_id=transaction_id,
        energy_wh=meter_readings(values).latest,
        power_w=power_w(values),
        charging=charging,
        at=now,
        read_at=max((instant(each, "timestamp", now=now) for each in values), default=None),
    )
