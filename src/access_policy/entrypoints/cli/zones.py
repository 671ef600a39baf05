"""The time zone in which a time is read or shown.

In this order: `--time-zone`, the zone of the named depot or of the named charger's depot, and the zone that all depots
of the tenant share. Otherwise times in responses are shown in UTC, and the command refuses a typed time without an
offset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Depots = Callable[[], Iterable[Mapping[str, Any]]]
Charger = Callable[[str], Mapping[str, Any] | None]


class NoSuchZone(ValueError):
    """The time zone's name is unknown."""


def zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NoSuchZone(f"unknown time zone {name!r}; write it like Europe/Berlin") from error


class Zones:
    """Finds zones, and requests each from the service at most once. An unavailable zone is None, not an error."""

    def __init__(self, chosen: str | None, depots: Depots, charger: Charger) -> None:
        self._chosen = None if chosen is None else zone_named(chosen)
        self._depots = depots
        self._charger = charger
        self._of_chargers: dict[str, ZoneInfo | None] = {}

    def typed(self, *, charger: str | None = None, depot: str | None = None) -> ZoneInfo | None:
        """Return the zone of a typed time without an offset; None if it is unknown."""
        return self._chosen or self.of_depot(depot) or self.of_charger(charger) or self.shared

    def of(self, row: Mapping[str, Any]) -> ZoneInfo:
        """Return the zone of the times in a response."""
        if self._chosen is not None:
            return self._chosen
        if row.get("time_zone"):
            return zone_named(row["time_zone"])
        if self.shared is not None:
            return self.shared
        charger = row.get("charger_id") or next(iter(row.get("charger_ids") or ()), None)
        return self.of_depot(row.get("depot_id")) or self.of_charger(charger) or zone_named("UTC")

    def of_depot(self, depot_id: str | None) -> ZoneInfo | None:
        return None if depot_id is None else self._of_depots.get(depot_id)

    def of_charger(self, charger_id: str | None) -> ZoneInfo | None:
        if charger_id is None:
            return None
        if charger_id not in self._of_chargers:
            found = self._charger(charger_id)
            self._of_chargers[charger_id] = None if found is None else zone_named(found["time_zone"])
        return self._of_chargers[charger_id]

    @cached_property
    def shared(self) -> ZoneInfo | None:
        zones = set(self._of_depots.values())
        return zones.pop() if len(zones) == 1 else None

    @cached_property
    def _of_depots(self) -> dict[str, ZoneInfo]:
        return {each["depot_id"]: zone_named(each["time_zone"]) for each in self._depots()}
