"""The demand of chargers that the gateway sees in their meter values, recorded as measurements of their nodes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from access_policy.application.charging_sessions.reports import EnergyReport
from access_policy.application.context import SYSTEM, Context, new_id
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable, VersionConflict
from access_policy.application.repositories.site_energies import SiteEnergies
from access_policy.application.site_energy.gates import DepotKey
from access_policy.domain.ids import ChargerKey, EnergyNodeId
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.domain.site_energy.watts import WATTS_MAX

log = logging.getLogger(__name__)

EVERY_S: Final = 15.0
APART_MIN: Final = timedelta(seconds=5)  # minimum distance of two register readings from which a power is computed
LEFT_AFTER: Final = timedelta(
    seconds=2 * EVERY_S
)  # a gateway that records nothing for this long has left the node to others
WHOLE_CHARGER: Final = 0  # the number of a charger's main meter (OCPP 1.6, 2.x)


class Reading(NamedTuple):
    """The power of one connector, reported at `at`; None before it is known. `energy_wh` is the register at `read_at`,
    by the charger's clock. `is_of_charge`: the charger named a transaction."""

    at: datetime
    power_w: int | None
    energy_wh: int | None
    read_at: datetime
    is_of_charge: bool


class Draw(NamedTuple):
    """The total import of a charger, or of everything at and below a node: the sum of readings, the earliest of them at
    `at`. A charge that has not reported its power yet counts with its possible draw; `is_read` is False if all charges
    do."""

    watts: int
    at: datetime
    is_charging: bool
    is_read: bool = True


