"""Valid and invalid forecasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

HOUR = timedelta(hours=1)


def on_the_wire(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def block(
    start: datetime, capacity: float, *, hours: float = 1, unit: str = "KW", phase: str = "ALL"
) -> dict[str, Any]:
    return {
        "capacity": capacity,
        "phase": phase,
        "unit": unit,
        "start_time": on_the_wire(start),
        "end_time": on_the_wire(start + hours * HOUR),
    }


def forecast(*blocks: dict[str, Any], group_id: str = "grid", kind: str = "CONSUMPTION") -> dict[str, Any]:
    return {"group_id": group_id, "type": kind, "forecasted_blocks": list(blocks)}


def bad_forecasts(now: datetime) -> dict[str, dict[str, Any]]:
    """Return forecasts that a flexibility provider has to refuse, by the fault in them."""
    later = now + HOUR
    good = block(later, 100)
    return {
        "unknown group": forecast(good, group_id="nobody"),
        "overlapping blocks": forecast(good, block(later + HOUR / 2, 50)),
        "negative capacity": forecast(block(later, -1)),
        "absurd capacity": forecast(block(later, 10_000_000)),
        "end before start": forecast(block(later, 1, hours=-1)),
        "no blocks": forecast(),
        "unknown unit": forecast(block(later, 1, unit="MW")),
        "unknown type": forecast(good, kind="WISH"),
        "time without an offset": forecast({**good, "start_time": good["start_time"].rstrip("Z")}),
        "capacity as text": forecast({**good, "capacity": "much"}),
    }
