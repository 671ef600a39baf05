"""Reconcile the reservations on one charger with those that it should have: cancel, then reserve, then record.

Every run reads everything again, so that a lost trigger only costs time. The charger's answers are recorded in its
condition: the reservations are known after a restart and in the next gateway.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from access_policy.application.charger_reservations.desired import THE_CHARGER, Slot, next_change, wanted_slots
from access_policy.application.charger_reservations.holders import (
    HolderIdentifiers,
    NoSingleIdentifier,
    ValueNotReadable,
)
from access_policy.application.charger_reservations.kept import KeptReservations, KeptSlot, Sent
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, NoLongerWanted
from access_policy.application.ports.charger_reservations import ReservableChargers
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.domain.capability_profiles.capabilities import Reserves
from access_policy.domain.charger_condition.events import ReservationOnCharger, ReservationState
from access_policy.domain.ids import ChargerKey, ReservationId
from access_policy.domain.reservations.entries import key_of_charger
from access_policy.domain.reservations.entry import Entry

log = logging.getLogger(__name__)

NOT_SUPPORTED = "the charger reports that it does not support reservations"
DETAIL_MAX = 200  # characters of a reason
LOOK_AGAIN = timedelta(seconds=5)  # at a charger that is settling, or while the store is down


@dataclass(slots=True)
class ReservationReconciler:
    view: DecisionView
    live: RecentActivity
    chargers: ReservableChargers
    holders: HolderIdentifiers
    conditions: ChargerConditions
    profiles: CapabilityProfiles
    clock: Clock
    _kept: dict[ChargerKey, KeptReservations] = field(default_factory=dict)

    def concerns(self, key: ChargerKey) -> bool:
        """Return whether the charger has reservations, or may still have some stored on it."""
        return key in self._kept or bool(self._entries(key)) or bool(self.view.condition(key).reservations)

    async def reconcile(self, key: ChargerKey) -> datetime | None:
        """Reconcile, with at most one call in flight. Return when to reconcile again if nothing happens before; None if
        only an event can change anything."""
        if self.view.known_policy(*key) is None:
            self._kept.pop(key, None)
            return None
        if not self.concerns(key) or not self.chargers.connected(key):
            return None
        epoch = self.chargers.serving_epoch(key)
        if epoch is None:
            return self.clock.now() + LOOK_AGAIN
        kept = await self._kept_in(key, epoch)
        wanted = self.wanted(key)
        for number, slot in list(kept.slots.items()):
            if number not in wanted:
                await self._drop(key, number, slot)
        for number, slot_wanted in wanted.items():
            if self.chargers.serving_epoch(key) == epoch:
                await self._reserve(key, kept, number, slot_wanted)
        is_recorded = await self._record(key, kept)
        now = self.clock.now()
        kept.forget_over(now)
        if not kept.slots:
            del self._kept[key]
        return min(self._instants(key, kept, now, is_recorded=is_recorded), default=None)

    def ended(self, key: ChargerKey, number: int, status: str) -> None:
        """Handle the charger's report that it no longer has the reservation (ReservationStatusUpdate). The reservation
        is sent again after a backoff if the charger should still have it."""
        kept = self._kept.get(key)
        slot = None if kept is None else kept.slots.get(number)
        if slot is None:
            log.debug("charger %s reports %s of an unknown reservation %d", key[1], status, number)
            return
        slot.end(f"the charger reports {status}")
        slot.try_later(self.clock.now())

    def freed(self, key: ChargerKey, connector_id: int) -> None:
        """Handle a connector that became available: send at once the reservations that wait for it, and send again
        those that the charger should have and may have lost (OCPP 1.6 does not report the loss)."""
        kept = self._kept.get(key)
        for slot in kept.slots.values() if kept is not None else ():
            if slot.connector_id in (THE_CHARGER, connector_id):
                slot.freed(self.clock.now())

    def wanted(self, key: ChargerKey) -> dict[int, Slot]:
        """Return the reservations that the charger should have now, by number."""
        charger = self.view.charger(*key)
        policy = charger.policy
        profile = self.profiles.get(key[0], policy.settings.profile)
        if policy.retired_at is not None or profile is None:
            return {}
        now, entries = self.clock.now(), self._entries(key)
        return wanted_slots(
            entries,
            at=now,
            expected=charger.expected(now).mode,
            enforcement=policy.enforcement,
            reserves=profile.reserves,
            connectors=policy.settings.connectors,
            used=frozenset(self._used(key, entries)),
        )

    # --- steps -------------------------------------------------------------------------------------------------------

    async def _kept_in(self, key: ChargerKey, epoch: int) -> KeptReservations:
        kept = self._kept.get(key)
        if kept is None or kept.epoch != epoch:
            on_record = (await self.conditions.stored(key)).reservations
            kept = kept or KeptReservations(epoch)
            kept.connected(epoch, on_record)
            self._kept[key] = kept
        return kept

    async def _drop(self, key: ChargerKey, number: int, slot: KeptSlot) -> None:
        """Remove a reservation that the charger should no longer have."""
        if slot.may_be_on_charger:
            await self._cancel(key, number, slot)
            return
        slot.due = None
        if slot.state is ReservationState.WAITING and slot.detail:
            slot.end("not needed any more")

    async def _cancel(self, key: ChargerKey, number: int, slot: KeptSlot) -> None:
        """Cancel the reservation on the charger. Any answer means that the charger does not have it: `Rejected` is the
        answer for an unknown number."""
        try:
            status = await self.chargers.commands(key).cancel_reservation(number)
        except ChargerDidNotAnswer as silence:
            slot.due = self.clock.now() + timedelta(seconds=slot.backoff.next_s())
            log.info("reservation %d on charger %s is cancelled later: %s", number, key[1], silence)
            return
        slot.end("cancelled" if status == "Accepted" else f"cancelled; the charger answered {status}")
        log.info("reservation %d on charger %s is cancelled: %s", number, key[1], status)

    async def _reserve(self, key: ChargerKey, kept: KeptReservations, number: int, slot: Slot) -> None:
        known = kept.slots.setdefault(number, KeptSlot.new(slot))
        try:
            request = (slot.until, self.holders.single(key[0], slot.holder).pseudonym)
        except NoSingleIdentifier as none:
            if known.may_be_on_charger:
                await self._cancel(key, number, known)
            known.refuse((slot.until, ""), str(none))
            return
        if not known.needs(request, self.clock.now()):
            return
        try:
            if not await self._supports(key, kept):
                known.refuse(request, NOT_SUPPORTED)
                return
            await self._send(key, known, number, slot, request)
        except ChargerDidNotAnswer as silence:
            known.wait(f"no answer: {silence}"[:DETAIL_MAX], self.clock.now())
        except (ValueNotReadable, StoreUnavailable) as trouble:
            known.wait(str(trouble)[:DETAIL_MAX], self.clock.now())

    async def _send(self, key: ChargerKey, known: KeptSlot, number: int, slot: Slot, request: Sent) -> None:
        """Send the reservation. Raises `ChargerDidNotAnswer` (the charger may have it), `ValueNotReadable` or
        `StoreUnavailable`."""
        identifier = await self.holders.value(key[0], slot.reservation_id, slot.holder)
        was_on_charger, known.may_be_on_charger = known.may_be_on_charger, True
        try:
            reserved = await self.chargers.commands(key).reserve(
                number, slot.connector_id, identifier, slot.until, lambda: self.wanted(key).get(number) == slot
            )
        except NoLongerWanted:
            known.may_be_on_charger = was_on_charger
            log.debug("reservation %d on charger %s is not wanted any more", number, key[1])
            return
        known.take(request, reserved, self.clock.now())
        log.info("reservation %d on charger %s: %s", number, key[1], reserved.detail)

    async def _supports(self, key: ChargerKey, kept: KeptReservations) -> bool:
        """Return whether the charger supports reservations: by its profile, or by its own report, read once per
        connection. Raises `ChargerDidNotAnswer`."""
        profile = self.profiles.get(key[0], self.view.charger(*key).policy.settings.profile)
        if profile is not None and profile.reserves is not Reserves.REPORTED:
            return True
        if kept.supported is None:
            kept.supported = await self.chargers.commands(key).supports_reservations()
        return kept.supported

    async def _record(self, key: ChargerKey, kept: KeptReservations) -> bool:
        """Record the states that changed. Return False if the store is down; they are then recorded later."""
        for number, slot in kept.slots.items():
            if slot.is_recorded:
                continue
            state, detail, until = to_record = slot.to_record
            reported = ReservationOnCharger(
                reservation_id=slot.reservation_id,
                connector_id=slot.connector_id,
                state=state,
                detail=detail,
                until=until,
                reported_at=self.clock.now(),
            )
            try:
                await self.conditions.reservation_reported(key, number, reported)
            except StoreUnavailable as outage:
                log.warning("reservations on charger %s are recorded later: %s", key[1], outage)
                return False
            slot.recorded = to_record
        return True

    # --- state -------------------------------------------------------------------------------------------------------

    def _entries(self, key: ChargerKey) -> list[Entry]:
        policy = self.view.known_policy(*key)
        if policy is None:
            return []
        return self.view.book(key[0], policy.settings.depot_id).entries.at_place(key_of_charger(key[1]))

    def _used(self, key: ChargerKey, entries: list[Entry]) -> Iterator[tuple[ReservationId, int]]:
        """Yield the connectors at which the holders of these reservations are charging."""
        for session in self.live.sessions_at(key):
            if session.connector_id is None:
                continue
            for entry in entries:
                holder = entry.reservation.holder
                by_vehicle = session.vehicle_id is not None and session.vehicle_id == holder.vehicle_id
                pseudonym = None if session.identifier is None else session.identifier.pseudonym
                if by_vehicle or any(each.ref.pseudonym == pseudonym for each in holder.identifiers):
                    yield entry.reservation.reservation_id, session.connector_id
                    yield entry.reservation.reservation_id, THE_CHARGER

    def _instants(
        self, key: ChargerKey, kept: KeptReservations, now: datetime, *, is_recorded: bool
    ) -> Iterator[datetime]:
        if not is_recorded:
            yield now + LOOK_AGAIN
        if (change := next_change(self._entries(key), now)) is not None:
            yield change
        if (transition := next(self.view.charger(*key).timeline_now(now).transitions(now), None)) is not None:
            yield transition.start
        for slot in kept.slots.values():
            if slot.due is not None:
                yield slot.due
