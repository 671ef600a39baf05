"""A charger's condition: the state that its stream folds to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from access_policy.domain.charger_condition.events import (
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    ChargerReservationReported,
    ConditionEvent,
    ConnectorFaulted,
    ConnectorRecovered,
    ReservationOnCharger,
)

Error = tuple[str, str | None]  # the protocol's code and the vendor's


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerCondition:
    """The condition of a charger. `version` counts the stream's events. `gateway` recorded the latest connection (None:
    never connected), and `is_connected` is true until a disconnection follows, at `disconnected_at`. `errors` are the open
    errors by connector; at the connectors in `after_denials` the error follows from a denial and is not a fault.
    `reservations` are those kept on the charger, by their number there, until they end.
    """

    version: int = 0
    booted_at: datetime | None = None
    gateway: str | None = None
    is_connected: bool = False
    disconnected_at: datetime | None = None
    errors: Mapping[int, Error] = field(default_factory=dict)
    after_denials: frozenset[int] = frozenset()
    reservations: Mapping[int, ReservationOnCharger] = field(default_factory=dict)

    @property
    def faults(self) -> Mapping[int, Error]:
        """Return the open errors that are not the consequence of a denial."""
        return {number: error for number, error in self.errors.items() if number not in self.after_denials}

    def is_connected_to(self, gateway: str) -> bool:
        return self.is_connected and self.gateway == gateway


def evolve(condition: ChargerCondition, event: ConditionEvent) -> ChargerCondition:
    """Return the condition after the next event of its stream."""
    seen = replace(condition, version=condition.version + 1)
    match event:
        case ChargerConnected():
            return replace(seen, gateway=event.gateway, is_connected=True, disconnected_at=None)
        case ChargerDisconnected():
            return replace(seen, is_connected=False, disconnected_at=event.disconnected_at)
        case ChargerBooted():
            return replace(seen, booted_at=event.booted_at)
        case ConnectorFaulted():
            error = (event.error_code, event.vendor_error_code)
            explained = seen.after_denials - {event.connector_id}
            if event.caused_by is not None:
                explained |= {event.connector_id}
            return replace(seen, errors={**seen.errors, event.connector_id: error}, after_denials=explained)
        case ConnectorRecovered():
            left = {number: error for number, error in seen.errors.items() if number != event.connector_id}
            return replace(seen, errors=left, after_denials=seen.after_denials - {event.connector_id})
        case ChargerReservationReported(reported=reported):
            current = {n: each for n, each in seen.reservations.items() if each.until > reported.reported_at}
            return replace(seen, reservations={**current, event.number: reported})
        case _:
            return seen
