"""The current state of a partner's booking: its record together with its reservation in the book."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from access_policy.application.ports.ocpi import BookingRecord
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ChargerId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Entry, Outcome


class Stage(StrEnum):
    RESERVED = "reserved"
    FULFILLED = "fulfilled"  # a charge of the holder began
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"  # the holder came too late, or not before the end
    REJECTED = "rejected"  # never promised
    UNKNOWN = "unknown"  # the reservation is over and forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingState:
    """`charger_id` is the promised charger, or the group's charger at which the holder charged; None: not known yet.
    `kinds` are the kinds of the identifiers that admit the holder; empty if no one is admitted or the reservation is
    forgotten."""

    record: BookingRecord
    stage: Stage
    start: datetime
    end: datetime
    charger_id: ChargerId | None
    kinds: frozenset[IdentifierKind] = frozenset()


def state_of(record: BookingRecord, book: ReservationBook, at: datetime) -> BookingState:
    """Return the state at the instant. A no-show counts from its time on, even before its event is appended (ADR 0047)."""
    entry = book.entries.by_id.get(record.reservation_id)
    if entry is None:
        stage = Stage.CANCELLED if record.is_cancelled else Stage.UNKNOWN if record.is_promised else Stage.REJECTED
        return BookingState(
            record=record, stage=stage, start=record.start, end=record.end, charger_id=record.charger_id
        )
    reservation = entry.reservation
    return BookingState(
        record=record,
        stage=_stage(entry, at),
        start=reservation.start,
        end=reservation.end,
        charger_id=reservation.place.charger_id or entry.charger_id,
        kinds=frozenset(each.ref.kind for each in reservation.holder.identifiers),
    )


def _stage(entry: Entry, at: datetime) -> Stage:
    if entry.fulfilled_at is not None:
        return Stage.FULFILLED
    if entry.outcome is Outcome.CANCELLED:
        return Stage.CANCELLED
    return Stage.NO_SHOW if entry.is_over(at) else Stage.RESERVED
