"""A reservation: a holder's right to a charger, or to one of a group, for a window."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import (
    ChargerId,
    ReservationGroupId,
    ReservationId,
    VehicleId,
    checked_id,
    checked_name,
    checked_new_id,
)
from access_policy.domain.instants import utc
from access_policy.domain.reservations.errors import GroupInvalid, ReservationInvalid
from access_policy.domain.reservations.terms import ReservationTerms

RESERVED_IDS = frozenset({"export", "imports"})  # GET /v1/reservations/export, /v1/reservations/imports/PLAN
IDENTIFIERS_MAX = 20
NOTE_LENGTH_MAX = 500
CHARGERS_MAX = 500  # of a group
CONNECTOR_MAX = 99


class ReservationSource(StrEnum):
    OCPI = "ocpi"
    EVENT = "event"
    DISPATCH = "dispatch"
    MANUAL = "manual"

    @property
    def is_a_partners(self) -> bool:
        return self in (ReservationSource.OCPI, ReservationSource.EVENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderIdentifier:
    """`sealed` is the value, encrypted with the reservation's own key (crypto-shredding, ADR 0007)."""

    ref: IdentifierRef
    sealed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A vehicle of the registry, identifiers, or both; a holder with neither is never admitted. `withheld`: tokens that
    the booking names and that its partner has declared invalid; they are not accepted until the partner declares them
    valid.
    """

    vehicle_id: VehicleId | None = None
    identifiers: tuple[HolderIdentifier, ...] = ()
    withheld: tuple[HolderIdentifier, ...] = ()

    @property
    def admits_nobody(self) -> bool:
        return self.vehicle_id is None and not self.identifiers

    @property
    def named(self) -> tuple[HolderIdentifier, ...]:
        """All identifiers, including withheld ones."""
        return (*self.identifiers, *self.withheld)

    def withholding(self, refs: Collection[IdentifierRef]) -> Holder:
        """Return the same holder with exactly these identifiers withheld."""
        admitting = tuple(each for each in self.named if each.ref not in refs)
        return replace(self, identifiers=admitting, withheld=tuple(each for each in self.named if each.ref in refs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A charger, one of its connectors, or any free charger of a group."""

    charger_id: ChargerId | None = None
    connector_id: int | None = None
    group_id: ReservationGroupId | None = None

    def check(self) -> None:
        """Raises `ReservationInvalid`, or `InvalidId`."""
        if (self.charger_id is None) == (self.group_id is None):
            raise ReservationInvalid("Give either charger_id or group_id.", pointer="/charger_id")
        if self.connector_id is not None and self.charger_id is None:
            raise ReservationInvalid(
                "A connector belongs to a charger; leave connector_id out for a group.", pointer="/connector_id"
            )
        if self.connector_id is not None and not 1 <= self.connector_id <= CONNECTOR_MAX:
            raise ReservationInvalid(f"connector_id must be between 1 and {CONNECTOR_MAX}.", pointer="/connector_id")
        if self.charger_id is not None:
            checked_id(self.charger_id, "charger_id")

    def shares_a_connector_with(self, other: Place) -> bool:
        """Whether both name the same charger, and not two different connectors of it."""
        return (
            self.charger_id is not None
            and self.charger_id == other.charger_id
            and (self.connector_id is None or other.connector_id in (None, self.connector_id))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRequest:
    """A partner's request; its id is the same for all changes of a booking. Of two versions the higher one counts."""

    party: str
    request_id: str
    version: int

    @property
    def key(self) -> tuple[str, str]:
        return self.party, self.request_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The block of work that a reservation serves. `needed_soc` in percent."""

    assignment_id: str | None = None
    block_id: str | None = None
    departure: datetime | None = None
    needed_kwh: float | None = None
    needed_soc: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The holder's right to the place in the window `[start, end)`, UTC. `request` identifies a partner's booking.
    `is_ad_hoc`: made or changed by hand after the plan of its day had been applied."""

    reservation_id: ReservationId
    holder: Holder
    place: Place
    start: datetime
    end: datetime
    source: ReservationSource
    terms: ReservationTerms = field(default_factory=ReservationTerms)
    request: PartnerRequest | None = None
    assignment: Assignment | None = None
    note: str = ""
    is_ad_hoc: bool = False

    @property
    def begins(self) -> datetime:
        """The instant from which the holder may start and others may not."""
        return self.start - self.terms.early_start if self.terms.early_start_min else self.start

    @property
    def clears(self) -> datetime:
        """The instant from which the place is free for the next promise."""
        return self.end + self.terms.late_stop if self.terms.late_stop_min else self.end

    def check(self) -> None:
        """Raises `ReservationInvalid`, `InvalidId` or an error of instants."""
        checked_new_id(self.reservation_id, "reservation_id", reserved=RESERVED_IDS)
        self.place.check()
        utc(self.start, "start")
        utc(self.end, "end")
        self.terms.check()
        self.terms.check_window(self.start, self.end)
        if self.note:
            checked_name(self.note, "note", length_max=NOTE_LENGTH_MAX)
        if len(self.holder.named) > IDENTIFIERS_MAX:
            raise ReservationInvalid(
                f"A holder has at most {IDENTIFIERS_MAX} identifiers.", pointer="/holder/identifiers"
            )
        if self.holder.admits_nobody and not self.source.is_a_partners:
            raise ReservationInvalid(
                "The holder has neither a vehicle nor an identifier, so nobody could charge; give one of them.",
                pointer="/holder",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationGroup:
    """A set of chargers of one depot, any free one of which satisfies a reservation of the group."""

    group_id: ReservationGroupId
    name: str
    charger_ids: frozenset[ChargerId]

    def check(self) -> None:
        """Raises `GroupInvalid`, `InvalidId` or `InvalidName`."""
        checked_new_id(self.group_id, "group_id")
        checked_name(self.name)
        if not self.charger_ids:
            raise GroupInvalid(
                "A group without chargers can keep no promise; name its chargers.", pointer="/charger_ids"
            )
        if len(self.charger_ids) > CHARGERS_MAX:
            raise GroupInvalid(f"A group has at most {CHARGERS_MAX} chargers.", pointer="/charger_ids")
        for charger_id in self.charger_ids:
            checked_id(charger_id, "charger_ids")
