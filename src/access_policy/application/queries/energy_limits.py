"""The time for which a node's measured demand was above its static limit and above an operating envelope."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from access_policy.application.ports.views import Row
from access_policy.application.queries.report_columns import ColumnType, columns_of

SAMPLE_MAX: Final = timedelta(minutes=5)  # a measurement stands for no longer than this
LIMIT_COLUMNS: Final = (
    *columns_of(ColumnType.TEXT, "depot_id", "node_id"),
    *columns_of(ColumnType.INTEGER, "measured_s", "above_static_s", "above_envelope_s", "highest_w", "most_above_w"),
)


def node_rows(
    demand: Sequence[Row], limits: Sequence[Row], envelopes: Sequence[Row], *, until: datetime
) -> dict[str, int | None]:
    """`demand` of one node by time, the history of its static limit, and its envelopes. Seconds, and watts (None: never
    measured). Each measurement stands until the next one, for at most `SAMPLE_MAX`."""
    measured = above_static = above_envelope = timedelta()
    most_above = 0
    for sample, end in _samples(demand, until):
        at, demand_w = sample["observed_at"], sample["demand_w"]
        lasted = end - at
        measured += lasted
        static_w, envelope_w = static_limit(limits, at), envelope_limit(envelopes, at)
        if static_w is not None and demand_w > static_w:
            above_static += lasted
        if envelope_w is not None and demand_w > envelope_w:
            above_envelope += lasted
        lowest = min((each for each in (static_w, envelope_w) if each is not None), default=None)
        most_above = max(most_above, 0 if lowest is None else demand_w - lowest)
    return {
        "measured_s": round(measured.total_seconds()),
        "above_static_s": round(above_static.total_seconds()),
        "above_envelope_s": round(above_envelope.total_seconds()),
        "highest_w": max((each["demand_w"] for each in demand), default=None),
        "most_above_w": most_above,
    }


def _samples(demand: Sequence[Row], until: datetime) -> Iterator[tuple[Row, datetime]]:
    for sample, following in pairwise([*demand, None]):
        assert sample is not None
        end = until if following is None else following["observed_at"]
        yield sample, min(end, sample["observed_at"] + SAMPLE_MAX, until)


def static_limit(limits: Sequence[Row], at: datetime) -> int | None:
    """The static limit at `at`, by the history of the node; None without one."""
    found: Any = None
    for each in limits:
        if each["at"] > at:
            break
        found = each["limit_w"]
    return None if found is None else int(found)


def envelope_limit(envelopes: Sequence[Row], at: datetime) -> int | None:
    """The least limit of the envelopes that were known and in force at `at`; of a source the highest sequence counts."""
    highest: dict[str, Row] = {}
    for each in envelopes:
        is_in_force = each["valid_from"] <= at < each["valid_until"] and each["received_at"] <= at
        known = highest.get(each["source"])
        if is_in_force and (known is None or each["sequence"] > known["sequence"]):
            highest[each["source"]] = each
    counting = (each for each in highest.values() if each["withdrawn_at"] is None or each["withdrawn_at"] > at)
    return min((int(each["import_limit_w"]) for each in counting), default=None)
