"""The command side over a store in memory: commands go in, and what was recorded comes out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any, TypeVar

import pytest

from access_policy.application.commands import (
    add_exception,
    add_holiday,
    allow_attempt,
    amend_mode_rule,
    arm_enrolment,
    cancel_reservation,
    change_reservation,
    copy_policy,
    end_agreement,
    end_bookings_of_party,
    enrol_identifier,
    follow_schedule,
    ignore_identifier,
    lift_override,
    make_reservation,
    override_many,
    override_mode,
    put_agreement,
    put_calendar,
    put_charger,
    put_depot,
    put_energy_node,
    put_energy_policy,
    put_entrance,
    put_profile,
    put_reservation_group,
    put_reservation_settings,
    put_schedule,
    put_tenant,
    put_vehicle,
    receive_booking,
    receive_envelope,
    record_measurements,
    reinstate_vehicle,
    remove_calendar,
    remove_energy_node,
    remove_entrance,
    remove_exception,
    remove_schedule,
    remove_vehicle,
    replace_reservation,
    report_energy_source,
    retire_charger,
    review_token,
    rotate_password,
    schedule_mode,
    schedule_mode_for_many,
    suspend_vehicle,
    withdraw_envelope,
    withdraw_mode_rule,
)
from access_policy.application.commands.on_book import ChangeBook
from access_policy.application.commands.on_depot import ChargersFollow
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.commands.on_registry import ChangeRegistry
from access_policy.application.commands.on_site import ChangeSite
from access_policy.application.commands.reservation_drafts import ReservablePlaces, ReservationHolders
from access_policy.application.commands.rule_drafts import RuleDraft
from access_policy.application.context import Context
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import EventStore
from access_policy.application.ports.secrets import Holder
from access_policy.application.repositories.charge_point_claims import ChargePointClaims
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.depots import Depots
from access_policy.application.repositories.enrolment_sessions import EnrolmentSessions
from access_policy.application.repositories.reservation_books import ReservationBooks
from access_policy.application.repositories.site_energies import SiteEnergies
from access_policy.application.repositories.tenants import Tenants
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.application.retrying import retrying
from access_policy.domain.charger_access_policy.events import ChargerRegistered
from access_policy.domain.depots.depot import SchedulePut, ScheduleRemoved
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, ScheduleId, TenantId, VehicleId
from tests.support.builders import ANNA, BAY, FREEVEND, MANAGED, NOON, NORTH, depot_settings
from tests.support.depot_in_memory import DepotInMemory, SettableClock
from tests.support.stores import memory_store, pseudonyms

ACME, RIVAL = TenantId("acme"), TenantId("rival")
Failure = TypeVar("Failure", bound=Exception)


@dataclass
class Vault:
    """Sealed values say which key they were sealed with; no cryptography."""

    keys: defaultdict[tuple[TenantId, VehicleId], int] = field(default_factory=lambda: defaultdict(int))
    sealed: list[str] = field(default_factory=list)
    forgetting_fails: bool = False

    async def seal(self, tenant_id: TenantId, vehicle_id: VehicleId, value: str) -> str:
        self.sealed.append(value)
        return f"{self.keys[tenant_id, vehicle_id]}:{len(self.sealed)}:{value[::-1]}"

    async def unseal(self, tenant_id: TenantId, vehicle_id: VehicleId, sealed: str) -> str | None:
        key, _, value = sealed.split(":")
        return value[::-1] if int(key) == self.keys[tenant_id, vehicle_id] else None

    async def forget(self, tenant_id: TenantId, vehicle_id: VehicleId) -> None:
        if self.forgetting_fails:
            raise OSError("the vault is away")
        self.keys[tenant_id, vehicle_id] += 1

    async def seal_many(self, tenant_id: TenantId, values: Sequence[tuple[VehicleId, str]]) -> list[str]:
        return [await self.seal(tenant_id, vehicle_id, value) for vehicle_id, value in values]

    async def unseal_many(self, tenant_id: TenantId, sealed: Sequence[tuple[VehicleId, str]]) -> list[str | None]:
        return [await self.unseal(tenant_id, vehicle_id, text) for vehicle_id, text in sealed]

    async def forget_many(self, tenant_id: TenantId, vehicle_ids: Sequence[VehicleId]) -> None:
        for vehicle_id in vehicle_ids:
            await self.forget(tenant_id, vehicle_id)


@dataclass
class Passwords:
    known: dict[tuple[ChargePointId, Holder], str] = field(default_factory=dict)

    async def set_password(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        self.known[charge_point_id, holder] = password

    async def clear(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        self.known.pop((charge_point_id, holder), None)

    async def verify(self, charge_point_id: ChargePointId, holder: Holder, presented: bytes | None) -> bool | None:
        password = self.known.get((charge_point_id, holder))
        return None if password is None else password.encode() == presented


@dataclass
class ChargersInTheLog:
    store: EventStore
    policies: ChargerAccessPolicies

    async def charger_ids(self, tenant_id: TenantId, depot_id: DepotId) -> list[ChargerId]:
        log = await self.store.read_log(after=0, limit=10_000, types=[ChargerRegistered.TYPE])
        registered = [each.event.charger_id for each in log if each.envelope.tenant_id == tenant_id]
        found = [await self.policies.get(tenant_id, charger_id) for charger_id in registered]
        return [p.charger_id for p in found if p.settings.depot_id == depot_id and p.retired_at is None]

    async def depot_of_schedule(self, tenant_id: TenantId, schedule_id: ScheduleId) -> DepotId | None:
        log = await self.store.read_log(after=0, limit=10_000, types=[SchedulePut.TYPE, ScheduleRemoved.TYPE])
        of_it = [
            each for each in log if each.envelope.tenant_id == tenant_id and _schedule_id(each.event) == schedule_id
        ]
        return of_it[-1].event.depot_id if of_it and isinstance(of_it[-1].event, SchedulePut) else None


def _schedule_id(event: SchedulePut | ScheduleRemoved) -> ScheduleId:
    return event.schedule.schedule_id if isinstance(event, SchedulePut) else event.schedule_id


def putting_depot(**changes: Any) -> put_depot.PutDepot:
    of_command = {name: changes.pop(name) for name in ("depot_id", "expected_version") if name in changes}
    return put_depot.PutDepot(**({"depot_id": NORTH, "settings": depot_settings(**changes)} | of_command))


def putting_charger(**changes: Any) -> put_charger.PutCharger:
    values: dict[str, Any] = {
        "charger_id": BAY,
        "charge_point_id": ChargePointId("CP-1"),
        "depot_id": NORTH,
        "profile": "ocpp16-central",
        "baseline_mode": FREEVEND,
    }
    return put_charger.PutCharger(**(values | changes))


def draft(**changes: Any) -> RuleDraft:
    """Managed in the nights of the charger's zone, 22:00 to 06:00."""
    values: dict[str, Any] = {
        "name": "Nights",
        "mode": MANAGED,
        "recurrence": "FREQ=DAILY",
        "start": time(22),
        "end": time(6),
    }
    return RuleDraft(**(values | changes))


