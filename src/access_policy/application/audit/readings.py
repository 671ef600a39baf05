"""Record that identifier values are shown, before they are shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from access_policy.application.context import Context, enveloped, new_id
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, Appends
from access_policy.application.streams import reading_stream
from access_policy.domain.audit.readings import IdentifierValuesShown, ShownIn
from access_policy.domain.ids import VehicleId


@dataclass(frozen=True, slots=True)
class Readings:
    store: Appends
    clock: Clock

    async def record(
        self,
        context: Context,
        shown_in: ShownIn,
        *,
        values: int,
        vehicle_ids: Collection[VehicleId] = (),
        pseudonyms: Collection[str] = (),
    ) -> None:
        """Record the reading; without values there is nothing to record. Raises `StoreUnavailable`: do not show the
        values."""
        if not values:
            return
        now = self.clock.now()
        shown = IdentifierValuesShown(
            reading_id=new_id(),
            shown_in=shown_in,
            values=values,
            vehicle_ids=tuple(sorted(vehicle_ids)),
            pseudonyms=tuple(sorted(pseudonyms)),
            shown_at=now,
        )
        stream = reading_stream(context.tenant_id, shown.reading_id)
        await self.store.append([Append(stream, 0, enveloped(context, (shown,), now=now))])
