"""The pages in the navigation, in the order of their use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.http.auth import READERS


@dataclass(frozen=True, slots=True)
class Entry:
    """`path` is the page's, and the beginning of the paths of the pages below it."""

    title: str
    path: str
    roles: Collection[Role] = READERS


ENTRIES: Final = (
    Entry("Board", "/console/board"),
    Entry("Attempts", "/console/attempts"),
    Entry("Vehicles", "/console/vehicles"),
    Entry("Chargers", "/console/chargers"),
    Entry("Overrides", "/console/overrides"),
    Entry("Agreements", "/console/agreements"),
    Entry("Reports", "/console/reports"),
    Entry("Schedules", "/console/schedules"),
    Entry("Calendars", "/console/calendars"),
)
