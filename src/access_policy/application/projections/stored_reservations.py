"""Entries read back from the read model after the book has forgotten them."""

from __future__ import annotations

from access_policy.application.ports.views import Row
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import ChargerId, ReservationGroupId, ReservationId, VehicleId
from access_policy.domain.reservations.entry import Entry, Outcome
from access_policy.domain.reservations.reservation import (
    Assignment,
    Holder,
    HolderIdentifier,
    PartnerRequest,
    Place,
    Reservation,
    ReservationSource,
)
from access_policy.domain.reservations.terms import ReservationTerms


def entry_of(row: Row) -> Entry:
    """Return the entry as the book had it, without the sealed values and the conflicts."""
    return Entry(
        reservation=_reservation(row),
        made_at=row["made_at"],
        changed_at=row["version"],
        fulfilled_at=row["fulfilled_at"],
        charger_id=None if row["used_charger_id"] is None else ChargerId(row["used_charger_id"]),
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        over_at=row["over_at"],
        charges_on=bool(row["charges_on"]),
        reason=row["reason"] or "",
        replaced_by=None if row["replaced_by"] is None else ReservationId(row["replaced_by"]),
    )


def _reservation(row: Row) -> Reservation:
    return Reservation(
        reservation_id=ReservationId(row["reservation_id"]),
        holder=_holder(row),
        place=Place(
            charger_id=None if row["charger_id"] is None else ChargerId(row["charger_id"]),
            connector_id=row["connector_id"],
            group_id=None if row["group_id"] is None else ReservationGroupId(row["group_id"]),
        ),
        start=row["starts_at"],
        end=row["ends_at"],
        source=ReservationSource(row["source"]),
        terms=ReservationTerms(**row["terms"]),
        request=_request(row),
        assignment=_assignment(row),
        note=row["note"] or "",
        is_ad_hoc=bool(row["is_ad_hoc"]),
    )


def _holder(row: Row) -> Holder:
    refs = [
        IdentifierRef(kind=IdentifierKind(each["kind"]), pseudonym=each["pseudonym"], masked=each["masked"])
        for each in row["identifiers"]
    ]
    withheld = {ref for ref, each in zip(refs, row["identifiers"], strict=True) if each.get("withheld")}
    vehicle_id = None if row["vehicle_id"] is None else VehicleId(row["vehicle_id"])
    holder = Holder(vehicle_id=vehicle_id, identifiers=tuple(HolderIdentifier(ref=ref, sealed="") for ref in refs))
    return holder.withholding(withheld)


def _request(row: Row) -> PartnerRequest | None:
    if row["request_id"] is None:
        return None
    return PartnerRequest(party=row["party"], request_id=row["request_id"], version=row["request_version"])


def _assignment(row: Row) -> Assignment | None:
    if not row["has_assignment"]:
        return None
    names = ("assignment_id", "block_id", "departure", "needed_kwh", "needed_soc")
    return Assignment(**{name: row[name] for name in names})
