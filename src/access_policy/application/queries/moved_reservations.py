"""The windows of reservations that were moved after they had begun: what was expected of chargers until then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from access_policy.application.ports.views import Row, Views
from access_policy.application.projections.stored_reservations import entry_of
from access_policy.domain.ids import ChargerId, ReservationId, TenantId
from access_policy.domain.mode_schedule.timeline import ReservedWindow
from access_policy.domain.reservations.reservation import Place


@dataclass(frozen=True, slots=True)
class MovedReservations:
    views: Views

    async def windows(
        self, tenant_id: TenantId, since: datetime, until: datetime
    ) -> Mapping[ChargerId, Sequence[ReservedWindow]]:
        """Return the windows by the charger that the reservation named before it was changed in `[since, until)`.
        Raises `StoreUnavailable`."""
        found: defaultdict[ChargerId, list[ReservedWindow]] = defaultdict(list)
        steps = await self.views.reservation_steps(tenant_id, "changed", since, until)
        changed = sorted({each["reservation_id"] for each in steps})
        for row in await self.views.reservations_of(tenant_id, changed) if changed else ():
            history = await self.views.reservation_history(tenant_id, ReservationId(row["reservation_id"]))
            for charger_id, window in _before(row, history):
                found[charger_id].append(window)
        return found


def _before(row: Row, history: Sequence[Row]) -> Iterator[tuple[ChargerId, ReservedWindow]]:
    contents = [step for step in history if step["kind"] in ("made", "changed")]
    for content, change in pairwise(contents):
        details = content["told"]
        if details["charger_id"] is None:
            continue
        entry = entry_of(row)
        before = replace(
            entry.reservation,
            start=datetime.fromisoformat(details["start"]),
            end=datetime.fromisoformat(details["end"]),
            place=Place(charger_id=ChargerId(details["charger_id"])),
        )
        window = replace(entry, reservation=before, over_at=change["at"], outcome=None).window
        if window is not None:
            yield ChargerId(details["charger_id"]), window
