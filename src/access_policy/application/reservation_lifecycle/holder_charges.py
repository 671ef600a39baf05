"""The charges of all depots that may fulfil a reservation, followed from the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from access_policy.application.ports.event_store import Recorded
from access_policy.domain.access.events import ChargingEnded, ChargingStarted, SessionDecision
from access_policy.domain.ids import AttemptId, DepotId, TenantId
from access_policy.domain.reservations.charges import Charge, Charges

TYPES: Final = frozenset({ChargingStarted.TYPE, ChargingEnded.TYPE})

DepotKey = tuple[TenantId, DepotId]
DepotListener = Callable[[DepotKey], None]
_AttemptKey = tuple[TenantId, AttemptId]  # tenants choose their attempt ids independently of each other


class HolderCharges:
    """Running charges, and those that ended, until `forget_ended`: they may still have to fulfil or release a
    reservation. A refused charge, or one without an identifier, belongs to no holder."""

    def __init__(self) -> None:
        self._position = 0
        self._depots: dict[DepotKey, Charges] = {}
        self._depot_of: dict[_AttemptKey, DepotId] = {}
        self._ended: dict[DepotKey, dict[AttemptId, int]] = {}  # the log's position of the end
        self._on_change: list[DepotListener] = []

    def on_change(self, listener: DepotListener) -> None:
        """Call `listener` with the depot of each start and end."""
        self._on_change.append(listener)

    def of(self, depot: DepotKey) -> Charges:
        return self._depots.get(depot, _NONE)

    # --- following ------------------------------------------------------------------------------------------------

    def begin_after(self, position: int) -> None:
        """Follow the log from after `position`: everything up to it was passed to `put` and `end`."""
        self._position = position

    async def followed_to(self) -> int:
        return self._position

    async def follow(self, batch: Sequence[Recorded], reached: int) -> None:
        for recorded in batch:
            match recorded.event:
                case ChargingStarted() as start:
                    self._started(recorded.envelope.tenant_id, start)
                case ChargingEnded() as end:
                    self.end(recorded.envelope.tenant_id, end.attempt_id, end.ended_at, recorded.position)
                case _:
                    pass
        self._position = reached

    def _started(self, tenant_id: TenantId, start: ChargingStarted) -> None:
        if start.identifier is None or start.decision is SessionDecision.DENIED:
            return
        charge = Charge(
            attempt_id=start.attempt_id,
            charger_id=start.charger_id,
            connector_id=start.connector_id,
            identifier=start.identifier,
            vehicle_id=start.vehicle_id,
            started_at=start.started_at,
        )
        self.put((tenant_id, start.depot_id), charge)

    def put(self, depot: DepotKey, charge: Charge) -> None:
        """Add a charge that has started. A start that is recorded again, with its connector, keeps the known end."""
        charges = self._depots.setdefault(depot, Charges())
        known = charges.by_attempt.get(charge.attempt_id)
        charges.put(charge if known is None else replace(charge, ended_at=known.ended_at))
        self._depot_of[depot[0], charge.attempt_id] = depot[1]
        self._notify(depot)

    def end(self, tenant_id: TenantId, attempt_id: AttemptId, ended_at: datetime, position: int) -> None:
        """Note that the charge ended, as recorded at this position of the log."""
        depot_id = self._depot_of.get((tenant_id, attempt_id))
        if depot_id is None:
            return
        depot = (tenant_id, depot_id)
        charges = self._depots[depot]
        charges.put(replace(charges.by_attempt[attempt_id], ended_at=ended_at))
        self._ended.setdefault(depot, {})[attempt_id] = position
        self._notify(depot)

    # --- forgetting -----------------------------------------------------------------------------------------------

    def ended(self, depot: DepotKey, up_to: int) -> list[AttemptId]:
        """Return the charges whose end is recorded up to this position of the log."""
        return [attempt_id for attempt_id, position in self._ended.get(depot, {}).items() if position <= up_to]

    def forget_ended(self, depot: DepotKey, attempt_ids: Sequence[AttemptId]) -> None:
        """Drop these charges: all their consequences are recorded."""
        for attempt_id in attempt_ids:
            self._ended[depot].pop(attempt_id, None)
            self._depots[depot].drop(attempt_id)
            self._depot_of.pop((depot[0], attempt_id), None)

    def _notify(self, depot: DepotKey) -> None:
        for listener in self._on_change:
            listener(depot)


_NONE: Final = Charges()
