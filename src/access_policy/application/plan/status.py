"""The status of a reservation: one pure function for every list, page, file and report (status contract of the plan).

Only a future reservation can be at risk: once the window has begun, or the holder has arrived, the status says what
happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from access_policy.application.plan.facts import Charge, Facts
from access_policy.application.plan.risks import Reason, ReasonCode, risks_of
from access_policy.domain.reservations.entry import Entry, Outcome
from access_policy.domain.reservations.reservation import Assignment


class PlanStatus(StrEnum):
    PLANNED = "planned"
    AT_RISK = "at_risk"
    DUE = "due"
    CHARGING = "charging"
    READY = "ready"
    SHORT = "short"
    DONE = "done"
    MISSED = "missed"
    REPLACED = "replaced"
    CANCELLED = "cancelled"


class BasedOn(StrEnum):
    RESERVATION = "reservation"
    CHARGERS = "chargers"
    CHARGE = "charge"


@dataclass(frozen=True, slots=True)
class Basis:
    """Data on which the status is based, as known at `at`; None: never reported."""

    what: BasedOn
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Expanded:
    status: PlanStatus
    reasons: tuple[Reason, ...]
    charge: Charge | None
    based_on: tuple[Basis, ...]


def expanded(entry: Entry, facts: Facts, now: datetime) -> Expanded:
    """Return the status of the entry at `now`."""
    charge = facts.charge or _running_charge(entry, facts)
    status, reasons = _status(entry, facts, charge, now)
    return Expanded(status, reasons, charge, _based_on(entry, facts, status, charge, now))


def _status(entry: Entry, facts: Facts, charge: Charge | None, now: datetime) -> tuple[PlanStatus, tuple[Reason, ...]]:
    if entry.outcome is Outcome.CANCELLED:
        return _cancelled(entry)
    if entry.fulfilled_at is not None or charge is not None:
        return _of_charge(entry, charge)
    if entry.is_over(now):
        return PlanStatus.MISSED, (_missed(entry),)
    if entry.reservation.start <= now:
        return PlanStatus.DUE, ()
    risks = risks_of(entry, facts, now)
    return (PlanStatus.AT_RISK, risks) if risks else (PlanStatus.PLANNED, ())


def _running_charge(entry: Entry, facts: Facts) -> Charge | None:
    """Return the holder's charge at the place if its start has not been recorded with the reservation yet."""
    if entry.outcome is not None:
        return None
    holder, begins, end = entry.reservation.holder, entry.begins, entry.reservation.end
    charges = (each for charger in facts.chargers.values() for each in charger.running)
    return next((each for each in charges if each.is_by(holder) and begins <= each.started_at < end), None)


def _cancelled(entry: Entry) -> tuple[PlanStatus, tuple[Reason, ...]]:
    if entry.replaced_by is not None:
        detail = f"Replaced by {entry.replaced_by}: {entry.reason}"
        return PlanStatus.REPLACED, (Reason(ReasonCode.REPLACED, detail),)
    return PlanStatus.CANCELLED, (Reason(ReasonCode.CANCELLED, entry.reason),)


def _missed(entry: Entry) -> Reason:
    if entry.outcome is Outcome.NO_SHOW or (entry.lost_at is not None and entry.lost_at < entry.reservation.end):
        return Reason(ReasonCode.NO_SHOW, "The holder did not arrive in time, and the reservation was lost.")
    return Reason(ReasonCode.WINDOW_ENDED, "The window ended without a charge of the holder.")


def _of_charge(entry: Entry, charge: Charge | None) -> tuple[PlanStatus, tuple[Reason, ...]]:
    is_running = charge.ended_at is None if charge is not None else entry.outcome is None or entry.charges_on
    needed = entry.reservation.assignment
    if needed is None or (needed.needed_kwh is None and needed.needed_soc is None):
        return (PlanStatus.CHARGING, ()) if is_running else (PlanStatus.DONE, ())
    reached = _is_reached(needed, charge)
    if reached:
        return PlanStatus.READY, ()
    if is_running:
        return PlanStatus.CHARGING, ()
    if reached is None:
        detail = "The charger did not report how much was charged, so it is not known whether it was enough."
        return PlanStatus.DONE, (Reason(ReasonCode.TARGET_NOT_MEASURED, detail),)
    return PlanStatus.SHORT, (Reason(ReasonCode.TARGET_NOT_REACHED, _shortfall(needed, charge)),)


def _is_reached(needed: Assignment, charge: Charge | None) -> bool | None:
    """Return whether a target is reached; None if no needed value was reported. If both targets are set, reaching
    either is enough."""
    if charge is None:
        return None
    pairs = ((needed.needed_kwh, charge.energy_kwh), (needed.needed_soc, charge.soc))
    known = [has >= wanted for wanted, has in pairs if wanted is not None and has is not None]
    return any(known) if known else None


def _shortfall(needed: Assignment, charge: Charge | None) -> str:
    assert charge is not None, "without a charge nothing was measured"
    if needed.needed_kwh is not None and charge.energy_kwh is not None:
        return f"{charge.energy_kwh:g} of {needed.needed_kwh:g} kWh were charged."
    return f"The vehicle left with {charge.soc:g} % of the needed {needed.needed_soc:g} %."


def _based_on(
    entry: Entry, facts: Facts, status: PlanStatus, charge: Charge | None, now: datetime
) -> tuple[Basis, ...]:
    recorded = Basis(BasedOn.RESERVATION, entry.over_at or entry.fulfilled_at or entry.made_at)
    if charge is not None:
        return recorded, Basis(BasedOn.CHARGE, charge.measured_at or charge.ended_at or charge.started_at)
    if status in (PlanStatus.PLANNED, PlanStatus.AT_RISK, PlanStatus.DUE):
        known = [each.known_at for each in facts.chargers.values()]
        never = not known or any(at is None for at in known)
        return recorded, Basis(BasedOn.CHARGERS, None if never else min(at for at in known if at is not None))
    return (recorded,)
