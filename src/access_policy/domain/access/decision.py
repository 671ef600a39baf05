"""The decision table of design.md 3.3, row by row: a total, pure function of its inputs.

`RULES` lists the rows in order, and `rules_at` returns the rows of a depot; the first row that answers decides. An attempt
that cannot be decided raises an exception and is never denied: the rules do not catch exceptions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from access_policy.domain.access.reasons import ALLOWING, Reason
from access_policy.domain.access_mode import AccessMode, CauseKind, Enforcement
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import AgreementId, ChargerId, DepotId, ReservationId, VehicleId
from access_policy.domain.mode_schedule.timeline import Segment, Timeline
from access_policy.domain.reservations.here import ReservationsHere
from access_policy.domain.site_energy.gate import Gate, GateLevel
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.domain.vehicle_registry.registry import Vehicle

PERMISSION_HORIZON = timedelta(hours=24)  # permissions are not given further ahead


@dataclass(slots=True, kw_only=True)
class DecisionInputs:
    """All inputs of a decision. `identifier` is None if none was presented or it is malformed for its kind.

    `zone` is the zone of the charger's depot. `agreement` is the vehicle's, if it has one. `kind_counts`: an identifier of
    this kind identifies a vehicle at this depot and for this agreement. `ad_hoc`: the permission of the vehicle or the
    identifier at this depot, whether or not in force. `reservations`: None if the depot has none. `gate`: None if the
    depot has no energy policy. In a freevend window that the gate narrows, the cause of `expected` is `envelope`.
    """

    at: datetime
    charger_id: ChargerId
    depot_id: DepotId
    zone: ZoneInfo
    expected: Segment
    enforcement: Enforcement
    identifier: IdentifierRef | None
    vehicle: Vehicle | None
    agreement: Agreement | None
    kind_counts: bool = True
    pin_locked_out: bool = False
    in_use_at_another: bool = False
    ad_hoc: AdHocPermission | None = None
    reservations: ReservationsHere | None = None
    gate: Gate | None = None


@dataclass(slots=True, kw_only=True)  # not frozen: one is created for every attempt, and freezing triples the cost
class Decision:
    """The result of a decision. `would_deny` is set only under `observe` and an advisory gate. `valid_until`: see
    `permission_holds_until`; None for a denial. `restricted_as`: see `row_of_restriction`; None unless energy refuses the
    attempt.
    """

    allowed: bool
    reason: Reason
    access_class: AccessClass
    vehicle_id: VehicleId | None
    agreement_id: AgreementId | None
    would_deny: Reason | None = None
    valid_until: datetime | None = None
    reservation_id: ReservationId | None = None
    restricted_as: Reason | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One row of an explanation: the row's name, whether it decided, and its reason if it did."""

    rule: str
    decided: bool
    reason: Reason | None


Rule = Callable[[DecisionInputs], Reason | None]


def freevend_admits_anyone(inputs: DecisionInputs) -> Reason | None:
    if inputs.gate is None:
        return Reason.FREEVEND if inputs.expected.mode is AccessMode.FREEVEND else None
    return Reason.FREEVEND if _is_freevend(inputs) and _level(inputs) is GateLevel.OPEN else None


def identifier_must_be_readable(inputs: DecisionInputs) -> Reason | None:
    return Reason.IDENTIFIER_INVALID if inputs.identifier is None else None


def pin_must_not_be_locked_out(inputs: DecisionInputs) -> Reason | None:
    is_pin = inputs.identifier is not None and inputs.identifier.kind is IdentifierKind.PIN
    return Reason.PIN_LOCKED_OUT if is_pin and inputs.pin_locked_out else None


def identifier_must_be_known(inputs: DecisionInputs) -> Reason | None:
    if _is_registered(inputs) or _is_permitted(inputs) or _has_a_reservation(inputs):
        return None
    return _or_restricted(inputs, Reason.UNKNOWN_IDENTIFIER)


def vehicle_must_not_be_suspended(inputs: DecisionInputs) -> Reason | None:
    suspended = inputs.vehicle is not None and inputs.vehicle.suspended_because is not None
    return Reason.VEHICLE_SUSPENDED if suspended else None


def identifier_must_not_charge_at_another(inputs: DecisionInputs) -> Reason | None:
    return Reason.IDENTIFIER_IN_USE if inputs.in_use_at_another else None


def reservation_admits(inputs: DecisionInputs) -> Reason | None:
    here = inputs.reservations
    return None if here is None or here.admitting(inputs.at) is None else Reason.RESERVATION