@dataclass
class Outcome:
    done: Any
    events: list[Any]


class Nowhere:
    """In place of a part that the test does not reach."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a test whose command needs `{name}` gives the office a part that has it")


@dataclass
class Office:
    """All commands over one store, wired as the container wires them. Tests build a command side with this class only.

    `do` runs a command as the service does, again after a lost race. `depot` is the decision path over the same store, which
    follows the log only when the test lets it. A test whose commands reach denied identifiers, the access log or a charger's
    connection passes `unknown`, `views` or `connections`.
    """

    store: EventStore = field(default_factory=memory_store)
    clock: SettableClock = field(default_factory=lambda: SettableClock(NOON))
    vault: Vault = field(default_factory=Vault)
    passwords: Any = field(default_factory=Passwords)
    unknown: Any = field(default_factory=Nowhere)
    views: Any = field(default_factory=Nowhere)
    connections: Any = field(default_factory=Nowhere)
    gates: Any = None  # None: those of the energy of its sites
    of_reservations: Any = None  # the depots of reservations; None: as far as `depot` has followed the log
    of_envelopes: Any = None  # the depots of envelopes; None: likewise

    def __post_init__(self) -> None:
        store, clock = self.store, self.clock
        self.depot = DepotInMemory(store, clock, pseudonyms=pseudonyms(), gates=self.gates)
        self.policies, self.depots, self.claims = (
            ChargerAccessPolicies(store, self.depot.view),
            Depots(store),
            ChargePointClaims(store),
        )
        self.registries = VehicleRegistries(store, DecisionView())
        profiles, view = self.depot.profiles, self.depot.view
        own_profiles, enrolments = put_profile.OperatorsProfiles(store, clock), EnrolmentSessions(store)
        chargers = ChargersInTheLog(store, self.policies)
        policy, registry = ChangePolicy(self.policies, clock), ChangeRegistry(self.registries, clock)
        follow = ChargersFollow(self.depots, self.policies, chargers, clock)
        self.follow = follow
        schedule = schedule_mode.ScheduleModeHandler(policy)
        self.books = ReservationBooks(store, view)
        book = ChangeBook(self.books, self.depots, self.of_reservations or view, clock)
        self.sites = SiteEnergies(store, view)
        site = ChangeSite(self.sites, self.depots, self.of_envelopes or view, clock)
        places = ReservablePlaces(self.policies, profiles)
        holders = ReservationHolders(view, self.depot.pseudonyms, self.vault)
        self.handlers: dict[type, Callable[[Context, Any], Awaitable[Any]]] = {
            put_depot.PutDepot: put_depot.PutDepotHandler(self.depots, follow, clock),
            put_calendar.PutCalendar: put_calendar.PutCalendarHandler(self.depots, follow, clock),
            add_holiday.AddHoliday: add_holiday.AddHolidayHandler(self.depots, follow, clock),
            remove_calendar.RemoveCalendar: remove_calendar.RemoveCalendarHandler(
                self.depots, self.policies, chargers, follow, clock
            ),
            put_entrance.PutEntrance: put_entrance.PutEntranceHandler(self.depots, self.policies, view, view, clock),
            remove_entrance.RemoveEntrance: remove_entrance.RemoveEntranceHandler(self.depots, clock),
            put_schedule.PutSchedule: put_schedule.PutScheduleHandler(follow, chargers),
            remove_schedule.RemoveSchedule: remove_schedule.RemoveScheduleHandler(follow, chargers),
            follow_schedule.FollowSchedule: follow_schedule.FollowScheduleHandler(follow, chargers),
            follow_schedule.FollowScheduleWithMany: follow_schedule.FollowScheduleWithManyHandler(follow, chargers),
            put_charger.PutCharger: put_charger.PutChargerHandler(
                self.policies, self.depots, self.claims, profiles, self.passwords, clock
            ),
            retire_charger.RetireCharger: retire_charger.RetireChargerHandler(
                self.policies, self.claims, self.passwords, clock
            ),
            schedule_mode.ScheduleMode: schedule,
            schedule_mode_for_many.ScheduleModeForMany: schedule_mode_for_many.ScheduleModeForManyHandler(
                schedule, self.policies, self.depots, chargers, clock
            ),
            copy_policy.CopyPolicy: copy_policy.CopyPolicyHandler(policy, chargers),
            amend_mode_rule.AmendModeRule: amend_mode_rule.AmendModeRuleHandler(policy),
            withdraw_mode_rule.WithdrawModeRule: withdraw_mode_rule.WithdrawModeRuleHandler(policy),
            add_exception.AddException: add_exception.AddExceptionHandler(policy),
            add_exception.AddCalendarException: add_exception.AddExceptionHandler(policy),
            remove_exception.RemoveException: remove_exception.RemoveExceptionHandler(policy),
            override_mode.OverrideMode: override_mode.OverrideModeHandler(policy, self.depots),
            lift_override.LiftOverride: lift_override.LiftOverrideHandler(policy),
            override_many.OverrideMany: override_many.OverrideManyHandler(policy, self.depots, chargers),
            override_many.LiftMany: override_many.LiftManyHandler(policy, self.depots, chargers),
            put_vehicle.PutVehicle: put_vehicle.PutVehicleHandler(self.registries, pseudonyms(), self.vault, clock),
            suspend_vehicle.SuspendVehicle: suspend_vehicle.SuspendVehicleHandler(registry),
            reinstate_vehicle.ReinstateVehicle: reinstate_vehicle.ReinstateVehicleHandler(registry),
            remove_vehicle.RemoveVehicle: remove_vehicle.RemoveVehicleHandler(registry, self.vault),
            put_agreement.PutAgreement: put_agreement.PutAgreementHandler(registry, self.depots, self.policies),
            end_agreement.EndAgreement: end_agreement.EndAgreementHandler(registry),
            put_tenant.PutTenant: put_tenant.PutTenantHandler(Tenants(store), clock),
            put_reservation_group.PutReservationGroup: put_reservation_group.PutReservationGroupHandler(book, places),
            make_reservation.MakeReservation: make_reservation.MakeReservationHandler(book, places, holders),
            change_reservation.ChangeReservation: change_reservation.ChangeReservationHandler(book, places, holders),
            receive_booking.ReceiveBooking: receive_booking.ReceiveBookingHandler(book, places, holders),
            receive_booking.CancelBooking: receive_booking.CancelBookingHandler(book),
            end_bookings_of_party.EndBookingsOfParty: end_bookings_of_party.EndBookingsOfPartyHandler(book),
            review_token.ReviewToken: review_token.ReviewTokenHandler(book),
            replace_reservation.ReplaceReservation: replace_reservation.ReplaceReservationHandler(
                book, places, holders
            ),
            put_reservation_settings.PutReservationSettings: put_reservation_settings.PutReservationSettingsHandler(
                book
            ),
            cancel_reservation.CancelReservation: cancel_reservation.CancelReservationHandler(book),
            put_energy_node.PutEnergyNode: put_energy_node.PutEnergyNodeHandler(site, self.policies),
            remove_energy_node.RemoveEnergyNode: remove_energy_node.RemoveEnergyNodeHandler(site),
            put_energy_policy.PutEnergyPolicy: put_energy_policy.PutEnergyPolicyHandler(site),
            receive_envelope.ReceiveEnvelope: receive_envelope.ReceiveEnvelopeHandler(site),
            withdraw_envelope.WithdrawEnvelope: withdraw_envelope.WithdrawEnvelopeHandler(site),
            record_measurements.RecordMeasurements: record_measurements.RecordMeasurementsHandler(site),
            report_energy_source.ReportEnergySource: report_energy_source.ReportEnergySourceHandler(site),
            put_profile.PutProfile: put_profile.PutProfileHandler(own_profiles, profiles),
            put_profile.RemoveProfile: put_profile.RemoveProfileHandler(own_profiles, profiles, view),
            ignore_identifier.IgnoreIdentifier: ignore_identifier.IgnoreIdentifierHandler(
                self.registries, self.views, clock
            ),
            ignore_identifier.ListIdentifierAgain: ignore_identifier.ListIdentifierAgainHandler(
                self.registries, self.views, clock
            ),
            allow_attempt.AllowAttempt: allow_attempt.AllowAttemptHandler(self.registries, store, clock),
            allow_attempt.EndAllowance: allow_attempt.EndAllowanceHandler(self.registries, clock),
            arm_enrolment.ArmEnrolment: arm_enrolment.ArmEnrolmentHandler(enrolments, self.policies, clock),
            arm_enrolment.CancelEnrolment: arm_enrolment.CancelEnrolmentHandler(enrolments, self.policies, clock),
            enrol_identifier.EnrolIdentifier: enrol_identifier.EnrolIdentifierHandler(
                self.registries, self.unknown, self.depot.pseudonyms, self.vault, self.views, clock
            ),
            rotate_password.RotatePassword: rotate_password.RotatePasswordHandler(
                self.policies, self.passwords, self.connections, self.depot.conditions()
            ),
        }

    async def run(self, command: object, *, tenant: TenantId = ACME, actor: ActorId = ANNA) -> Any:
        context = Context(tenant_id=tenant, actor=actor, correlation_id="a-request")
        return await retrying(self.handlers[type(command)])(context, command)

    async def do(self, command: object, *, tenant: TenantId = ACME) -> Outcome:
        """The answer, and the events that were recorded meanwhile; each carries who, for whom and when."""
        before = await self.store.last_position()
        done = await self.run(command, tenant=tenant)
        recorded = await self.store.read_log(after=before, limit=10_000)
        for each in recorded:
            assert (each.envelope.tenant_id, each.envelope.actor) == (tenant, ANNA)
            assert (each.envelope.recorded_at, each.envelope.correlation_id) == (self.clock.now(), "a-request")
        return Outcome(done, [each.event for each in recorded])

    async def refused(self, command: object, error: type[Failure], *, tenant: TenantId = ACME) -> Failure:
        """Refused with exactly this error, and nothing was recorded, sealed or set."""
        before = await self.store.last_position(), list(self.vault.sealed), dict(self.passwords.known)
        with pytest.raises(error) as refusal:
            await self.run(command, tenant=tenant)
        assert type(refusal.value) is error
        after = await self.store.last_position(), self.vault.sealed, self.passwords.known
        assert after == before
        return refusal.value
