"""The decision table of design.md 3.3, row by row: a total, pure function of its inputs.

`RULES` lists the rows in order; the first row that answers decides. An attempt that cannot be decided raises an
exception and is never a denial: no rule catches anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from access_policy.domain.access.reasons import ALLOWING, Reason
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import AgreementId, ChargerId, DepotId, VehicleId
from access_policy.domain.mode_schedule.timeline import Segment, Timeline
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.domain.vehicle_registry.registry import Vehicle

PERMISSION_HORIZON = timedelta(hours=24)  # no permission is promised further ahead


@dataclass(slots=True, kw_only=True)
class DecisionInputs:
    """Everything that a decision depends on. `identifier` is None when none was presented or it is malformed for its
    kind.

    `zone` is the zone of the charger's depot. `agreement` is the vehicle's, if it has one. `kind_counts`: an
    identifier of this kind identifies a vehicle here, for this depot and this agreement.
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
    in_use_elsewhere: bool = False


@dataclass(slots=True, kw_only=True)  # not frozen: one is made for every attempt, and freezing triples the cost
class Decision:
    """`would_deny` is given under `observe` only. `valid_until`: see `permission_holds_until`; None on a denial."""

    allowed: bool
    reason: Reason
    access_class: AccessClass
    vehicle_id: VehicleId | None
    agreement_id: AgreementId | None
    would_deny: Reason | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One row of an explanation: the row's name, whether it decided, and the reason it gave if it did."""

    rule: str
    decided: bool
    reason: Reason | None


Rule = Callable[[DecisionInputs], Reason | None]


def freevend_admits_anyone(facts: DecisionInputs) -> Reason | None:
    return Reason.FREEVEND if facts.expected.mode is AccessMode.FREEVEND else None


def identifier_must_be_readable(facts: DecisionInputs) -> Reason | None:
    return Reason.IDENTIFIER_INVALID if facts.identifier is None else None


def pin_must_not_be_locked_out(facts: DecisionInputs) -> Reason | None:
    is_pin = facts.identifier is not None and facts.identifier.kind is IdentifierKind.PIN
    return Reason.PIN_LOCKED_OUT if is_pin and facts.pin_locked_out else None


def identifier_must_be_known(facts: DecisionInputs) -> Reason | None:
    return Reason.UNKNOWN_IDENTIFIER if facts.vehicle is None or not facts.kind_counts else None


def vehicle_must_not_be_suspended(facts: DecisionInputs) -> Reason | None:
    suspended = facts.vehicle is not None and facts.vehicle.suspended_because is not None
    return Reason.VEHICLE_SUSPENDED if suspended else None


def identifier_must_not_charge_elsewhere(facts: DecisionInputs) -> Reason | None:
    return Reason.IDENTIFIER_IN_USE if facts.in_use_elsewhere else None


def own_vehicle_charges_while_valid(facts: DecisionInputs) -> Reason | None:
    if facts.vehicle is None or facts.vehicle.description.access_class is not AccessClass.OWN:
        return None
    return Reason.OWN_VEHICLE if _is_valid(facts.vehicle, facts.at) else Reason.VEHICLE_NOT_VALID


def agreement_vehicle_must_be_valid(facts: DecisionInputs) -> Reason | None:
    return None if facts.vehicle is not None and _is_valid(facts.vehicle, facts.at) else Reason.VEHICLE_NOT_VALID


def agreement_must_have_started(facts: DecisionInputs) -> Reason | None:
    started = facts.agreement is not None and facts.agreement.valid_from <= facts.at
    return None if started else Reason.AGREEMENT_NOT_STARTED


def agreement_must_not_have_ended(facts: DecisionInputs) -> Reason | None:
    ends_at = facts.agreement.ends_at if facts.agreement is not None else None
    return Reason.AGREEMENT_ENDED if ends_at is not None and ends_at <= facts.at else None


def agreement_must_cover_this_charger(facts: DecisionInputs) -> Reason | None:
    covered = facts.agreement is not None and facts.agreement.covers_place(facts.charger_id, facts.depot_id)
    return None if covered else Reason.AGREEMENT_NOT_HERE


def agreement_must_cover_this_hour(facts: DecisionInputs) -> Reason | None:
    covered = facts.agreement is not None and facts.agreement.covers_hour(facts.at, facts.zone)
    return None if covered else Reason.AGREEMENT_NOT_NOW