def charger_must_not_be_reserved_for_another(inputs: DecisionInputs) -> Reason | None:
    """Freevend does not enforce promises of groups, so a gate that narrows it does not refuse because of one."""
    here = inputs.reservations
    keeps_out = here is not None and not _is_narrowed_freevend(inputs) and here.keeps_others_out(inputs.at)
    return Reason.RESERVED_FOR_OTHER if keeps_out else None


def energy_must_leave_room_for_the_permission(inputs: DecisionInputs) -> Reason | None:
    return Reason.ENERGY_RESTRICTED if _is_permitted(inputs) and not _is_of_the_level(inputs) else None


def ad_hoc_permission_admits(inputs: DecisionInputs) -> Reason | None:
    return Reason.AD_HOC if _is_permitted(inputs) else None


def reservation_must_be_in_force(inputs: DecisionInputs) -> Reason | None:
    """Applies if the charger requires a reservation, and to a holder whom the registry does not know."""
    here = inputs.reservations
    if here is None:
        return None
    is_required = here.is_required and not _is_narrowed_freevend(inputs)  # freevend does not require a reservation
    if _is_registered(inputs) and not is_required:
        return None
    if here.earliest_start(inputs.at) is not None:
        return Reason.RESERVATION_NOT_STARTED
    return Reason.RESERVATION_REQUIRED if is_required else Reason.RESERVATION_ENDED


def own_vehicle_charges_while_valid(inputs: DecisionInputs) -> Reason | None:
    if inputs.vehicle is None or inputs.vehicle.description.access_class is not AccessClass.OWN:
        return None
    is_valid = _is_valid(inputs.vehicle, inputs.at)
    return Reason.OWN_VEHICLE if is_valid else _or_restricted(inputs, Reason.VEHICLE_NOT_VALID)


def agreement_vehicle_must_be_valid(inputs: DecisionInputs) -> Reason | None:
    is_valid = inputs.vehicle is not None and _is_valid(inputs.vehicle, inputs.at)
    return None if is_valid else _or_restricted(inputs, Reason.VEHICLE_NOT_VALID)


def agreement_must_have_started(inputs: DecisionInputs) -> Reason | None:
    started = inputs.agreement is not None and inputs.agreement.valid_from <= inputs.at
    return None if started else _or_restricted(inputs, Reason.AGREEMENT_NOT_STARTED)


def agreement_must_not_have_ended(inputs: DecisionInputs) -> Reason | None:
    ends_at = inputs.agreement.ends_at if inputs.agreement is not None else None
    has_ended = ends_at is not None and ends_at <= inputs.at
    return _or_restricted(inputs, Reason.AGREEMENT_ENDED) if has_ended else None


def agreement_must_cover_this_charger(inputs: DecisionInputs) -> Reason | None:
    covered = inputs.agreement is not None and inputs.agreement.covers_charger(inputs.charger_id, inputs.depot_id)
    return None if covered else _or_restricted(inputs, Reason.AGREEMENT_NOT_HERE)


def agreement_must_cover_this_hour(inputs: DecisionInputs) -> Reason | None:
    covered = inputs.agreement is not None and inputs.agreement.covers_hour(inputs.at, inputs.zone)
    return None if covered else _or_restricted(inputs, Reason.AGREEMENT_NOT_NOW)


def energy_must_leave_room_for_agreements(inputs: DecisionInputs) -> Reason | None:
    return Reason.ENERGY_RESTRICTED if _level(inputs) is GateLevel.OWN_ONLY else None


def agreement_vehicle_charges(inputs: DecisionInputs) -> Reason | None:
    return Reason.AGREEMENT_VEHICLE


RULES: tuple[Rule, ...] = (
    freevend_admits_anyone,
    identifier_must_be_readable,
    pin_must_not_be_locked_out,
    identifier_must_be_known,
    vehicle_must_not_be_suspended,
    identifier_must_not_charge_at_another,
    reservation_admits,
    charger_must_not_be_reserved_for_another,
    energy_must_leave_room_for_the_permission,
    ad_hoc_permission_admits,
    reservation_must_be_in_force,
    own_vehicle_charges_while_valid,
    agreement_vehicle_must_be_valid,
    agreement_must_have_started,
    agreement_must_not_have_ended,
    agreement_must_cover_this_charger,
    agreement_must_cover_this_hour,
    energy_must_leave_room_for_agreements,
    agreement_vehicle_charges,
)

