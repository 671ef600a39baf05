"""Measurements of a node's demand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from access_policy.domain.ids import EnergyNodeId, checked_id
from access_policy.domain.instants import utc
from access_policy.domain.site_energy.errors import MeasurementInvalid
from access_policy.domain.site_energy.watts import check_watts

CLOCKS_DIFFER_MAX: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The node imported `demand_w` watts at `observed_at`, UTC."""

    node_id: EnergyNodeId
    observed_at: datetime
    demand_w: int

    def check(self, *, now: datetime, pointer: str = "") -> None:
        """Raises `MeasurementInvalid`, `InvalidId` or an error of instants; `pointer` leads to the item."""
        checked_id(self.node_id, "node_id")
        utc(self.observed_at, "observed_at")
        check_watts(self.demand_w, "demand_w", MeasurementInvalid, pointer=f"{pointer}/demand_w")
        if self.observed_at > now + CLOCKS_DIFFER_MAX:
            raise MeasurementInvalid(
                f"observed_at is more than {CLOCKS_DIFFER_MAX.seconds} s in the future; compare the meter's clock with "
                "this service's.",
                pointer=f"{pointer}/observed_at",
            )

    def replaces(self, known: Demand | None) -> bool:
        """Whether this measurement replaces the other: it was observed later, or at the same instant with a greater value."""
        return known is None or (self.observed_at, self.demand_w) > (known.observed_at, known.demand_w)
