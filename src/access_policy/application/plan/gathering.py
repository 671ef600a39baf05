"""Gather the facts about many reservations of one tenant with few queries: chargers, running and past charges, vehicles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.sessions import Session
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.plan.facts import Charge, ChargerFacts, Facts
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.views import Row, Views
from access_policy.application.queries.charger_sync import Sync, sync_of
from access_policy.domain.access_mode import AccessMode, OnWindowStart
from access_policy.domain.ids import ChargerId, ChargerKey, DepotId, TenantId, VehicleId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.vehicle_registry.registry import Vehicle

AT_A_TIME: Final = 10  # chargers, or entries, in one iteration of the event loop
_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry with its depot."""

    depot_id: DepotId
    entry: Entry


Connected = Callable[[ChargerKey, Row], bool]
"""Returns whether a charger is connected, given its key and its row in the read model."""


@dataclass(frozen=True, slots=True)
class FactsGatherer:
    views: Views
    view: DecisionView
    activity: RecentActivity
    profiles: CapabilityProfiles

    async def __call__(
        self,
        tenant_id: TenantId,
        placed: Sequence[Placed],
        connected: Connected,
        now: datetime,
    ) -> list[Facts]:
        """Return the facts about each entry, in the same order."""
        open_ = [each for each in placed if each.entry.outcome is None or each.entry.charges_on]
        ids = {charger_id for each in open_ for charger_id in self._chargers_at(tenant_id, each)}
        chargers = await self.chargers(tenant_id, ids, connected, now)
        charges = await self._charges(tenant_id, placed, chargers)
        found = []
        async for each in cooperatively(placed, at_a_time=AT_A_TIME):
            here = self._chargers_at(tenant_id, each)
            found.append(
                Facts(
                    chargers={charger_id: chargers[charger_id] for charger_id in here if charger_id in chargers},
                    vehicles=self._vehicles(tenant_id, each.entry),
                    promised=self._promised(tenant_id, each, now),
                    charge=charges.get(each.entry.reservation.reservation_id),
                )
            )
        return found

    def _chargers_at(self, tenant_id: TenantId, placed: Placed) -> frozenset[ChargerId]:
        return self.view.book(tenant_id, placed.depot_id).chargers_at(placed.entry.reservation.place)

    def _promised(self, tenant_id: TenantId, placed: Placed, now: datetime) -> int:
        reservation = placed.entry.reservation
        if reservation.place.group_id is None or placed.entry.is_over(now):
            return 1
        book: ReservationBook = self.view.book(tenant_id, placed.depot_id)
        near = book.promised_at(reservation.place, reservation.start, reservation.start + _MOMENT, now=now)
        chargers = book.chargers_at(reservation.place)
        return sum(
            each.place.group_id == reservation.place.group_id or each.place.charger_id in chargers for each in near
        )

    def _vehicles(self, tenant_id: TenantId, entry: Entry) -> dict[VehicleId, Vehicle | None]:
        registry, holder = self.view.registry(tenant_id), entry.reservation.holder
        ids = {} if holder.vehicle_id is None else {holder.vehicle_id: registry.vehicles.get(holder.vehicle_id)}
        for each in holder.identifiers:
            vehicle_id = registry.holders.get((each.ref.kind, each.ref.pseudonym))
            if vehicle_id is not None:
                ids[vehicle_id] = registry.vehicles.get(vehicle_id)
        return ids

    # --- chargers -----------------------------------------------------------------------------------------------------

    async def chargers(
        self,
        tenant_id: TenantId,
        charger_ids: Collection[ChargerId],
        connected: Connected,
        now: datetime,
    ) -> dict[ChargerId, ChargerFacts]:
        rows = {row["charger_id"]: row for row in await self.views.chargers_of(tenant_id, charger_ids)}
        running: defaultdict[str, list[Charge]] = defaultdict(list)
        for row in await self.views.sessions_under_way(tenant_id, charger_ids) if charger_ids else ():
            running[row["charger_id"]].append(self._charge(tenant_id, row))
        found = {}
        async for charger_id in cooperatively(sorted(charger_ids), at_a_time=AT_A_TIME):
            seen = rows.get(charger_id)
            is_connected = seen is not None and connected((tenant_id, charger_id), seen)
            found[charger_id] = self._charger(tenant_id, charger_id, seen, is_connected, running[charger_id], now)
        return found

    def _charger(
        self,
        tenant_id: TenantId,
        charger_id: ChargerId,
        row: Row | None,
        is_connected: bool,
        running: Iterable[Charge],
        now: datetime,
    ) -> ChargerFacts:
        policy = self.view.known_policy(tenant_id, charger_id)
        if policy is None or policy.retired_at is not None:
            return ChargerFacts(charger_id=charger_id, known_at=now, is_retired=True)
        expected = self.view.charger(tenant_id, charger_id).timeline_now(now).at(now).mode
        profile = self.profiles.get(tenant_id, policy.settings.profile)
        sync = sync_of(policy, profile, expected, connected=is_connected)
        openings = (each for each in policy.overrides.values() if each.mode is AccessMode.FREEVEND)
        return ChargerFacts(
            charger_id=charger_id,
            known_at=now if is_connected else None if row is None else row["disconnected_at"],
            is_faulted=bool(self.view.condition((tenant_id, charger_id)).errors),
            is_reachable=is_connected,
            is_in_mode=sync not in (Sync.DRIFTED, Sync.FAILED),
            lets_finish=policy.settings.on_window_start is OnWindowStart.LET_FINISH,
            openings=tuple(each for each in openings if each.ends_at > now),
            running=tuple(running),
        )

    # --- charges ------------------------------------------------------------------------------------------------------

    async def _charges(
        self, tenant_id: TenantId, placed: Sequence[Placed], chargers: Mapping[ChargerId, ChargerFacts]
    ) -> dict[str, Charge]:
        """Return the charges of reservations that were fulfilled, by reservation."""
        came = [each.entry.reservation.reservation_id for each in placed if each.entry.fulfilled_at is not None]
        rows = await self.views.reservations_of(tenant_id, came)
        attempts = {row["reservation_id"]: row["attempt_id"] for row in rows if row["attempt_id"] is not None}
        logged = await self.views.attempts_of(tenant_id, set(attempts.values()))
        by_attempt = {row["attempt_id"]: row for row in logged if row["session_started_at"] is not None}
        return {
            reservation_id: self._charge(tenant_id, by_attempt[attempt_id])
            for reservation_id, attempt_id in attempts.items()
            if attempt_id in by_attempt
        }

    def _charge(self, tenant_id: TenantId, row: Row) -> Charge:
        charger_id = ChargerId(row["charger_id"])
        energy_wh, measured_at = row["session_energy_wh"], row["session_ended_at"]
        session = self._session(tenant_id, charger_id, row) if row["session_ended_at"] is None else None
        if session is not None and session.meter_wh is not None and session.meter_start_wh is not None:
            energy_wh, measured_at = session.meter_wh - session.meter_start_wh, session.energy_at
        return Charge(
            attempt_id=row["attempt_id"],
            charger_id=charger_id,
            started_at=row["session_started_at"],
            vehicle_id=row["vehicle_id"],
            pseudonym=row["identifier_pseudonym"],
            ended_at=row["session_ended_at"],
            energy_kwh=None if energy_wh is None else round(energy_wh / 1000, 3),
            measured_at=None if energy_wh is None else measured_at,
        )

    def _session(self, tenant_id: TenantId, charger_id: ChargerId, row: Row) -> Session | None:
        """Return the charge from this process's memory, if the charger is connected here."""
        sessions = self.activity.sessions_at((tenant_id, charger_id))
        return next((each for each in sessions if each.attempt_id == row["attempt_id"]), None)
