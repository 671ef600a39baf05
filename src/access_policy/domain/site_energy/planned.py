"""The planned narrowings of a charger, assuming that feeds continue as they do now: demand does not change, and no source
falls silent.

Under this assumption a node's slack changes only with its limits. The slack of the nodes above a charger is the same for
all chargers below them, so it is computed once (`least_of`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import reduce
from typing import NamedTuple

from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.evaluation import ChargerPath, NodeHere, Slack, least, slack_of
from access_policy.domain.site_energy.gate import GateEnvelope, GateLevel
from access_policy.domain.site_energy.levels import Held, Thresholds


class Narrowing(NamedTuple):
    """In `[starts_at, ends_at)` the level is not `open`; `envelope` is the one whose limit binds at the start."""

    starts_at: datetime
    ends_at: datetime
    level: GateLevel
    envelope: GateEnvelope | None


class Piece(NamedTuple):
    """The slack from `starts_at` until the next piece; None without a limit."""

    starts_at: datetime
    slack: Slack | None


def pieces_of(here: NodeHere, policy: EnergyPolicy, at: datetime, end: datetime) -> list[Piece]:
    """Return the slack of the node alone in `[at, end)`, as planned at `at`; adjacent pieces differ."""
    planned = here.as_planned(policy, at)
    found = [Piece(at, slack_of(planned, policy, at))]
    for turn in planned.turns(policy, at):
        if turn >= end:
            break
        slack = slack_of(planned, policy, turn)
        if slack != found[-1].slack:
            found.append(Piece(turn, slack))
    return found


def least_of(near: Sequence[Piece], above: Sequence[Piece]) -> list[Piece]:
    """Return the lower of both at each instant; of equal ones, the nearer. Both begin at the same instant."""
    found: list[Piece] = []
    number, other = 0, 0
    while True:
        at = max(near[number].starts_at, above[other].starts_at)
        slack = least(iter((near[number].slack, above[other].slack)))
        if not found or slack != found[-1].slack:
            found.append(Piece(at, slack))
        coming = near[number + 1].starts_at if number + 1 < len(near) else None
        coming_above = above[other + 1].starts_at if other + 1 < len(above) else None
        if coming is None and coming_above is None:
            return found
        if coming_above is None or (coming is not None and coming <= coming_above):
            number += 1
        if coming is None or (coming_above is not None and coming_above <= coming):
            other += 1


def narrowings(path: ChargerPath, held: Held, at: datetime, end: datetime) -> Iterator[Narrowing]:
    """Return the narrowing in force at `at`, to which `held` has been advanced, and those planned until `end`, if feeds
    continue as at `at`. Adjacent narrowings differ in level or envelope.
    """
    pieces = reduce(least_of, [pieces_of(each, path.policy, at, end) for each in path.nodes])
    return narrowings_along(pieces, path.policy, path.thresholds, held, end)


def narrowings_along(
    pieces: Sequence[Piece], policy: EnergyPolicy, thresholds: Thresholds, held: Held, end: datetime
) -> Iterator[Narrowing]:
    """Like `narrowings`, for a charger whose path has the slack `pieces`; the first piece begins at the instant of `held`."""
    dwell = policy.minimum_dwell
    begun, current = held.since or pieces[0].starts_at, held
    slack, ahead = pieces[0].slack, iter(pieces[1:])
    envelope = _envelope_of(slack)
    upcoming: Piece | None = next(ahead, None)
    while begun < end:
        widens_at = current.widens_at(dwell)
        turn = min(each for each in (widens_at, end, upcoming and upcoming.starts_at) if each is not None)
        if upcoming is not None and turn == upcoming.starts_at:
            slack, upcoming = upcoming.slack, next(ahead, None)
        capacity_w = None if slack is None else slack.effective_w
        following = current.settled(dwell, turn).stepped(capacity_w, thresholds, turn)
        bound = _envelope_of(slack)
        is_other = following.level is not current.level or _id(bound) != _id(envelope)
        if is_other or turn >= end:
            if current.level is not GateLevel.OPEN and begun < turn:
                yield Narrowing(begun, turn, current.level, envelope)
            begun, envelope = turn, bound
        current = following


def _envelope_of(slack: Slack | None) -> GateEnvelope | None:
    return None if slack is None else slack.envelope


def _id(envelope: GateEnvelope | None) -> str | None:
    return None if envelope is None else envelope.envelope_id