_OF_RESERVATIONS = frozenset(
    {reservation_admits, charger_must_not_be_reserved_for_another, reservation_must_be_in_force}
)
_OF_ENERGY = frozenset({energy_must_leave_room_for_the_permission, energy_must_leave_room_for_agreements})
_RULES_AT: dict[tuple[bool, bool], tuple[Rule, ...]] = {
    (True, True): RULES,
    (True, False): tuple(rule for rule in RULES if rule not in _OF_ENERGY),
    (False, True): tuple(rule for rule in RULES if rule not in _OF_RESERVATIONS),
    (False, False): tuple(rule for rule in RULES if rule not in _OF_RESERVATIONS | _OF_ENERGY),
}


def rules_at(*, with_reservations: bool, with_energy: bool) -> tuple[Rule, ...]:
    """Return the rows of a depot, with or without those for reservations and for energy."""
    return _RULES_AT[with_reservations, with_energy]


def rules_for(inputs: DecisionInputs) -> tuple[Rule, ...]:
    return _RULES_AT[inputs.reservations is not None, inputs.gate is not None]


def reason_for(inputs: DecisionInputs) -> Reason:
    """Return the reason of the first row that answers. An advisory gate has no effect (see `as_advised`)."""
    for rule in rules_for(inputs):
        reason = rule(inputs)
        if reason is not None:
            return reason
    raise AssertionError("the last row of the table always answers")


def as_advised(inputs: DecisionInputs) -> DecisionInputs:
    """Return the inputs with their advisory gate enforced if it would refuse an attempt that is allowed without it;
    otherwise return the inputs unchanged.
    """
    gate = inputs.gate
    if gate is None or not gate.is_advisory or gate.level is GateLevel.OPEN or reason_for(inputs) not in ALLOWING:
        return inputs
    enforced = replace(inputs, gate=replace(gate, is_advisory=False))
    return inputs if reason_for(enforced) in ALLOWING else enforced


def row_of_restriction(inputs: DecisionInputs) -> Reason:
    """Return the reason that the row of an energy refusal gives under managed access without a gate. It identifies the
    row, because several rows give `energy_restricted`. Rows for reservations are never among them, because freevend does
    not enforce reservations.
    """
    segment = inputs.expected._replace(mode=AccessMode.MANAGED)
    return reason_for(replace(inputs, gate=None, expected=segment, reservations=None))


def decide(inputs: DecisionInputs, timeline: Timeline) -> Decision:
    """Decide the attempt. `timeline` is the charger's timeline and covers the inputs' `at`; it limits how long the
    permission is valid.
    """
    judged = as_advised(inputs)
    reason = reason_for(judged)
    would_deny: Reason | None = None
    is_observed = inputs.enforcement is Enforcement.OBSERVE or judged is not inputs
    if reason not in ALLOWING and is_observed:
        reason, would_deny = Reason.OBSERVED, reason
    allowed = reason in ALLOWING
    vehicle = inputs.vehicle
    return Decision(
        allowed=allowed,
        reason=reason,
        access_class=AccessClass.UNKNOWN if vehicle is None else vehicle.description.access_class,
        vehicle_id=None if vehicle is None else vehicle.vehicle_id,
        agreement_id=None if vehicle is None else vehicle.description.agreement_id,
        would_deny=would_deny,
        valid_until=permission_holds_until(inputs, timeline) if allowed else None,
        reservation_id=_admitting_reservation(inputs) if reason is Reason.RESERVATION else None,
        restricted_as=row_of_restriction(inputs) if Reason.ENERGY_RESTRICTED in (reason, would_deny) else None,
    )


def explain(inputs: DecisionInputs) -> tuple[Step, ...]:
    """Return the evaluated rows in order, up to and including the one that decided. If an advisory gate would have
    refused, return the rows of that refusal.
    """
    judged = as_advised(inputs)
    steps: list[Step] = []
    for rule in rules_for(judged):
        reason = rule(judged)
        steps.append(Step(rule.__name__, reason is not None, reason))
        if reason is not None:
            break
    return tuple(steps)


def permission_holds_until(inputs: DecisionInputs, timeline: Timeline) -> datetime:
    """Return the first instant at which the same attempt could be refused, at most `PERMISSION_HORIZON` after `inputs.at`."""
    horizon = min(inputs.at + PERMISSION_HORIZON, timeline.end)
    if inputs.enforcement is Enforcement.OBSERVE:
        return horizon
    if _only_reservations_can_end_it(inputs):
        here = inputs.reservations
        return horizon if here is None else here.first_that_keeps_out(inputs.at, horizon) or horizon
    for instant in _instants_that_matter(inputs, timeline, horizon):
        if reason_for(inputs_at(instant, inputs, timeline)) not in ALLOWING:
            return instant
    return horizon


