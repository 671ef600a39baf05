"""The trace of a recorded decision: the rows of the table in order, up to the row that decided.

The first row that answers decides, so the reason and the class determine the whole trace: it needs no earlier state and
shows what happened. Rows for reservations and energy appear only for depots that have them. Several rows refuse because of
energy: `restricted_as` names the one that did.
"""

from __future__ import annotations

from access_policy.domain.access import decision as rows
from access_policy.domain.access.decision import Rule, Step, rules_at
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access.refusals import Decided, row_of
from access_policy.domain.vehicle_registry.events import AccessClass

_ROW_OF: dict[Reason, Rule] = {
    Reason.FREEVEND: rows.freevend_admits_anyone,
    Reason.IDENTIFIER_INVALID: rows.identifier_must_be_readable,
    Reason.PIN_LOCKED_OUT: rows.pin_must_not_be_locked_out,
    Reason.UNKNOWN_IDENTIFIER: rows.identifier_must_be_known,
    Reason.VEHICLE_SUSPENDED: rows.vehicle_must_not_be_suspended,
    Reason.IDENTIFIER_IN_USE: rows.identifier_must_not_charge_at_another,
    Reason.RESERVATION: rows.reservation_admits,
    Reason.RESERVED_FOR_OTHER: rows.charger_must_not_be_reserved_for_another,
    Reason.RESERVATION_REQUIRED: rows.reservation_must_be_in_force,
    Reason.RESERVATION_NOT_STARTED: rows.reservation_must_be_in_force,
    Reason.RESERVATION_ENDED: rows.reservation_must_be_in_force,
    Reason.AD_HOC: rows.ad_hoc_permission_admits,
    Reason.OWN_VEHICLE: rows.own_vehicle_charges_while_valid,
    Reason.AGREEMENT_NOT_STARTED: rows.agreement_must_have_started,
    Reason.AGREEMENT_ENDED: rows.agreement_must_not_have_ended,
    Reason.AGREEMENT_NOT_HERE: rows.agreement_must_cover_this_charger,
    Reason.AGREEMENT_NOT_NOW: rows.agreement_must_cover_this_hour,
    Reason.AGREEMENT_VEHICLE: rows.agreement_vehicle_charges,
}


def trace(decided: Decided) -> tuple[Step, ...]:
    """Return the evaluated rows; under `observe`, the rows of the denial that was suppressed."""
    lineage = decided.lineage
    rules = rules_at(with_reservations=lineage.reservations_version is not None, with_energy=lineage.gate is not None)
    return trace_of(row_of(decided), lineage.access_class, rules, lineage.restricted_as)


def trace_of(
    reason: Reason, access_class: AccessClass, rules: tuple[Rule, ...], restricted_as: Reason | None = None
) -> tuple[Step, ...]:
    """Return the rows up to the one with `reason`. `restricted_as` belongs to `energy_restricted`. Raises `KeyError` for
    `observed`, which no row answers.
    """
    deciding = _restricting_row(restricted_as, access_class) or _deciding_row(reason, access_class)
    passed = rules[: rules.index(deciding)]
    return (*(Step(rule.__name__, False, None) for rule in passed), Step(deciding.__name__, True, reason))


def _restricting_row(restricted_as: Reason | None, access_class: AccessClass) -> Rule | None:
    match restricted_as:
        case None:
            return None
        case Reason.AD_HOC:
            return rows.energy_must_leave_room_for_the_permission
        case Reason.AGREEMENT_VEHICLE:
            return rows.energy_must_leave_room_for_agreements
        case _:
            return _deciding_row(restricted_as, access_class)


def _deciding_row(reason: Reason, access_class: AccessClass) -> Rule:
    if reason is Reason.VEHICLE_NOT_VALID:
        own = access_class is AccessClass.OWN
        return rows.own_vehicle_charges_while_valid if own else rows.agreement_vehicle_must_be_valid
    return _ROW_OF[reason]
