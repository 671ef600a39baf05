"""Make a plan from the rows of a sheet and the depot's book. Pure, and slow for long files, so it runs on a thread."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from access_policy.application.dispatch_import.cells import ASSIGNMENTS, ReadAssignment
from access_policy.application.dispatch_import.drafting import Known, RowInvalid, drafted
from access_policy.application.dispatch_import.plan import DispatchPlanRow
from access_policy.application.dispatch_import.values import OwnEntries, changes, keys_of, own_entries
from access_policy.application.dispatch_import.warnings import warnings_of
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ActorId, ReservationId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.errors import PromisedAlready
from access_policy.domain.reservations.operating_days import operating_day
from access_policy.domain.reservations.reservation import Reservation
from access_policy.domain.reservations.together import Wanted, refused_together
from access_policy.domain.vehicle_registry.import_plan import Action, CellError, ImportMode

NOT_IN_FILE = "Not in the dispatch sheet"
_PLANNER = ActorId("dispatch sheet")
_COLUMNS = {
    "/charger_id": "charger_id",
    "/group_id": "group",
    "/start": "from",
    "/end": "until",
    "/holder": "vehicle_id",
    "/note": "note",
}


@dataclass(slots=True)
class Draft:
    """A row that becomes a plan row; `errors` accumulate."""

    row: ReadAssignment
    day: date | None = None
    entry: Entry | None = None
    wanted: Reservation | None = None
    bookings: tuple[ReservationId, ...] = ()
    errors: list[CellError] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        return self.entry is None or self.wanted != self.entry.reservation


@dataclass(frozen=True, slots=True)
class Planned:
    """`live` is the number of the depot's own live entries in the operating days of the file."""

    rows: tuple[DispatchPlanRow, ...]
    live: int


def plan_rows(
    book: ReservationBook, read: Sequence[ReadAssignment], mode: ImportMode, zone: ZoneInfo, known: Known, now: datetime
) -> Planned:
    """Return one plan row per row of the file, in order; in `replace` mode the entries to cancel follow, by start.
    Changes the book: pass a copy."""
    own = own_entries(book, zone)
    drafts = [Draft(row, errors=list(row.errors)) for row in read]
    for draft in drafts:
        _match(draft, own, now)
    _refuse_doubles(drafts)
    for draft in drafts:
        _draft(draft, book, known, now)
    covered = {draft.day for draft in drafts if draft.day is not None}
    in_days = [each for each in own.by_id.values() if own.day_of(each) in covered and not each.is_over(now)]
    gone = _not_in_file(drafts, in_days) if mode is ImportMode.REPLACE else []
    _refuse_impossible(book, drafts, gone, own, now)
    rows = [_planned(draft, zone, known, now) for draft in drafts]
    removed = _removals(gone, keys_of(own, gone), zone, now)
    return Planned((*rows, *removed), len(in_days))


# --- matching rows with entries --------------------------------------------------------------------------------------


def _match(draft: Draft, own: OwnEntries, now: datetime) -> None:
    key, start = draft.row.assignment_id, draft.row.values.get("from")
    if start is not None:
        draft.day = operating_day(start, own.zone, own.starts_at)
    if key is None:
        return
    found = own.find(key, draft.day)
    live = [each for each in found if not each.is_over(now)]
    if len(live) > 1:
        ids = ", ".join(sorted(each.reservation.reservation_id for each in live)[:3])
        _say(
            draft,
            ASSIGNMENTS.key,
            f"{key} matches several reservations ({ids}); enter the id of one of them, or fill in from.",
        )
        return
    if live or (found and start is not None):
        draft.entry = live[0] if live else max(found, key=lambda each: each.changed_at)
        draft.day = draft.day or own.day_of(draft.entry)


