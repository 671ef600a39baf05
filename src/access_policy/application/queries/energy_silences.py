"""The feeds of a site's energy that were silent, the begin and end of each silence, and the fallback that applied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.application.ports.views import Row
from access_policy.application.queries.energy_limits import LimitHistory, LimitSpan
from access_policy.application.queries.report_columns import ColumnType, columns_of, instants, on_both_clocks
from access_policy.domain.ids import EnergyNodeId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.evaluation import Limit
from access_policy.domain.site_energy.events import DegradedReason
from access_policy.domain.site_energy.gate import LimitSource


class FellBackTo(StrEnum):
    """The value that the service used at a node while a feed was silent."""

    HELD_ENVELOPE = "held_envelope"  # the last envelope's own limit, for the hold time
    FALLBACK_LIMIT = "fallback_limit"  # the fallback limit of the last envelope
    OTHER_SOURCE = "other_source"  # an envelope of another source that was not silent
    STATIC_LIMIT = "static_limit"
    NO_LIMIT = "no_limit"
    GREATER_DEMAND = (
        # the greater of the last measurement and the possible draw of the running charges, for the hold time
        "greater_demand"
    )
    POSSIBLE_DRAW = "possible_draw"  # the possible draw of the running charges


SILENCE_COLUMNS: Final = (
    *columns_of(ColumnType.TEXT, "depot_id", "reason", "source", "node_id"),
    *instants("since", "restored_at"),
    *columns_of(ColumnType.INTEGER, "silent_s"),
    *columns_of(ColumnType.TEXT, "fell_back_to"),
)
_OF_LIMITS: Final = {
    LimitSource.STALE_POLICY: FellBackTo.HELD_ENVELOPE,
    LimitSource.FALLBACK_ENVELOPE: FellBackTo.FALLBACK_LIMIT,
    LimitSource.FRESH_ENVELOPE: FellBackTo.OTHER_SOURCE,
    LimitSource.STATIC_NODE: FellBackTo.STATIC_LIMIT,
    LimitSource.CHARGER: FellBackTo.STATIC_LIMIT,
}
_MOMENT: Final = timedelta(microseconds=1)


def silence_rows(silences: Sequence[Row], past: LimitHistory, zone: ZoneInfo, now: datetime) -> list[dict[str, Any]]:
    """Return one row per silent feed and node that it concerns, by start. `silent_s` and `fell_back_to` cover the
    period of `past` until `now`. `fell_back_to` lists all fallbacks in the order in which they applied, separated by
    commas."""
    rows = [row for silence in silences for row in _rows_of(silence, past, zone, now)]
    return sorted(rows, key=lambda row: (row["since"], row["reason"], row["source"] or "", row["node_id"] or ""))


def _rows_of(silence: Row, past: LimitHistory, zone: ZoneInfo, now: datetime) -> Iterator[dict[str, Any]]:
    start = max(silence["since"], past.since)
    end = max(start + _MOMENT, min(silence["restored_at"] or now, past.until))
    common = {
        "depot_id": silence["depot_id"],
        "reason": silence["reason"],
        **on_both_clocks("since", silence["since"], zone),
        **on_both_clocks("restored_at", silence["restored_at"], zone),
        "silent_s": round((end - start).total_seconds()),
    }
    if silence["reason"] == DegradedReason.MEASUREMENT_STALE:
        fallbacks = _demand(silence, past.site.policy or EnergyPolicy(), start, end)
        yield {**common, "source": None, "node_id": silence["feed"], "fell_back_to": ",".join(fallbacks)}
        return
    source, spans = silence["feed"], past.spans()
    found = {
        node_id: _limits(spans.get(node_id, ()), past, source, start, end) for node_id in sorted(past.nodes_of[source])
    }
    concerned: dict[EnergyNodeId | None, list[FellBackTo]] = {each: found[each] for each in found if found[each]}
    for node_id, fallbacks in (concerned or {None: []}).items():
        yield {**common, "source": source, "node_id": node_id, "fell_back_to": ",".join(fallbacks)}


def _limits(
    spans: Sequence[LimitSpan], past: LimitHistory, source: str, start: datetime, end: datetime
) -> list[FellBackTo]:
    """Return what limited the node in `[start, end)`, without the source's own envelopes before and after its silence."""
    found: dict[FellBackTo, None] = {}
    for span in spans:
        if span.start < end and span.end > start and not _is_fresh(span.limit, past, source):
            found[FellBackTo.NO_LIMIT if span.limit is None else _OF_LIMITS[span.limit.source]] = None
    return list(found)


def _is_fresh(limit: Limit | None, past: LimitHistory, source: str) -> bool:
    """Return whether the limit belongs to an envelope that the source itself has just sent."""
    if limit is None or limit.envelope is None or limit.source is not LimitSource.FRESH_ENVELOPE:
        return False
    return past.source_of.get(limit.envelope.envelope_id) == source


def _demand(silence: Row, policy: EnergyPolicy, start: datetime, end: datetime) -> list[FellBackTo]:
    held_until = silence["since"] + policy.hold_max
    held = [FellBackTo.GREATER_DEMAND] if start < held_until else []
    return [*held, FellBackTo.POSSIBLE_DRAW] if end > held_until else held
