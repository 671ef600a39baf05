"""The windows in which a place could still be promised, without the reservations and holders that take the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.promises import could_promise
from access_policy.domain.reservations.reservation import Place, Reservation
from access_policy.domain.reservations.terms import ReservationTerms


@dataclass(frozen=True, slots=True)
class Window:
    """`[start, end)`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """A span `[start, end)` throughout which the same promises apply."""

    start: datetime
    end: datetime
    is_free: bool


def bookable(
    book: ReservationBook, place: Place, terms: ReservationTerms, start: datetime, end: datetime, *, now: datetime
) -> list[Window]:
    """Return the longest windows within `[start, end)` such that every part of an allowed length could be promised under the
    terms.

    A place without chargers, such as an unknown group, has no windows. Source: ADR 0047 (promises include early start and
    late stop).
    """
    spans = spans_of(book, place, start - terms.early_start, end + terms.late_stop, now=now)
    return windows_of(spans, terms, start, end)


def spans_of(book: ReservationBook, place: Place, start: datetime, end: datetime, *, now: datetime) -> Iterator[Span]:
    """Yield the spans that together cover `[start, end)`, in order. Each span costs a matching of its promises, so the
    caller may spread them over several event-loop iterations, on a copy of the book or before the book changes.
    """
    near = sorted(book.promised_at(place, start, end, now=now), key=lambda each: each.begins)
    groups = {group.group_id: group.charger_ids for group in book.groups_with(book.chargers_at(place))}
    if place.group_id is not None and place.group_id not in groups:
        yield Span(start, end, False)
        return
    instants = sorted({start, end, *(at for each in near for at in (each.begins, each.clears) if start < at < end)})
    holding: list[Reservation] = []
    coming = iter(near)
    following = next(coming, None)
    for since, until in pairwise(instants):
        holding = [each for each in holding if each.clears > since]
        while following is not None and following.begins <= since:
            if following.clears > since:
                holding.append(following)
            following = next(coming, None)
        yield Span(since, until, could_promise(place, holding, groups))


def windows_of(spans: Iterable[Span], terms: ReservationTerms, start: datetime, end: datetime) -> list[Window]:
    """Return the windows that the free spans leave for a reservation under the terms, within `[start, end)`."""
    found = []
    for free in _joined(spans):
        since, until = max(start, free.start + terms.early_start), min(end, free.end - terms.late_stop)
        if (until - since).total_seconds() >= 60 * terms.shortest_min:
            found.append(Window(since, until))
    return found


def _joined(spans: Iterable[Span]) -> Iterator[Window]:
    since: datetime | None = None
    until: datetime | None = None
    for each in spans:
        if each.is_free:
            since = each.start if since is None else since
            until = each.end
        elif since is not None and until is not None:
            yield Window(since, until)
            since = None
    if since is not None and until is not None:
        yield Window(since, until)
