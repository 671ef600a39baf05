"""Previews: the timeline before and after a command, without recording anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy, fold
from access_policy.domain.errors import Invalid
from access_policy.domain.mode_schedule.timeline import Timeline, timeline
from access_policy.domain.plurals import counted

PREVIEW_DEFAULT = timedelta(days=14)
PREVIEW_MAX = timedelta(days=92)
CHARGER_DAYS_MAX = 20_000  # chargers times days in one answer


class PreviewRangeInvalid(Invalid):
    code = "preview-range-invalid"


@dataclass(frozen=True, slots=True)
class Horizon:
    """The range `[start, end)` of a dry run."""

    start: datetime
    end: datetime

    @staticmethod
    def of(start: datetime | None, end: datetime | None, *, chargers: int, now: datetime) -> Horizon:
        """Return the range; without bounds, the next two weeks. Raises `PreviewRangeInvalid`."""
        begins = start or now
        horizon = Horizon(begins, end or begins + PREVIEW_DEFAULT)
        length = horizon.end - horizon.start
        if not timedelta(0) < length <= PREVIEW_MAX:
            raise PreviewRangeInvalid(
                f"A dry run covers more than zero and at most {PREVIEW_MAX.days} days; choose another 'until'.",
                pointer="/until",
            )
        if chargers * length > timedelta(days=CHARGER_DAYS_MAX):
            raise PreviewRangeInvalid(
                f"A dry run covers at most {CHARGER_DAYS_MAX} charger-days, and "
                f"{counted(chargers, 'charger was', 'chargers were')} requested; choose fewer chargers or an earlier 'until'.",
                pointer="/until",
            )
        return horizon


@dataclass(frozen=True, slots=True)
class Preview:
    time_zone: str  # the charger's
    before: Timeline
    after: Timeline

    @staticmethod
    def of(policy: ChargerAccessPolicy, events: Iterable[PolicyEvent], horizon: Horizon) -> Preview:
        changed = fold(events, policy)
        assert changed is not None  # the policy existed before
        return Preview(
            changed.settings.time_zone,
            timeline(policy.plan, horizon.start, horizon.end),
            timeline(changed.plan, horizon.start, horizon.end),
        )