def agreement_vehicle_charges(facts: DecisionInputs) -> Reason | None:
    return Reason.AGREEMENT_VEHICLE


RULES: tuple[Rule, ...] = (
    freevend_admits_anyone,
    identifier_must_be_readable,
    pin_must_not_be_locked_out,
    identifier_must_be_known,
    vehicle_must_not_be_suspended,
    identifier_must_not_charge_elsewhere,
    own_vehicle_charges_while_valid,
    agreement_vehicle_must_be_valid,
    agreement_must_have_started,
    agreement_must_not_have_ended,
    agreement_must_cover_this_charger,
    agreement_must_cover_this_hour,
    agreement_vehicle_charges,
)


def reason_for(facts: DecisionInputs) -> Reason:
    """The reason of the first row that answers."""
    for rule in RULES:
        reason = rule(facts)
        if reason is not None:
            return reason
    raise AssertionError("the last row of the table always answers")


def decide(facts: DecisionInputs, timeline: Timeline) -> Decision:
    """Make exactly one decision. `timeline` is the charger's and covers the inputs' `at`; it limits how long the
    permission is valid.
    """
    reason = reason_for(facts)
    would_deny: Reason | None = None
    if reason not in ALLOWING and facts.enforcement is Enforcement.OBSERVE:
        reason, would_deny = Reason.OBSERVED, reason
    allowed = reason in ALLOWING
    vehicle = facts.vehicle
    return Decision(
        allowed=allowed,
        reason=reason,
        access_class=AccessClass.UNKNOWN if vehicle is None else vehicle.description.access_class,
        vehicle_id=None if vehicle is None else vehicle.vehicle_id,
        agreement_id=None if vehicle is None else vehicle.description.agreement_id,
        would_deny=would_deny,
        valid_until=permission_holds_until(facts, timeline) if allowed else None,
    )


def explain(facts: DecisionInputs) -> tuple[Step, ...]:
    """The rows that were gone through, in order, up to and including the one that decided."""
    steps: list[Step] = []
    for rule in RULES:
        reason = rule(facts)
        steps.append(Step(rule.__name__, reason is not None, reason))
        if reason is not None:
            break
    return tuple(steps)


def permission_holds_until(facts: DecisionInputs, timeline: Timeline) -> datetime:
    """The first instant at which the same attempt could be refused, at most `PERMISSION_HORIZON` after `facts.at`."""
    horizon = min(facts.at + PERMISSION_HORIZON, timeline.end)
    if facts.enforcement is Enforcement.OBSERVE or _holds_at_all_times(facts):
        return horizon
    for instant in _instants_that_matter(facts, timeline, horizon):
        then = replace(facts, at=instant, expected=timeline.at(instant))
        if reason_for(then) not in ALLOWING:
            return instant
    return horizon


def _instants_that_matter(facts: DecisionInputs, timeline: Timeline, horizon: datetime) -> list[datetime]:
    """Ascending instants in `(facts.at, horizon)` at which one of the rows may begin to answer otherwise."""
    soon = takewhile(lambda segment: segment.start < horizon, timeline.transitions(facts.at))
    instants = {segment.start for segment in soon}
    if facts.vehicle is not None and facts.vehicle.description.valid_until is not None:
        instants.add(facts.vehicle.description.valid_until)
    if facts.agreement is not None:
        if facts.agreement.ends_at is not None:
            instants.add(facts.agreement.ends_at)
        instants.update(facts.agreement.hour_edges(facts.at, horizon, facts.zone))
    return sorted(instant for instant in instants if facts.at < instant < horizon)


def _holds_at_all_times(facts: DecisionInputs) -> bool:
    """Allowed under managed access as an own vehicle without an end: no instant brings a row that refuses it."""
    description = None if facts.vehicle is None else facts.vehicle.description
    return (
        facts.expected.mode is AccessMode.MANAGED
        and description is not None
        and description.access_class is AccessClass.OWN
        and description.valid_until is None
    )


def _is_valid(vehicle: Vehicle, at: datetime) -> bool:
    starts, ends = vehicle.description.valid_from, vehicle.description.valid_until
    return (starts is None or starts <= at) and (ends is None or at < ends)
