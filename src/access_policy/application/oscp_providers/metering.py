"""The energy of a node between two instants, integrated from its measurements of power."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from access_policy.domain.site_energy.measurements import Demand


@dataclass(slots=True)
class Meter:
    """`energy_wh` is the energy since `since`. A measurement counts until the next one, but no longer than it is fresh.
    After a gap the sum begins again, because a reading must not contain unmeasured energy."""

    since: datetime | None = None
    energy_wh: float = 0.0
    latest: Demand | None = None

    def take(self, demand: Demand | None, fresh: timedelta) -> None:
        """Add the node's latest measurement; a known one changes nothing."""
        if demand is None or (self.latest is not None and demand.observed_at <= self.latest.observed_at):
            return
        if self.latest is None or demand.observed_at - self.latest.observed_at > fresh:
            self.since, self.energy_wh = demand.observed_at, 0.0
        else:
            hours = (demand.observed_at - self.latest.observed_at) / timedelta(hours=1)
            self.energy_wh += self.latest.demand_w * hours
        self.latest = demand

    def reading(self) -> tuple[datetime, datetime, float] | None:
        """Return the start, the end and the energy in Wh; None before two measurements."""
        if self.since is None or self.latest is None or self.latest.observed_at <= self.since:
            return None
        return self.since, self.latest.observed_at, self.energy_wh

    def begin(self) -> None:
        """Begin the next reading where the last one ended."""
        if self.latest is not None:
            self.since, self.energy_wh = self.latest.observed_at, 0.0
