"""The pages in the navigation, in the order of their use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.middleware import CONSOLE_CHARGER_IMPORTS, CONSOLE_VEHICLE_IMPORTS


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation. `path` is its path and the prefix of the pages below it. `others` are the paths of
    further pages below it, which could be mistaken for ids if they began with `path`."""

    title: str
    path: str
    roles: Collection[Role] = READERS
    others: tuple[str, ...] = ()

    def leads_to(self, path: str) -> bool:
        """Return whether `path` is a page below this one."""
        return any(path == each or path.startswith(f"{each}/") for each in (self.path, *self.others))


VEHICLE_PAGES: Final = ("/console/new-vehicle", "/console/denied-identifiers")
ENTRIES: Final = (
    Entry("Board", "/console/board"),
    Entry("Plan", "/console/plan", others=("/console/reservations",)),
    Entry("Energy", "/console/energy"),
    Entry("Attempts", "/console/attempts", others=("/console/faults",)),
    Entry("Vehicles", "/console/vehicles", others=(*VEHICLE_PAGES, CONSOLE_VEHICLE_IMPORTS)),
    Entry("Chargers", "/console/chargers", others=("/console/register-charger", CONSOLE_CHARGER_IMPORTS)),
    Entry("Overrides", "/console/overrides"),
    Entry("Agreements", "/console/agreements", others=("/console/new-agreement",)),
    Entry("Reports", "/console/reports"),
    Entry("Schedules", "/console/schedules"),
    Entry("Calendars", "/console/calendars"),
)
