"""A running charge, as the decision path remembers it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.domain.access.events import ChargingStarted, SessionDecision
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId, VehicleId


@dataclass(slots=True)
class Session:
    """A running charge. `version` is the version of its attempt's stream; 0: unknown, load the stream."""

    attempt_id: AttemptId
    transaction_id: str
    connector_id: int | None
    identifier: IdentifierRef | None
    vehicle_id: VehicleId | None
    decision: SessionDecision
    started_at: datetime
    meter_start_wh: int | None
    version: int = 0
    not_honoured: bool = False  # refused, but seen to draw energy
    judged_in: datetime | None = None  # the start of the managed window for which it was last judged
    meter_wh: int | None = None  # the latest reading
    energy_at: datetime | None = None  # when it was last seen to draw energy
    watched_since: datetime | None = None  # by this process
    free_at: datetime | None = None  # when its connector reported that no vehicle is plugged in

    def note_energy(self, energy_wh: int | None, *, charging: bool, at: datetime) -> None:
        """Note a meter value or a sign of charging. A reading that has not grown is not a sign of energy."""
        if charging or self.has_grown_to(energy_wh):
            self.energy_at = at
        if energy_wh is not None:
            self.meter_wh = energy_wh

    def has_grown_to(self, energy_wh: int | None) -> bool:
        """Return whether the reading is above the latest one, or else the one at the start; False if neither is known
        or the reading is None."""
        before = self.meter_start_wh if self.meter_wh is None else self.meter_wh
        return before is not None and energy_wh is not None and energy_wh > before

    @staticmethod
    def begun_by(start: ChargingStarted, *, version: int = 0) -> Session:
        """Return the session of a recorded start."""
        return Session(
            attempt_id=start.attempt_id,
            transaction_id=start.transaction_id,
            connector_id=start.connector_id,
            identifier=start.identifier,
            vehicle_id=start.vehicle_id,
            decision=start.decision,
            started_at=start.started_at,
            meter_start_wh=start.meter_start_wh,
            version=version,
        )
