"""The period and the filters of the reports' page: every link of the page changes one of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import Depends, Query

from access_policy.application.ports.views import ReportFilter
from access_policy.application.queries.mode_compliance import ComplianceQuestion
from access_policy.application.queries.report_columns import ReportInvalid
from access_policy.domain.mode_schedule.rules import local_instant
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.pictures import Window
from access_policy.entrypoints.http.fields import Day

By = Literal["day", "hour", "weekday"]
SPAN_MAX: Final = timedelta(days=366)
USUAL: Final = ((1, "Today"), (7, "7 days"), (30, "30 days"), (90, "90 days"))
_MIDNIGHT: Final = time(0)
_Id = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class Asked:
    """The period and filters. `first` and `last` are local days, both included."""

    first: date
    last: date
    today: date
    zone: ZoneInfo
    by: By
    charger_id: str
    vehicle_id: str
    agreement_id: str

    @property
    def since(self) -> datetime:
        return local_instant(self.first, _MIDNIGHT, self.zone)

    @property
    def until(self) -> datetime:
        return local_instant(self.last + timedelta(days=1), _MIDNIGHT, self.zone)

    @property
    def title(self) -> str:
        return Window.of(self.first, len(self.days), self.zone).title

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    @property
    def usual(self) -> list[tuple[str, dict[str, Any], bool]]:
        """The periods that end today: title, parameters, and whether it is the chosen one."""
        firsts = [(title, self.today - timedelta(days=days - 1)) for days, title in USUAL]
        return [
            (title, self.parameters(from_=first, until=self.today), (first, self.today) == (self.first, self.last))
            for title, first in firsts
        ]

    @property
    def counts_reservations(self) -> bool:
        """False if the page is about one vehicle or one agreement, which the report of reservations cannot filter
        by."""
        return not (self.vehicle_id or self.agreement_id)

    def parameters(self, **changed: Any) -> dict[str, Any]:
        return {"from_": self.first, "until": self.last, "by": self.by, **self.filters(), **changed}

    def filters(self) -> dict[str, str | None]:
        names = ("charger_id", "vehicle_id", "agreement_id")
        return {name: getattr(self, name) or None for name in names}

    def wanted(self, here: Visit) -> ReportFilter:
        return ReportFilter(since=self.since, until=self.until, depot_id=here.depot_id, **self.filters())

    def question(self, here: Visit) -> ComplianceQuestion:
        return ComplianceQuestion(
            since=self.since,
            until=self.until,
            depot_id=here.depot_id,
            charger_id=self.charger_id or None,
            depots=here.caller.depots,
        )


async def _asked(
    here: Here,
    first: Annotated[Day | Literal[""] | None, Query(alias="from")] = None,
    last: Annotated[Day | Literal[""] | None, Query(alias="until")] = None,
    by: Annotated[By, Query()] = "day",
    charger_id: _Id = "",
    vehicle_id: _Id = "",
    agreement_id: _Id = "",
) -> Asked:
    """Return the request; the default period is the last seven days. Raises `ReportInvalid`."""
    today = here.now.astimezone(here.zone).date()
    until = last or today
    since = first or until - timedelta(days=6)
    if not since <= until <= since + SPAN_MAX:
        raise ReportInvalid(f"Choose a first day that is not after the last, at most {SPAN_MAX.days} days before it.")
    return Asked(since, until, today, here.zone, by, charger_id.strip(), vehicle_id.strip(), agreement_id.strip())


AskedFor = Annotated[Asked, Depends(_asked)]
