"""The holder of each charge point id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append, EventStore
from access_policy.application.streams import charge_point_stream
from access_policy.domain.charge_points.claims import Claim, ClaimEvent, fold
from access_policy.domain.ids import ChargePointId


@dataclass(frozen=True, slots=True)
class ChargePointClaims:
    store: EventStore

    async def get(self, charge_point_id: ChargePointId) -> Claim:
        history = await self.store.load(charge_point_stream(charge_point_id))
        return fold(charge_point_id, (recorded.event for recorded in history))

    @staticmethod
    def append(context: Context, claim: Claim, events: tuple[ClaimEvent, ...], *, now: datetime) -> list[Append]:
        """Return the append to send together with the charger's own; empty if nothing changes."""
        if not events:
            return []
        stream = charge_point_stream(claim.charge_point_id)
        return [Append(stream, claim.version, enveloped(context, events, now=now))]
