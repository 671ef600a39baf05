"""Bodies of requests and responses about reservations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.application.plan.facts import Charge
from access_policy.application.plan.reader import PlanRow
from access_policy.application.plan.risks import ReasonCode
from access_policy.application.plan.status import BasedOn, Basis, PlanStatus
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ChargerId, ReservationGroupId, VehicleId
from access_policy.domain.reservations import reservation as reservations
from access_policy.domain.reservations.reservation import Place, ReservationSource
from access_policy.domain.reservations.terms import MINUTES_MAX, ReservationTerms
from access_policy.entrypoints.http.fields import (
    IdentifierBody,
    Instant,
    RequestModel,
    ResponseModel,
    Text,
    UtcInstant,
    Version,
)

Minutes = Annotated[int, Field(strict=True, ge=0, le=MINUTES_MAX)]


class HolderBody(RequestModel):
    """A vehicle of the registry, identifiers, or both. `identifiers` null: keep the reservation's identifiers."""

    vehicle_id: Text | None = None
    identifiers: Annotated[list[IdentifierBody], Field(max_length=200)] | None = Field(default=[])


class TermsBody(RequestModel):
    """Terms that differ from the depot's, or in a change, from the reservation's. `late_stop_min` null: the reservation
    ends with its window; `no_show_after_min` null: the reservation is never lost."""

    early_start_min: Minutes = 0
    late_stop_min: Minutes | None = None
    no_show_after_min: Minutes | None = None
    release_on_stop: Annotated[bool, Field(strict=True)] = True

    def named(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


class AssignmentBody(RequestModel):
    """The block of work that the reservation serves. `needed_soc` in percent."""

    assignment_id: Text | None = None
    block_id: Text | None = None
    departure: Instant | None = None
    needed_kwh: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)] | None = None
    needed_soc: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] | None = None

    def assignment(self) -> reservations.Assignment:
        return reservations.Assignment(**dict(self))


class ReservationBody(RequestModel):
    """Either `charger_id` or `group_id`. The window `[start, end)` is a range of instants: a clock change does not make
    it longer or shorter."""

    charger_id: Text | None = None
    connector_id: Annotated[int, Field(strict=True)] | None = None
    group_id: Text | None = None
    holder: HolderBody
    start: Instant
    end: Instant
    terms: TermsBody | None = None
    assignment: AssignmentBody | None = None
    note: Text = ""

    def draft(self) -> ReservationDraft:
        identifiers = self.holder.identifiers
        return ReservationDraft(
            place=Place(
                charger_id=None if self.charger_id is None else ChargerId(self.charger_id),
                connector_id=self.connector_id,
                group_id=None if self.group_id is None else ReservationGroupId(self.group_id),
            ),
            start=self.start,
            end=self.end,
            source=ReservationSource.MANUAL,
            vehicle_id=None if self.holder.vehicle_id is None else VehicleId(self.holder.vehicle_id),
            identifiers=None if identifiers is None else [(each.kind, each.value) for each in identifiers],
            terms={} if self.terms is None else self.terms.named(),
            assignment=None if self.assignment is None else self.assignment.assignment(),
            note=self.note,
        )


class NewReservationBody(ReservationBody):
    depot_id: Text
    reservation_id: Text | None = None


class HolderIdentifierShown(ResponseModel):
    kind: IdentifierKind
    masked: str

    @classmethod
    def of(cls, held: reservations.HolderIdentifier) -> HolderIdentifierShown:
        return cls(kind=held.ref.kind, masked=held.ref.masked)


class HolderShown(ResponseModel):
    """The holder. `withheld`: tokens that the partner has declared invalid; until it declares them valid again, they
    are not accepted."""

    vehicle_id: str | None
    identifiers: list[HolderIdentifierShown]
    withheld: list[HolderIdentifierShown]

    @classmethod
    def of(cls, holder: reservations.Holder) -> HolderShown:
        return cls(
            vehicle_id=holder.vehicle_id,
            identifiers=[HolderIdentifierShown.of(each) for each in holder.identifiers],
            withheld=[HolderIdentifierShown.of(each) for each in holder.withheld],
        )


class TermsShown(ResponseModel):
    early_start_min: int
    late_stop_min: int | None
    no_show_after_min: int | None
    release_on_stop: bool

    @classmethod
    def of(cls, terms: ReservationTerms) -> TermsShown:
        return cls(**{name: getattr(terms, name) for name in cls.model_fields})


