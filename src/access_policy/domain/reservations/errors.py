"""Refusals of commands on a depot's reservations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from access_policy.domain.errors import Conflict, Invalid, Unknown
from access_policy.domain.ids import ID_LENGTH_MAX, ReservationId


class ReservationInvalid(Invalid):
    code = "reservation-invalid"


class ReservationUnknown(Unknown):
    code = "reservation-not-found"

    @classmethod
    def named(cls, reservation_id: str) -> Self:
        """Return the refusal of a command that names this reservation."""
        return cls(f"There is no reservation {reservation_id[:ID_LENGTH_MAX]}.")


class ReservationIdTaken(Conflict):
    code = "reservation-id-taken"


class ReservationOver(Conflict):
    """The reservation was cancelled or is over and cannot be revived."""

    code = "reservation-over"


class TooLateToChange(Conflict):
    code = "reservation-too-late"


class TooManyReservations(Conflict):
    code = "too-many-reservations"


class GroupUnknown(Unknown):
    code = "reservation-group-not-found"


class GroupInvalid(Invalid):
    code = "reservation-group-invalid"


class TooManyGroups(Conflict):
    code = "too-many-reservation-groups"


class PromisedAlready(Conflict):
    """The place is already promised. `conflicting` are the reservations with the promise, ordered by start; the detail
    names only a few of them.
    """

    def __init__(self, detail: str, conflicting: Iterable[ReservationId], *, pointer: str | None = None) -> None:
        super().__init__(detail, pointer=pointer)
        self.conflicting = tuple(conflicting)


class ChargerReserved(PromisedAlready):
    code = "charger-already-reserved"


class GroupFull(PromisedAlready):
    code = "group-full"
