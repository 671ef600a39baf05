"""Digests of depots: a daily summary of what happened. The stream's name contains the end of the day that the digest
covers, so that it is recorded only once, by the process that makes it first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from access_policy.domain.access.reasons import Reason
from access_policy.domain.depots.depot import Depot
from access_policy.domain.ids import ChargerId, DepotId
from access_policy.domain.mode_schedule.rules import local_instant

MADE_WITHIN: Final = timedelta(hours=6)  # after the day's end; a later digest would be out of date
PROBLEMS_MAX: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialCount:
    reason: Reason
    denials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerProblem:
    """A charger that entered a mode late or not at all; `pending`: not yet, while the mode is still expected."""

    charger_id: ChargerId
    late: int
    missed: int
    pending: int
    lateness_max_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotDigestMade:
    """Counts for `[since, until)` at the depot. `problems` has at most `PROBLEMS_MAX` chargers, those with the most missed
    transitions first; `problem_count` is the total number.
    """

    TYPE: ClassVar = "notice.depot_digest_made.v1"
    depot_id: DepotId
    since: datetime
    until: datetime
    attempts: int
    allowed: int
    denied: int
    denials: tuple[DenialCount, ...]
    sessions: int
    energy_wh: int
    transitions: int
    on_time: int
    late: int
    missed: int
    pending: int
    unreachable: int
    problems: tuple[ChargerProblem, ...]
    problem_count: int
    made_at: datetime


def day_to_digest(depot: Depot, now: datetime) -> tuple[datetime, datetime] | None:
    """Return the 24 local hours that ended at the depot's latest `digest_at`; None without that setting, or if they ended
    more than `MADE_WITHIN` ago.
    """
    at = depot.settings.digest_at
    if at is None:
        return None
    today = now.astimezone(depot.zone).date()
    for day in (today, today - timedelta(days=1)):
        until = local_instant(day, at, depot.zone)
        if until <= now < until + MADE_WITHIN:
            return local_instant(day - timedelta(days=1), at, depot.zone), until
    return None
