"""Columns of reports: their names and types, the same with and without rows, in JSON and in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.domain.errors import Invalid
from access_policy.domain.mode_schedule.recurrence import WEEKDAYS

ROWS_MAX: Final = 50_000


class ReportInvalid(Invalid):
    code = "report-invalid"


class ColumnType(StrEnum):
    TEXT = "text"
    DATE = "date"  # a depot's local day, in rows as `2026-11-20`
    INTEGER = "integer"
    NUMBER = "number"
    INSTANT = "instant"  # aware, in UTC
    LOCAL = "local"  # the instant of the previous column, aware, on its depot's clock


@dataclass(frozen=True, slots=True)
class ReportColumn:
    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Report:
    """Each row has a value or None for each column."""

    columns: Sequence[ReportColumn]
    rows: Sequence[dict[str, Any]]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


def columns_of(type_: ColumnType, *names: str) -> tuple[ReportColumn, ...]:
    return tuple(ReportColumn(name, type_) for name in names)


def instants(*names: str) -> tuple[ReportColumn, ...]:
    """Return two columns for each name: one in UTC and one on the depot's clock (`…_local`)."""
    pairs = (((name, ColumnType.INSTANT), (f"{name}_local", ColumnType.LOCAL)) for name in names)
    return tuple(ReportColumn(*column) for pair in pairs for column in pair)


def on_both_clocks(name: str, at: datetime | None, zone: ZoneInfo) -> dict[str, datetime | None]:
    """Return the values of the columns that `instants` defines."""
    return {
        name: None if at is None else at.astimezone(UTC),
        f"{name}_local": None if at is None else at.astimezone(zone),
    }


def local_values(at: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return `day`, `hour` (0 to 23) and `weekday` (MO to SU) of the instant on the depot's clock. When the clock goes
    back, the repeated hour counts as one."""
    local = at.astimezone(zone)
    return {"day": local.date().isoformat(), "hour": local.hour, "weekday": WEEKDAYS[local.weekday()]}


def row_order(columns: Sequence[str]) -> Any:
    """Return a sort key for group keys: ascending column by column, None first, weekdays from Monday."""

    def key(values: Sequence[Any]) -> tuple[tuple[bool, Any], ...]:
        return tuple(
            (value is not None, "" if value is None else WEEKDAYS.index(value) if name == "weekday" else value)
            for name, value in zip(columns, values, strict=True)
        )

    return key


def check_rows(number: int) -> None:
    """Check the number of rows. Raises `ReportInvalid`."""
    if number > ROWS_MAX:
        raise ReportInvalid(
            f"The report has more than {ROWS_MAX:,} rows; shorten the period, or group by fewer columns.",
            pointer="/group_by",
        )