class AssignmentShown(ResponseModel):
    assignment_id: str | None
    block_id: str | None
    departure: UtcInstant | None
    needed_kwh: float | None
    needed_soc: float | None

    @classmethod
    def of(cls, assignment: reservations.Assignment) -> AssignmentShown:
        return cls(**{name: getattr(assignment, name) for name in cls.model_fields})


class ReasonShown(ResponseModel):
    code: ReasonCode
    detail: str


class ChargeShown(ResponseModel):
    """The holder's charge. `energy_kwh` and `soc` (percent) as read at `measured_at`, `age_s` seconds ago; null if the
    charger has not reported them to the responding process."""

    attempt_id: str
    charger_id: str
    started_at: UtcInstant
    ended_at: UtcInstant | None
    energy_kwh: float | None
    soc: float | None
    measured_at: UtcInstant | None
    age_s: int | None

    @classmethod
    def of(cls, charge: Charge, now: datetime) -> ChargeShown:
        return cls(
            attempt_id=charge.attempt_id,
            charger_id=charge.charger_id,
            started_at=charge.started_at,
            ended_at=charge.ended_at,
            energy_kwh=charge.energy_kwh,
            soc=charge.soc,
            measured_at=charge.measured_at,
            age_s=age_s(charge.measured_at, now),
        )


class BasisShown(ResponseModel):
    """Data that the status is based on, as known at `at`, `age_s` seconds ago; null: never reported."""

    what: BasedOn
    at: UtcInstant | None
    age_s: int | None

    @classmethod
    def of(cls, basis: Basis, now: datetime) -> BasisShown:
        return cls(what=basis.what, at=basis.at, age_s=age_s(basis.at, now))


def age_s(at: datetime | None, now: datetime) -> int | None:
    return None if at is None else max(0, round((now - at).total_seconds()))


class Reservation(ResponseModel):
    """A reservation. `status` is the present status; only a reservation whose window has not begun can be `at_risk`.
    `based_on` names the data behind the status and its age. `lasts_min` is the elapsed time between `start` and `end`.
    `ad_hoc`: made or changed by hand after the plan of its day had been applied."""

    reservation_id: str
    depot_id: str
    charger_id: str | None
    connector_id: int | None
    group_id: str | None
    holder: HolderShown
    start: UtcInstant
    end: UtcInstant
    lasts_min: float
    terms: TermsShown
    source: ReservationSource
    assignment: AssignmentShown | None
    note: str
    ad_hoc: bool
    made_at: UtcInstant
    fulfilled_at: UtcInstant | None
    over_at: UtcInstant | None
    replaced_by: str | None
    status: PlanStatus
    reasons: list[ReasonShown]
    charge: ChargeShown | None
    based_on: list[BasisShown]
    version: Version

    @classmethod
    def of(cls, row: PlanRow, now: datetime) -> Reservation:
        depot_id, entry, expanded = row.depot_id, row.entry, row.expanded
        reservation, charge = entry.reservation, expanded.charge
        place, assignment = reservation.place, reservation.assignment
        return cls(
            reservation_id=reservation.reservation_id,
            depot_id=depot_id,
            charger_id=place.charger_id,
            connector_id=place.connector_id,
            group_id=place.group_id,
            holder=HolderShown.of(reservation.holder),
            start=reservation.start,
            end=reservation.end,
            lasts_min=round((reservation.end - reservation.start).total_seconds() / 60, 2),
            terms=TermsShown.of(reservation.terms),
            source=reservation.source,
            assignment=None if assignment is None else AssignmentShown.of(assignment),
            note=reservation.note,
            ad_hoc=reservation.is_ad_hoc,
            made_at=entry.made_at,
            fulfilled_at=entry.fulfilled_at or (None if charge is None else charge.started_at),
            over_at=entry.over_at,
            replaced_by=entry.replaced_by,
            status=expanded.status,
            reasons=[ReasonShown(code=each.code, detail=each.detail) for each in expanded.reasons],
            charge=None if charge is None else ChargeShown.of(charge, now),
            based_on=[BasisShown.of(each, now) for each in expanded.based_on],
            version=entry.changed_at,
        )
