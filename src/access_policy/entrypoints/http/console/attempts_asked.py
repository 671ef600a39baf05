"""The attempts that a page is to show. Every filter is a parameter of the URL, so that a view can be linked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Query

from access_policy.application.ports.views import AttemptFilter
from access_policy.domain.access.reasons import Reason
from access_policy.entrypoints.http.console.here import Visit
from access_policy.entrypoints.http.v1.vehicle_models import VehicleReader

Decision = Literal["allowed", "denied", "none", ""]
AccessClass = Literal["own", "agreement", "unknown", ""]
Period = Literal["day", "week", "month", "all"]

PERIODS: Final = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "all": None,
}
PERIOD_WORDS: Final = (("day", "24 hours"), ("week", "7 days"), ("month", "30 days"), ("all", "All"))
VEHICLES_MAX: Final = 100  # vehicles whose name a search may match


@dataclass(frozen=True, slots=True)
class Asked:
    """The request. `q` is part of a vehicle's name, a vehicle's id, an identifier in any spelling, or its pseudonym."""

    decision: str
    reason: Reason | None
    charger_id: str
    entrance_id: str
    access_class: str
    period: Period
    q: str
    cursor: str | None

    def parameters(self, **changed: Any) -> dict[str, Any]:
        """Return the parameters that are not the default, without the page and with some of them changed."""
        found = {
            "decision": self.decision or None,
            "reason": None if self.reason is None else self.reason.value,
            "charger_id": self.charger_id or None,
            "entrance_id": self.entrance_id or None,
            "access_class": self.access_class or None,
            "period": None if self.period == "week" else self.period,
            "q": self.q or None,
        }
        return {**found, **changed}

    @property
    def is_narrowed(self) -> bool:
        return bool(self.reason or self.charger_id or self.entrance_id or self.access_class or self.q)

    async def filter(self, here: Visit, vehicles: VehicleReader) -> AttemptFilter:
        length = PERIODS[self.period]
        tenant_id = here.caller.tenant_id
        named: list[str] = []
        if self.q:
            page = await vehicles.views.vehicles(tenant_id, name=self.q, limit=VEHICLES_MAX)
            named = [row["vehicle_id"] for row in page.items]
        return AttemptFilter(
            decision=self.decision or None,
            reason=self.reason,
            access_class=self.access_class or None,
            charger_id=self.charger_id or None,
            entrance_id=self.entrance_id or None,
            depot_id=here.depot_id,
            vehicle_ids=[self.q, *named] if self.q else (),
            pseudonyms=[self.q, *vehicles.spellings(tenant_id, self.q)] if self.q else (),
            since=None if length is None else here.now - length,
        )


async def _asked(
    decision: Annotated[Decision, Query()] = "",
    reason: Annotated[Reason | Literal[""] | None, Query()] = None,
    charger_id: Annotated[str, Query(max_length=64)] = "",
    entrance_id: Annotated[str, Query(max_length=64)] = "",
    access_class: Annotated[AccessClass, Query()] = "",
    period: Annotated[Period, Query()] = "week",
    q: Annotated[str, Query(max_length=100)] = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Asked:
    return Asked(decision, reason or None, charger_id, entrance_id, access_class, period, q.strip(), cursor)


AskedAttempts = Annotated[Asked, Depends(_asked)]