def inputs_at(instant: datetime, inputs: DecisionInputs, timeline: Timeline) -> DecisionInputs:
    """Return the inputs of the same attempt at a later instant that the timeline covers, as far as they are known now."""
    return replace(inputs, at=instant, expected=timeline.at(instant), gate=_gate_at(inputs.gate, instant))


def _instants_that_matter(inputs: DecisionInputs, timeline: Timeline, horizon: datetime) -> list[datetime]:
    """Return the ascending instants in `(inputs.at, horizon)` at which the answer of a row may change."""
    soon = takewhile(lambda segment: segment.start < horizon, timeline.transitions(inputs.at))
    instants = {segment.start for segment in soon}
    if inputs.vehicle is not None and inputs.vehicle.description.valid_until is not None:
        instants.add(inputs.vehicle.description.valid_until)
    if inputs.ad_hoc is not None:
        instants.add(inputs.ad_hoc.until)
    if inputs.reservations is not None:
        instants.update(inputs.reservations.instants())
    if inputs.gate is not None and inputs.gate.changes_at is not None:
        instants.add(inputs.gate.changes_at)
    if inputs.agreement is not None:
        if inputs.agreement.ends_at is not None:
            instants.add(inputs.agreement.ends_at)
        instants.update(inputs.agreement.hour_edges(inputs.at, horizon, inputs.zone))
    return sorted(instant for instant in instants if inputs.at < instant < horizon)


def _only_reservations_can_end_it(inputs: DecisionInputs) -> bool:
    """Whether the attempt is allowed under managed access as an own vehicle whose validity has no end: only another
    holder's reservation can refuse it later.
    """
    description = None if inputs.vehicle is None else inputs.vehicle.description
    is_required = inputs.reservations is not None and inputs.reservations.is_required
    return (
        inputs.expected.mode is AccessMode.MANAGED
        and inputs.kind_counts
        and not is_required
        and not _is_permitted(inputs)
        and description is not None
        and description.access_class is AccessClass.OWN
        and description.valid_until is None
    )


def _gate_at(gate: Gate | None, at: datetime) -> Gate | None:
    """Return the gate at `at`: from the instant at which it can change by itself, assume the narrowest level."""
    if gate is None or gate.changes_at is None or at < gate.changes_at:
        return gate
    return replace(gate, level=GateLevel.OWN_ONLY)


def _level(inputs: DecisionInputs) -> GateLevel:
    """Return the enforced level."""
    gate = inputs.gate
    return GateLevel.OPEN if gate is None or gate.is_advisory else gate.level


def _is_freevend(inputs: DecisionInputs) -> bool:
    """Whether the charger is in freevend, or would be without energy limits."""
    expected = inputs.expected
    return expected.mode is AccessMode.FREEVEND or expected.cause.kind is CauseKind.ENVELOPE


def _is_narrowed_freevend(inputs: DecisionInputs) -> bool:
    """Whether the charger would admit anyone without the gate; used after row 1."""
    return inputs.gate is not None and _is_freevend(inputs)


def _or_restricted(inputs: DecisionInputs, reason: Reason) -> Reason:
    """Return `reason`, or `energy_restricted` in a freevend window that the gate narrows: without the gate the vehicle
    would be admitted.
    """
    return Reason.ENERGY_RESTRICTED if _is_narrowed_freevend(inputs) else reason


def _is_of_the_level(inputs: DecisionInputs) -> bool:
    """Whether the gate lets the vehicle's class start."""
    access_class = AccessClass.UNKNOWN if inputs.vehicle is None else inputs.vehicle.description.access_class
    match _level(inputs):
        case GateLevel.OPEN:
            return True
        case GateLevel.OWN_AND_AGREEMENT:
            return access_class is not AccessClass.UNKNOWN
        case GateLevel.OWN_ONLY:
            return access_class is AccessClass.OWN


def _is_registered(inputs: DecisionInputs) -> bool:
    return inputs.vehicle is not None and inputs.kind_counts


def _has_a_reservation(inputs: DecisionInputs) -> bool:
    return inputs.reservations is not None and bool(inputs.reservations.of_holder)


def _admitting_reservation(inputs: DecisionInputs) -> ReservationId | None:
    entry = None if inputs.reservations is None else inputs.reservations.admitting(inputs.at)
    return None if entry is None else entry.reservation.reservation_id


def _is_permitted(inputs: DecisionInputs) -> bool:
    return inputs.ad_hoc is not None and inputs.ad_hoc.admits(inputs.at)


def _is_valid(vehicle: Vehicle, at: datetime) -> bool:
    starts, ends = vehicle.description.valid_from, vehicle.description.valid_until
    return (starts is None or starts <= at) and (ends is None or at < ends)
