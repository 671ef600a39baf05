"""The part of the reports about the energy of sites: refused starts, time above limits, and feeds that were silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from access_policy.application.queries.energy_limits import ABOVE
from access_policy.application.queries.energy_report import COUNTS, EnergyQuestion, EnergyReports
from access_policy.application.queries.energy_silences import FellBackTo
from access_policy.domain.site_energy.events import DegradedReason
from access_policy.entrypoints.http.console.energy_words import SOURCES, power
from access_policy.entrypoints.http.console.here import Visit
from access_policy.entrypoints.http.console.reports_asked import Asked

LOOKED_AT_MAX: Final = timedelta(days=32)  # because limits need every measured minute of the period
ROWS_SHOWN: Final = 15
FALLBACKS: Final = {
    FellBackTo.HELD_ENVELOPE: "its last limit, held",
    FellBackTo.FALLBACK_LIMIT: "its fallback limit",
    FellBackTo.OTHER_SOURCE: "an envelope of another source",
    FellBackTo.STATIC_LIMIT: "the static limit",
    FellBackTo.NO_LIMIT: "no limit",
    FellBackTo.GREATER_DEMAND: "the last measurement, or what the charges may draw if that is more",
    FellBackTo.POSSIBLE_DRAW: "what the charges may draw",
}


@dataclass(frozen=True, slots=True)
class EnergyReported:
    """The energy part of the reports. `starts` are the counts of `energy_report`. `above`: the nodes other than
    chargers that spent time above a limit, the longest first, each with its peak excess and the sources of these limits
    in words; None: the period is longer than `LOOKED_AT_MAX`. `silences`: the latest first."""

    starts: dict[str, int]
    above: list[tuple[dict[str, Any], str, str]] | None
    silences: list[tuple[dict[str, Any], str, str]]
    silence_count: int


async def energy_reported(here: Visit, asked: Asked, reports: EnergyReports) -> EnergyReported | None:
    """Return the energy part; None if no gate judged a start, no node was measured and no feed was silent."""
    tenant_id = here.caller.tenant_id
    wanted = EnergyQuestion(
        since=asked.since,
        until=asked.until,
        depot_id=here.depot_id,
        charger_id=asked.charger_id or None,
        depots=here.caller.depots,
    )
    starts = (await reports.starts(tenant_id, [], wanted)).rows
    silences = list((await reports.silences(tenant_id, wanted)).rows)
    is_short = asked.until - asked.since <= LOOKED_AT_MAX
    limits = (await reports.limits(tenant_id, wanted, with_chargers=False)).rows if is_short else None
    if not starts and not silences and not any(row["measured_s"] for row in limits or ()):
        return None
    return EnergyReported(
        starts={name: starts[0][name] if starts else 0 for name in COUNTS},
        above=None if limits is None else _above(limits),
        silences=[(row, *_in_words(row)) for row in reversed(silences[-ROWS_SHOWN:])],
        silence_count=len(silences),
    )


def _above(rows: Any) -> list[tuple[dict[str, Any], str, str]]:
    longest = sorted((row for row in rows if row["above_s"]), key=lambda row: (-row["above_s"], row["node_id"]))
    return [(row, power(row["most_above_w"]), _sources(row)) for row in longest[:ROWS_SHOWN]]


def _sources(row: dict[str, Any]) -> str:
    return ", ".join(SOURCES[source] for source, name in ABOVE.items() if row[name])


def _in_words(row: dict[str, Any]) -> tuple[str, str]:
    """Return the feed, and what counted instead."""
    is_meter = row["reason"] == DegradedReason.MEASUREMENT_STALE
    feed = f"Demand of {row['node_id']}" if is_meter else f"Source {row['source']}"
    names = [FALLBACKS[FellBackTo(name)] for name in row["fell_back_to"].split(",") if name]
    return feed, ", then ".join(names) or "nothing: none of its envelopes was in force"
