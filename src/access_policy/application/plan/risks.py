"""The known risks of a reservation whose window has not begun."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from access_policy.application.plan.facts import ChargerFacts, Facts
from access_policy.domain.plurals import counted
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.reservation import Reservation
from access_policy.domain.vehicle_registry.registry import Vehicle

MAY_STILL_RUN_FOR: Final = timedelta(hours=12)  # a charge without a known end, counted from now


class ReasonCode(StrEnum):
    """Why a reservation has its status. The codes up to `VEHICLE_NOT_VALID` are risks."""

    NO_TOKEN = "no_token"  # noqa: S105  (not a secret)
    TOKEN_NOT_VALID = "token_not_valid"  # noqa: S105
    CHARGER_RETIRED = "charger_retired"
    CHARGER_FAULTED = "charger_faulted"
    CHARGER_UNREACHABLE = "charger_unreachable"
    CHARGER_NOT_IN_MODE = "charger_not_in_mode"
    GROUP_SHORT = "group_short"
    OVERRIDE_OPEN = "override_open"
    CHARGE_OVERLAPS = "charge_overlaps"
    VEHICLE_UNKNOWN = "vehicle_unknown"
    VEHICLE_SUSPENDED = "vehicle_suspended"
    VEHICLE_NOT_VALID = "vehicle_not_valid"
    NO_SHOW = "no_show"
    WINDOW_ENDED = "window_ended"
    TARGET_NOT_REACHED = "target_not_reached"
    TARGET_NOT_MEASURED = "target_not_measured"
    CANCELLED = "cancelled"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Reason:
    """`detail` is a sentence for the operator."""

    code: ReasonCode
    detail: str


def risks_of(entry: Entry, facts: Facts, now: datetime) -> tuple[Reason, ...]:
    reservation = entry.reservation
    found = [*_of_holder(reservation, facts)]
    if reservation.place.group_id is not None:
        found += _of_group(facts)
    else:
        for charger in facts.chargers.values():
            found += _of_charger(charger, reservation, now)
    return tuple(found)


def _of_holder(reservation: Reservation, facts: Facts) -> Iterator[Reason]:
    holder = reservation.holder
    if holder.withheld:
        left = (
            "so no one is admitted" if holder.admits_nobody else "so it does not admit; other tokens of the booking do"
        )
        yield Reason(ReasonCode.TOKEN_NOT_VALID, f"The partner has declared a token of the booking invalid, {left}.")
    elif holder.admits_nobody:
        yield Reason(ReasonCode.NO_TOKEN, "The booking names no token, so no one is admitted until a change names one.")
    for vehicle_id, vehicle in facts.vehicles.items():
        if vehicle is None:
            yield Reason(ReasonCode.VEHICLE_UNKNOWN, f"Vehicle {vehicle_id} is not in the registry.")
        elif vehicle.suspended_because is not None:
            why = vehicle.suspended_because
            yield Reason(ReasonCode.VEHICLE_SUSPENDED, f"Vehicle {vehicle_id} is suspended: {why}")
        elif not _is_valid(vehicle, reservation.start):
            yield Reason(ReasonCode.VEHICLE_NOT_VALID, f"Vehicle {vehicle_id} is not valid when the window begins.")


def _is_valid(vehicle: Vehicle, at: datetime) -> bool:
    since, until = vehicle.description.valid_from, vehicle.description.valid_until
    return (since is None or since <= at) and (until is None or at < until)


def _of_group(facts: Facts) -> Iterator[Reason]:
    usable = sum(each.is_usable for each in facts.chargers.values())
    if usable < facts.promised:
        yield Reason(
            ReasonCode.GROUP_SHORT,
            f"The group promises {counted(facts.promised, 'charger')} when the window begins, and {usable} of its "
            f"{len(facts.chargers)} can be used now.",
        )


def _of_charger(charger: ChargerFacts, reservation: Reservation, now: datetime) -> Iterator[Reason]:
    name = f"Charger {charger.charger_id}"
    if charger.is_retired:
        yield Reason(ReasonCode.CHARGER_RETIRED, f"{name} is not in service at this depot.")
        return
    if charger.is_faulted:
        yield Reason(ReasonCode.CHARGER_FAULTED, f"{name} reports a fault.")
    if not charger.is_reachable:
        yield Reason(ReasonCode.CHARGER_UNREACHABLE, f"{name} is not connected.")
    if not charger.is_in_mode:
        yield Reason(ReasonCode.CHARGER_NOT_IN_MODE, f"{name} is not in its expected mode.")
    for each in charger.openings:
        if each.starts_at < reservation.end and reservation.begins < each.ends_at:
            yield Reason(
                ReasonCode.OVERRIDE_OPEN,
                f"An override opens charger {charger.charger_id} to everyone until "
                f"{each.ends_at:%Y-%m-%dT%H:%MZ}: {each.reason}",
            )
    if charger.lets_finish and reservation.begins - now <= MAY_STILL_RUN_FOR:
        for charge in charger.running:
            if not charge.is_by(reservation.holder):
                yield Reason(
                    ReasonCode.CHARGE_OVERLAPS,
                    f"A charge of another vehicle is running at {charger.charger_id} and may continue.",
                )
