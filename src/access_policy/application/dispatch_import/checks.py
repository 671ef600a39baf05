"""Checks before a plan is applied: rows with errors, entries changed since planning, entries that a person must name,
and reservations that others have received since. Pure; they run on a thread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from access_policy.application.dispatch_import.drafting import Known
from access_policy.application.dispatch_import.plan import DispatchPlan, DispatchPlanRow
from access_policy.application.dispatch_import.planning import NOT_IN_FILE, bookings_in, guard_of, said_of
from access_policy.application.ports.view_snapshots import BookState
from access_policy.application.registry_import.checks import (
    ROWS_NAMED,
    ApplyOptions,
    check_removals,
    errors_in_words,
    refused_row,
)
from access_policy.application.registry_import.errors import EntriesNotInPlan, ImportHasErrors, ImportPlanStale
from access_policy.domain.ids import ActorId, ReservationId
from access_policy.domain.plurals import counted
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.settings import ReservationSettings
from access_policy.domain.reservations.together import Wanted, refused_together
from access_policy.domain.vehicle_registry.import_plan import Action, RefusedRow

Collided = dict[ReservationId, list[str]]  # bookings, and the assignments that need their places

NAMES = "reservation_id"
_ANEW = "plan the file again"
_APPLIER = ActorId("dispatch sheet")
_GUARDED = {
    "ad_hoc": "was made or changed by hand after the plan of its day",
    "begun": "has begun",
}


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A book as a value, from which a thread makes its own copy."""

    state: BookState
    settings: ReservationSettings

    @classmethod
    def of(cls, book: ReservationBook) -> BookSnapshot:
        return cls(BookState.of(book), book.settings)

    def book(self) -> ReservationBook:
        return replace(self.state.book(), settings=self.settings)


@dataclass(frozen=True, slots=True)
class Outstanding:
    """`moved` are the rows whose entries or places others have changed meanwhile."""

    rows: tuple[DispatchPlanRow, ...]
    moved: tuple[RefusedRow, ...] = ()


def left_out_at_start(
    book: ReservationBook,
    plan: DispatchPlan,
    live: int,
    options: ApplyOptions,
    known: Known,
    now: datetime,
    collided: Collided,
) -> tuple[RefusedRow, ...]:
    """Return the rows to leave out; without `partial` these are only the entries that must be named and are not. `live`
    is the number of entries against which removals are counted as many; `collided` receives the bookings that have
    taken the places of rows. Changes the book. Raises `ImportHasErrors`, `ImportPlanStale`, `EntriesNotInPlan` or
    `RemovalsNotConfirmed`."""
    wrong = tuple(refused_row(row, errors_in_words(row)) for row in plan.rows if row.action is Action.ERROR)
    if wrong and not options.partial:
        raise ImportHasErrors(
            f"{counted(len(wrong), 'row has', 'rows have')} errors: correct the file and plan it again, or send partial "
            "to apply the other rows.",
            wrong[:ROWS_NAMED],
            names=NAMES,
        )
    touching = [row for row in plan.rows if row.touched is not None]
    _check_named(touching, options.entries)
    moved = {row.touched: said for row in touching if (said := _moved(row, book, known))}
    sound = [row for row in touching if row.touched not in moved]
    kept = {row.touched: said for row in sound if (said := _kept(row, book, options.entries, now))}
    rest = [row for row in sound if row.touched not in kept]
    moved |= _refused(book, rest, now, collided)
    refused = [refused_row(row, moved[row.touched]) for row in touching if row.touched in moved]
    if refused and not options.partial:
        raise ImportPlanStale(
            f"{counted(len(refused), 'row no longer applies', 'rows no longer apply')}: reservations changed after the plan "
            f"was made, or entries that must be named keep their places; {_ANEW}, or name them in entries.",
            refused[:ROWS_NAMED],
            names=NAMES,
        )
    removals = sum(row.action is Action.REMOVE and row.touched not in moved for row in rest)
    check_removals(removals, live, "entries", options)
    return (*wrong, *(refused_row(row, kept[row.touched]) for row in touching if row.touched in kept), *refused)


