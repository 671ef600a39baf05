"""The windows in which a depot's chargers can still be promised, computed in slices on the event loop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.clock import Clock
from access_policy.domain.capability_profiles.capabilities import ControlWithoutSwitch
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.ids import ChargerId, DepotId, ReservationGroupId, TenantId
from access_policy.domain.reservations.availability import Window, spans_of, windows_of
from access_policy.domain.reservations.errors import ReservationInvalid
from access_policy.domain.reservations.reservation import Place

PERIOD_MAX: Final = timedelta(days=31)
SPANS_AT_A_TIME: Final = 20


@dataclass(frozen=True, slots=True)
class Free:
    place: Place
    windows: list[Window]


@dataclass(frozen=True, slots=True)
class FreeWindows:
    view: DecisionView
    clock: Clock
    profiles: CapabilityProfiles

    async def __call__(
        self, tenant_id: TenantId, depot_id: DepotId, start: datetime, end: datetime, group_id: str | None = None
    ) -> list[Free]:
        """Return the free windows of the group as a whole, or of each charger of the depot that can be managed, by id,
        within `[start, end)` and under the depot's default terms. Raises `DepotUnknown`, `GroupUnknown` or
        `ReservationInvalid`."""
        if self.view.depot(tenant_id, depot_id) is None:
            raise DepotUnknown.named(depot_id)
        start = max(start, self.clock.now())
        if not timedelta() < end - start <= PERIOD_MAX:
            raise ReservationInvalid(
                f"'until' must be later than now and than 'from', by at most {PERIOD_MAX.days} days.", pointer="/until"
            )
        if group_id is not None:
            group = self.view.book(tenant_id, depot_id).group(ReservationGroupId(group_id))
            return [await self.at(tenant_id, depot_id, Place(group_id=group.group_id), start, end)]
        ids = await self.view.charger_ids(tenant_id, depot_id)
        chargers = [each for each in ids if self._can_be_managed(tenant_id, each)]
        return [await self.at(tenant_id, depot_id, Place(charger_id=each), start, end) for each in sorted(chargers)]

    def _can_be_managed(self, tenant_id: TenantId, charger_id: ChargerId) -> bool:
        """Return whether the charger can keep others out; one that cannot be managed cannot be reserved."""
        policy = self.view.charger(tenant_id, charger_id).policy
        profile = self.profiles.get(tenant_id, policy.settings.profile)
        return profile is not None and profile.mode_control is not ControlWithoutSwitch.UNSUPPORTED

    async def at(self, tenant_id: TenantId, depot_id: DepotId, place: Place, start: datetime, end: datetime) -> Free:
        """Return the free windows of one place, with the reservations of this moment."""
        now = self.clock.now()
        book = self.view.book(tenant_id, depot_id)
        terms = book.settings.terms
        until = end + terms.late_stop
        since = start - terms.early_start
        near = spans_of(book, place, since, until, now=now)
        spans = [span async for span in cooperatively(near, at_a_time=SPANS_AT_A_TIME)]
        return Free(place, windows_of(spans, terms, start, end))


def chargers_free(free: list[Free], start: datetime, end: datetime) -> list[ChargerId]:
    """Return the chargers that are free throughout `[start, end)`."""
    return [
        each.place.charger_id
        for each in free
        if each.place.charger_id is not None and any(w.start <= start and end <= w.end for w in each.windows)
    ]