def _refuse_doubles(drafts: Sequence[Draft]) -> None:
    rows: defaultdict[object, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.entry is not None:
            rows[draft.entry.reservation.reservation_id].append(draft)
        elif draft.row.assignment_id is not None:
            rows[draft.row.assignment_id, draft.day].append(draft)
    for twins in rows.values():
        for draft in twins if len(twins) > 1 else ():
            lines = ", ".join([str(each.row.line) for each in twins if each is not draft][:5])
            _say(
                draft, ASSIGNMENTS.key, f"{draft.row.assignment_id} is also on line {lines} for this day; keep one row."
            )


def _draft(draft: Draft, book: ReservationBook, known: Known, now: datetime) -> None:
    """Set the reservation that the row describes, or add errors."""
    if draft.row.assignment_id is None:
        return
    try:
        new_id = _unused_id(book, draft.row.assignment_id, draft.day)
        draft.wanted = drafted(draft.row, draft.entry, new_id, book, known)
    except RowInvalid as wrong:
        columns = {each.column for each in draft.errors}
        draft.errors += [each for each in wrong.errors if each.column not in columns]
        return
    if draft.entry is not None and draft.entry.is_over(now) and draft.is_changed:
        over = f"{draft.row.assignment_id} is over and stays unchanged. Remove the row, or use a new assignment_id."
        _say(draft, ASSIGNMENTS.key, over)


def _unused_id(book: ReservationBook, key: str, day: date | None) -> ReservationId:
    """Return the id of a new reservation. It is the same for the same file, so that the file gives the same plan again."""
    number = 0
    while True:
        said = f"{book.depot_id}\0{key}\0{day}\0{number}"
        new_id = ReservationId(f"d-{hashlib.sha256(said.encode()).hexdigest()[:22]}")
        if new_id not in book.entries.by_id:
            return new_id
        number += 1


# --- rows compared with each other -----------------------------------------------------------------------------------


def _not_in_file(drafts: Sequence[Draft], in_days: Sequence[Entry]) -> list[Entry]:
    """Return the entries to cancel. An entry that an invalid row could mean stays."""
    matched = {draft.entry.reservation.reservation_id for draft in drafts if draft.entry is not None}
    named = {draft.row.assignment_id for draft in drafts if draft.entry is None}
    if None in named:
        return []
    unsure = {draft.row.assignment_id for draft in drafts if draft.entry is None and draft.day is None}
    return [
        each
        for each in in_days
        if each.reservation.reservation_id not in matched
        and (each.reservation.assignment is None or each.reservation.assignment.assignment_id not in unsure)
    ]


def _refuse_impossible(
    book: ReservationBook, drafts: Sequence[Draft], gone: Sequence[Entry], own: OwnEntries, now: datetime
) -> None:
    """Refuse reservations that the book could not promise once the rest of the plan is applied."""
    sound = [draft for draft in drafts if draft.wanted is not None and not draft.errors and draft.is_changed]
    wanted = Wanted(
        puts=[draft.wanted for draft in sound if draft.wanted is not None],
        gone=[each.reservation.reservation_id for each in gone],
        by=_PLANNER,
        reason=NOT_IN_FILE,
        now=now,
    )
    lines = {draft.wanted.reservation_id: draft for draft in sound if draft.wanted is not None}
    refused = refused_together(book, wanted)
    for reservation_id, refusal in refused.items():
        draft = lines[reservation_id]
        draft.bookings = bookings_in(book, refusal)
        draft.errors.append(CellError(column_of(refusal), said_of(refusal, draft.bookings)))


def bookings_in(book: ReservationBook, refusal: Refused) -> tuple[ReservationId, ...]:
    """Return the partners' bookings that hold the refused place."""
    if not isinstance(refusal, PromisedAlready):
        return ()
    known = [book.entries.by_id.get(each) for each in refusal.conflicting]
    return tuple(e.reservation.reservation_id for e in known if e is not None and e.reservation.source.is_a_partners)


def column_of(refusal: Refused) -> str:
    return _COLUMNS.get(refusal.pointer or "", ASSIGNMENTS.key)


def said_of(refusal: Refused, bookings: Sequence[ReservationId]) -> str:
    if not bookings:
        return refusal.detail
    booked = f"A partner has booked it ({', '.join(bookings[:3])})."
    return f"{booked} {refusal.detail}"


def _say(draft: Draft, column: str, message: str) -> None:
    draft.errors.append(CellError(column, message))


# --- the plan rows ---------------------------------------------------------------------------------------------------


def guard_of(entry: Entry, now: datetime) -> str | None:
    """Return why a file may change the entry only if a person names it; None if it may."""
    if entry.reservation.is_ad_hoc:
        return "ad_hoc"
    if entry.begins <= now:
        return "begun"
    return None


def _planned(draft: Draft, zone: ZoneInfo, known: Known, now: datetime) -> DispatchPlanRow:
    entry, wanted = draft.entry, draft.wanted
    row = DispatchPlanRow(line=draft.row.line, action=Action.ERROR, assignment_id=draft.row.assignment_id)
    if entry is not None:
        row = replace(row, reservation_id=entry.reservation.reservation_id)
    if draft.errors or wanted is None:
        errors = tuple(draft.errors)
        return replace(row, errors=errors, warnings=draft.row.warnings, bookings=draft.bookings)
    warnings = tuple(warnings_of(draft.row, wanted, zone, known))
    if not draft.is_changed:
        return replace(row, action=Action.UNCHANGED, warnings=warnings)
    return replace(
        row,
        action=Action.ADD if entry is None else Action.CHANGE,
        reservation_id=wanted.reservation_id,
        base_version=0 if entry is None else entry.changed_at,
        wanted=wanted,
        guard=None if entry is None else guard_of(entry, now),
        changes=tuple(changes(None if entry is None else entry.reservation, wanted, zone)),
        warnings=warnings,
    )


def _removals(
    gone: Sequence[Entry], keys: Mapping[ReservationId, str], zone: ZoneInfo, now: datetime
) -> Iterator[DispatchPlanRow]:
    for entry in sorted(gone, key=lambda each: (each.reservation.start, each.reservation.reservation_id)):
        reservation = entry.reservation
        yield DispatchPlanRow(
            line=None,
            action=Action.REMOVE,
            assignment_id=keys[reservation.reservation_id],
            reservation_id=reservation.reservation_id,
            base_version=entry.changed_at,
            guard=guard_of(entry, now),
            changes=tuple(changes(reservation, None, zone)),
        )