@dataclass(slots=True)
class Metering:
    view: DecisionView
    live: RecentActivity
    sites: SiteEnergies
    clock: Clock
    _readings: dict[ChargerKey, dict[int | None, Reading]] = field(default_factory=dict)
    _recorded: dict[DepotKey, dict[EnergyNodeId, Demand]] = field(default_factory=dict)

    async def energy(self, report: EnergyReport) -> None:
        """Note the power of a connector that a charger reports, or its register: the power follows from two readings of
        the register."""
        key = (report.tenant_id, report.charger_id)
        known = self._readings.setdefault(key, {})
        reading = _reading(known.get(report.connector_id), report)
        if reading is not None:
            known[report.connector_id] = reading

    async def run(self) -> None:
        """Record every 15 seconds, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            for depot, site in self.view.sites():
                if site.policy is not None and site.policy.enabled and site.tree.by_charger:
                    await self._record_or_try_again(depot)

    async def record(self, depot: DepotKey) -> int:
        """Record what was measured since the last time; return the number of nodes. Raises `StoreUnavailable` or
        `VersionConflict`: measure again later."""
        context = Context(tenant_id=depot[0], actor=SYSTEM, correlation_id=new_id())
        async with self.sites.locked(*depot) as site:
            now = self.clock.now()
            items = self.measured(depot, site, now)
            events = site.measure(items, now=now, is_of_chargers=True) if items else ()
            await self.sites.record(context, site, events, now=now)
        self._recorded.setdefault(depot, {}).update({each.node_id: each for each in items})
        return len(items)

    def measured(self, depot: DepotKey, site: SiteEnergy, now: datetime) -> list[Demand]:
        """Return the demand of each node below which something was read, unless another meter measures it."""
        if site.policy is None or site.tree.root_id is None:
            return []
        max_age = site.policy.measurement_max_age
        draws: dict[EnergyNodeId, Draw | None] = {}
        for charger_id, node_id in site.tree.by_charger.items():
            read = self._draw((depot[0], charger_id), max_age, now)
            draws[node_id] = read or _possible(site.tree.draw_w(charger_id), now)
        below = list(site.tree.below(site.tree.root_id))
        for node in reversed(below):  # each node after those below it
            if node.charger_id is None:
                draws[node.node_id] = _sum([draws[each] for each in site.tree.children.get(node.node_id, ())], now)
        return [
            Demand(node_id=node_id, observed_at=draw.at, demand_w=min(draw.watts, WATTS_MAX))
            for node_id, draw in draws.items()
            if draw is not None and draw.is_read and self._is_to_record(depot, site, node_id, draw, now)
        ]

    def _is_to_record(
        self, depot: DepotKey, site: SiteEnergy, node_id: EnergyNodeId, draw: Draw, now: datetime
    ) -> bool:
        """Return whether to record the draw: something draws at the node, or did at the last record, and the known
        measurement is neither another meter's nor that of a gateway that still measures. The measurement of a
        predecessor is continued."""
        known, own = site.demands.get(node_id), self._recorded.get(depot, {}).get(node_id)
        if site.policy is not None and known is not None and known != own:
            is_of_chargers = node_id in site.of_chargers
            lasts = LEFT_AFTER if is_of_chargers else site.policy.measurement_max_age + site.policy.hold_max
            if now < known.observed_at + lasts:
                return False
            own = known if is_of_chargers else own
        return draw.is_charging or (own is not None and own.demand_w > 0)

    def _draw(self, key: ChargerKey, max_age: timedelta, now: datetime) -> Draw | None:
        """Return the charger's draw; None if a charge runs whose power is not known. A reading from before a charge
        says nothing about the charge."""
        sessions = self.live.sessions_at(key)
        fresh = {
            number: each
            for number, each in self._readings.get(key, {}).items()
            if each.power_w is not None and now < each.at + max_age
        }
        begun = max((each.started_at for each in sessions), default=None)
        whole = fresh.get(WHOLE_CHARGER)
        if whole is not None and (not whole.is_of_charge if begun is None else whole.at >= begun):
            return _together([whole], now)
        if not sessions:
            return _together([each for each in fresh.values() if not each.is_of_charge], now)
        readings = [fresh.get(each.connector_id) for each in sessions]
        known = [
            reading
            for reading, session in zip(readings, sessions, strict=True)
            if reading is not None and reading.at >= session.started_at
        ]
        return _together(known, now, is_charging=True) if len(known) == len(readings) else None

    async def _record_or_try_again(self, depot: DepotKey) -> None:
        try:
            await self.record(depot)
        except (StoreUnavailable, VersionConflict) as trouble:
            log.info("the demand of depot %s is recorded later: %r", depot[1], trouble)
        except Exception:  # the edge of the loop: one depot's failure must not end it
            log.exception("measuring the demand of depot %s failed", depot[1])


def _together(readings: Sequence[Reading], now: datetime, *, is_charging: bool = False) -> Draw:
    """Add the readings. Without a charge, something draws if the power is not 0."""
    watts = sum(each.power_w or 0 for each in readings)
    return Draw(watts, min((each.at for each in readings), default=now), is_charging or watts > 0)


def _reading(before: Reading | None, report: EnergyReport) -> Reading | None:
    """Return the new reading; None if the report says nothing new about power."""
    read_at = report.read_at or report.at
    reading = Reading(report.at, report.power_w, report.energy_wh, read_at, report.transaction_id is not None)
    if report.power_w is not None:
        return reading
    if report.energy_wh is None:
        return None
    if before is None or before.energy_wh is None or report.energy_wh < before.energy_wh or read_at < before.read_at:
        return reading
    apart = read_at - before.read_at
    if apart < APART_MIN:
        return None
    return reading._replace(power_w=round((report.energy_wh - before.energy_wh) / (apart / timedelta(hours=1))))


def _possible(draw_w: int | None, now: datetime) -> Draw | None:
    """Return the possible draw of charges that have not reported their power; None without any limit."""
    return None if draw_w is None else Draw(draw_w, now, is_charging=True, is_read=False)


def _sum(draws: list[Draw | None], now: datetime) -> Draw | None:
    """Return the sum; None if one of the draws is not known."""
    known = [each for each in draws if each is not None]
    if len(known) < len(draws):
        return None
    charging = [each for each in known if each.is_charging]
    return Draw(
        sum(each.watts for each in known),
        min((each.at for each in known), default=now),
        is_charging=bool(charging),
        is_read=not charging or any(each.is_read for each in charging),
    )
