"""Whether all promises can be kept. A charger is promised to one holder at a time, and a group at most as often as it has
chargers that are not promised by name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from access_policy.domain.ids import ChargerId, ReservationGroupId
from access_policy.domain.reservations.reservation import Place, Reservation

Chargers = frozenset[ChargerId]


def takers(wanted: Reservation, near: Iterable[Reservation]) -> list[Reservation]:
    """Return the promises for the requested charger or connector whose time overlaps that of the requested one."""
    return [each for each in near if each.place.shares_a_connector_with(wanted.place)]


def first_shortfall(
    promised: Sequence[Reservation],
    groups: Mapping[ReservationGroupId, Chargers],
    since: datetime,
    until: datetime | None = None,
) -> datetime | None:
    """Return the first instant in `[since, until)` (None: without end) at which the groups have promised more chargers
    than they have; None if every promise can be kept. Between the starts of reservations the demand only falls.
    """
    if all(each.place.group_id is None for each in promised):
        return None
    until = until or max((each.clears for each in promised), default=since)
    begins = {each.begins for each in promised if each.place.group_id is not None or _is_of_a_group(each, groups)}
    for instant in sorted({since, *(each for each in begins if since < each < until)}):
        if not _can_keep_all_at(instant, promised, groups):
            return instant
    return None


def _is_of_a_group(named: Reservation, groups: Mapping[ReservationGroupId, Chargers]) -> bool:
    return any(named.place.charger_id in chargers for chargers in groups.values())


def _can_keep_all_at(
    instant: datetime, promised: Sequence[Reservation], groups: Mapping[ReservationGroupId, Chargers]
) -> bool:
    holding = [each for each in promised if each.begins <= instant < each.clears]
    named = {each.place.charger_id for each in holding if each.place.charger_id is not None}
    wanted = [groups[each.place.group_id] - named for each in holding if each.place.group_id is not None]
    return can_each_have_one(wanted)


def could_promise(place: Place, holding: Iterable[Reservation], groups: Mapping[ReservationGroupId, Chargers]) -> bool:
    """Whether the place could be promised once more in addition to these promises, all of which apply at the same instant."""
    beside = [each.place for each in holding]
    if any(place.shares_a_connector_with(each) for each in beside):
        return False
    places = [*beside, place]
    named = {each.charger_id for each in places if each.charger_id is not None}
    return can_each_have_one([groups[each.group_id] - named for each in places if each.group_id is not None])


def can_each_have_one(wanted: Sequence[Chargers]) -> bool:
    """Whether each element of `wanted` can have its own charger from its set (a matching, found by augmenting paths)."""
    if len(set(wanted)) <= 1:  # one group only
        return not wanted or len(wanted) <= len(wanted[0])
    had_by: dict[ChargerId, int] = {}
    return all(_find_one(position, wanted, had_by) for position in range(len(wanted)))


def _find_one(position: int, wanted: Sequence[Chargers], had_by: dict[ChargerId, int]) -> bool:
    """Give one more element of `wanted` a charger, moving others to other chargers of their sets if necessary."""
    asked_by: dict[ChargerId, int] = {}  # who would take the charger if its holder moved to another one
    moving = deque([position])
    while moving:
        mover = moving.popleft()
        for charger_id in wanted[mover] - asked_by.keys():
            asked_by[charger_id] = mover
            if charger_id not in had_by:
                _move_along(charger_id, asked_by, had_by)
                return True
            moving.append(had_by[charger_id])
    return False


def _move_along(free: ChargerId, asked_by: Mapping[ChargerId, int], had_by: dict[ChargerId, int]) -> None:
    has = {position: charger_id for charger_id, position in had_by.items()}
    charger_id: ChargerId | None = free
    while charger_id is not None:
        taker = asked_by[charger_id]
        had_by[charger_id] = taker
        charger_id = has.get(taker)
