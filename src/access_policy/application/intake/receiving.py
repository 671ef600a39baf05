"""Receives events of other services: applies each exactly once, and never an older one over a newer one.

The order of steps guarantees this for any number of processes: read the subject's version, record the event as begun,
run the command on that version. A process that is overtaken in between gets a version mismatch, starts again, and finds
the newer event begun.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from access_policy.application.commands import Done
from access_policy.application.commands.put_agreement import PutAgreement
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.receive_booking import CancelBooking, ReceiveBooking
from access_policy.application.commands.remove_vehicle import RemoveVehicle
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy, VersionMismatch
from access_policy.application.intake.energy import EnergyMessages
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_intake import (
    NOTHING_TO_CANCEL,
    IntakeRecords,
    IntakeResult,
    IntakeStatus,
    Standing,
)
from access_policy.application.ports.incoming_events import (
    AgreementChanged,
    BookingCanceled,
    BookingReceived,
    IncomingEvent,
    SubjectKind,
    VehicleCommissioned,
    VehicleDecommissioned,
)
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.domain.errors import Conflict, Refused
from access_policy.domain.ids import ActorId, AgreementId, VehicleId
from access_policy.domain.reservations.errors import ReservationOver, ReservationUnknown, TooLateToChange
from access_policy.domain.reservations.reservation import PartnerRequest, ReservationSource
from access_policy.domain.site_energy.errors import EnergyNotOptedIn
from access_policy.domain.vehicle_registry.errors import (
    AgreementChargerUnknown,
    AgreementDepotUnknown,
    AgreementNotThere,
    VehicleUnknown,
)

log = logging.getLogger(__name__)

TRIES: Final = 5
FITS_LATER: Final = (Conflict, AgreementChargerUnknown, AgreementDepotUnknown, AgreementNotThere, VehicleUnknown)
FITS_NEVER: Final = (ReservationOver, TooLateToChange, EnergyNotOptedIn)

OVERTAKEN: Final = "It was cancelled before it was received."

Handler = Callable[[Context, Any], Awaitable[Done]]


@dataclass(frozen=True, slots=True)
class Intake:
    """Implements `EventIntake`."""

    records: IntakeRecords
    registries: VehicleRegistries
    clock: Clock
    put_vehicle: Handler
    remove_vehicle: Handler
    put_agreement: Handler
    receive_booking: Handler
    cancel_booking: Handler
    energy: EnergyMessages

    async def receive(self, event: IncomingEvent) -> IntakeResult:
        for _ in range(TRIES):
            version = await self._current_version(event)
            match await self.records.begin(event, now=self.clock.now()):
                case Standing.DUPLICATE:
                    await self._end_overtaken_booking(event)
                    return IntakeResult(IntakeStatus.DUPLICATE)
                case Standing.OUTDATED:
                    log.info("event %s of %s is outdated", event.event_id, event.source)
                    await self._end_overtaken_booking(event)
                    return IntakeResult(IntakeStatus.OUTDATED, "a newer event about the same subject arrived first")
                case Standing.NEW:
                    pass
            try:
                result = await self._applied(event, version)
            except VersionMismatch:
                continue
            await self.records.end(event, result)
            await self._end_overtaken_booking(event)
            return result
        raise TooBusy("the event's subject is being changed by others; send it again")

    async def _current_version(self, event: IncomingEvent) -> int:
        """Return the subject's version; 0 if it does not exist. Bookings and the energy of sites have an order of their
        own."""
        subject = event.subject
        if subject.kind not in (SubjectKind.VEHICLE, SubjectKind.AGREEMENT):
            return 0
        async with self.registries.locked(event.tenant_id) as registry:
            if subject.kind is SubjectKind.AGREEMENT:
                return registry.agreement_changed_at.get(AgreementId(subject.id), 0)
            vehicle = registry.vehicles.get(VehicleId(subject.id))
            return 0 if vehicle is None else vehicle.changed_at

    async def _applied(self, event: IncomingEvent, version: int) -> IntakeResult:
        try:
            said = await self._run(_context(event), event, version)
        except Refused as refusal:
            is_final = isinstance(refusal, FITS_NEVER) or not isinstance(refusal, FITS_LATER)
            fate = IntakeStatus.REFUSED if is_final else IntakeStatus.NOT_YET
            log.warning("event %s of %s: %s: %s", event.event_id, event.source, fate, refusal.detail)
            return IntakeResult(fate, refusal.detail, refusal.code, refusal.pointer)
        return IntakeResult(IntakeStatus.APPLIED, said)

    async def _end_overtaken_booking(self, event: IncomingEvent) -> None:
        """Let a cancellation win that overtook its booking in another process. The booking's process looks for the
        record of the cancellation after making the booking, and the cancellation's process looks for the booking after
        recording the cancellation, so at least one of them finds the other. A repetition changes nothing."""
        match event.message:
            case BookingReceived(depot_id=depot_id):
                version, reason = await self.records.unseen_cancellation(event), OVERTAKEN
            case BookingCanceled(depot_id=depot_id, reason=reason):
                version = event.version
            case _:
                return
        if version is None:
            return
        request = replace(_request(event, event.subject.id), version=version)
        with contextlib.suppress(Refused):
            await self.cancel_booking(_context(event), CancelBooking(depot_id=depot_id, request=request, reason=reason))

    async def _run(self, context: Context, event: IncomingEvent, version: int) -> str:
        """Run the command; return the remark to record with the result."""
        match event.message:
            case VehicleCommissioned() as commissioned:
                await self.put_vehicle(
                    context,
                    PutVehicle(
                        vehicle_id=commissioned.vehicle_id,
                        description=commissioned.description,
                        identifiers=commissioned.identifiers,
                        expected_version=version,
                    ),
                )
            case VehicleDecommissioned(vehicle_id=vehicle_id):
                try:
                    await self.remove_vehicle(context, RemoveVehicle(vehicle_id=vehicle_id, expected_version=version))
                except VehicleUnknown:
                    log.info("vehicle %s was already removed before it was decommissioned", vehicle_id)
            case AgreementChanged(agreement=agreement):
                await self.put_agreement(context, PutAgreement(agreement=agreement, expected_version=version))
            case BookingReceived() as booking:
                request = _request(event, booking.booking_id)
                await self.receive_booking(
                    context, ReceiveBooking(depot_id=booking.depot_id, draft=_draft(booking, request))
                )
            case BookingCanceled() as cancelled:
                request = _request(event, cancelled.booking_id)
                cancel = CancelBooking(depot_id=cancelled.depot_id, request=request, reason=cancelled.reason)
                try:
                    await self.cancel_booking(context, cancel)
                except ReservationUnknown:
                    log.info("booking %s was cancelled before it was received", cancelled.booking_id)
                    return NOTHING_TO_CANCEL
            case message:
                return await self.energy(context, message)
        return ""


def _context(event: IncomingEvent) -> Context:
    return Context(
        tenant_id=event.tenant_id,
        actor=ActorId(event.source),
        correlation_id=event.correlation_id,
        causation_id=event.event_id,
    )


def _request(event: IncomingEvent, booking_id: str) -> PartnerRequest:
    return PartnerRequest(party=event.source, request_id=booking_id, version=event.version)


def _draft(booking: BookingReceived, request: PartnerRequest) -> ReservationDraft:
    return ReservationDraft(
        place=booking.place,
        start=booking.start,
        end=booking.end,
        source=ReservationSource.EVENT,
        vehicle_id=booking.vehicle_id,
        identifiers=booking.identifiers,
        terms=booking.terms,
        request=request,
        note=booking.note,
    )