def outstanding(
    book: ReservationBook,
    rows: Sequence[DispatchPlanRow],
    ours: Collection[ReservationId],
    now: datetime,
    collided: Collided,
) -> Outstanding:
    """Return the rows that no earlier run of the plan (`ours`) has written, without those that can no longer be
    written. Changes the book."""
    todo = [row for row in rows if row.touched not in ours and not _is_applied(row, book, now)]
    moved = {row.touched: said for row in todo if (said := _changed(row, book))}
    moved |= _refused(book, [row for row in todo if row.touched not in moved], now, collided)
    out = tuple(refused_row(row, moved[row.touched]) for row in todo if row.touched in moved)
    return Outstanding(tuple(row for row in todo if row.touched not in moved), out)


def wanted_by(rows: Sequence[DispatchPlanRow], by: ActorId, now: datetime) -> Wanted:
    return Wanted(
        puts=[row.wanted for row in rows if row.wanted is not None],
        gone=[row.touched for row in rows if row.wanted is None and row.touched is not None],
        by=by,
        reason=NOT_IN_FILE,
        now=now,
    )


def _check_named(touching: Sequence[DispatchPlanRow], entries: Collection[str]) -> None:
    unknown = sorted(set(entries) - {row.touched for row in touching})
    if unknown:
        raise EntriesNotInPlan(
            f"The plan neither changes nor removes {', '.join(unknown[:3])}; name reservation ids of its rows.",
            pointer="/entries",
        )


def _kept(row: DispatchPlanRow, book: ReservationBook, entries: Collection[str], now: datetime) -> str | None:
    """Return why the entry stays unchanged: a person must name it. The reservation may have begun since the plan was made."""
    entry = _entry(row, book)
    guard = row.guard or (None if entry is None else guard_of(entry, now))
    if guard is None or row.touched in entries:
        return None
    verb = "remove" if row.action is Action.REMOVE else "change"
    return f"{row.assignment_id} {_GUARDED[guard]}, so it stays; to {verb} it, name {row.touched} in entries."


def _moved(row: DispatchPlanRow, book: ReservationBook, known: Known) -> str | None:
    if (changed := _changed(row, book)) is not None or row.wanted is None:
        return changed
    charger_id, vehicle_id = row.wanted.place.charger_id, row.wanted.holder.vehicle_id
    if charger_id is not None and charger_id in known.refused_chargers:
        return known.refused_chargers[charger_id]
    if vehicle_id is not None and vehicle_id not in known.vehicles:
        return f"Vehicle {vehicle_id} is no longer in the registry; {_ANEW}."
    return None


def _changed(row: DispatchPlanRow, book: ReservationBook) -> str | None:
    entry = _entry(row, book)
    version = 0 if entry is None else entry.changed_at
    if version == row.base_version:
        return None
    if row.base_version == 0:
        return f"{row.assignment_id} was made since; {_ANEW}."
    return f"{row.assignment_id} was changed since (version {version}, planned at {row.base_version}); {_ANEW}."


def _is_applied(row: DispatchPlanRow, book: ReservationBook, now: datetime) -> bool:
    entry = _entry(row, book)
    if entry is None:
        return False
    return entry.is_over(now) if row.wanted is None else entry.reservation == row.wanted


def _refused(
    book: ReservationBook, rows: Sequence[DispatchPlanRow], now: datetime, collided: Collided
) -> dict[ReservationId | None, str]:
    over = {row.touched for row in rows if (entry := _entry(row, book)) is not None and entry.is_over(now)}
    found: dict[ReservationId | None, str] = dict.fromkeys(over, f"The reservation is over; {_ANEW}.")
    live = [row for row in rows if row.touched not in over]
    refused = refused_together(book, wanted_by(live, _APPLIER, now))
    assignments = {row.touched: row.assignment_id or "" for row in live}
    for each, refusal in refused.items():
        bookings = bookings_in(book, refusal)
        found[each] = said_of(refusal, bookings)
        for booking in bookings:
            collided.setdefault(booking, []).append(assignments[each])
    return found


def _entry(row: DispatchPlanRow, book: ReservationBook) -> Entry | None:
    return None if row.touched is None else book.entries.by_id.get(row.touched)
