"""The tour of the console: a stop for each page, and the ids that the paths of a depot's pages need.

A page without a stop fails tests/unit/http/test_console_stops.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from access_policy.entrypoints.http import console

Ids = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stop:
    """`page` names the screenshots. `{name}` in the route and in the query stands for an id of the depot.

    A link on the page of the stop `linked_on` leads here; `linked_on=None`: the page is reached in another way, as `how` says.
    """

    page: str
    route: str
    query: str = ""
    linked_on: str | None = "board"
    how: str = ""

    def path(self, ids: Ids) -> str:
        quoted = {name: quote(each, safe="") for name, each in ids.items()}
        query = f"depot_id={quoted['depot_id']}" + (f"&{self.query.format(**quoted)}" if self.query else "")
        return f"{self.route.format(**quoted)}?{query}"


STOPS: Final = (
    Stop("board", "/console/board", linked_on="attempts"),
    Stop("board-day", "/console/board", "view=day"),
    Stop("board-week", "/console/board", "view=week"),
    Stop("charger", "/console/chargers/{charger_id}"),
    Stop("charger-operations", "/console/chargers/{charger_id}/operations", linked_on="charger"),
    Stop("charger-log", "/console/chargers/{charger_id}/log", linked_on="charger"),
    Stop("chargers", "/console/chargers"),
    Stop("charger-settings", "/console/chargers/{charger_id}/settings", linked_on="charger"),
    Stop("charger-password", "/console/chargers/{charger_id}/password", linked_on="charger"),
    Stop("charger-probe", "/console/chargers/{charger_id}/probe", linked_on="charger"),
    Stop("charger-plan", "/console/chargers/{charger_id}/plan", linked_on="charger"),
    Stop("new-rule", "/console/chargers/{charger_id}/plan/rules", linked_on="charger-plan"),
    Stop("rule", "/console/chargers/{charger_id}/plan/rules/{rule_id}", linked_on="charger-plan"),
    Stop("rule-withdraw", "/console/chargers/{charger_id}/plan/rules/{rule_id}/withdraw", linked_on="charger-plan"),
    Stop("charger-import", "/console/charger-imports", linked_on="chargers"),
    Stop(
        "charger-import-review", "/console/charger-imports/{charger_plan_id}", linked_on=None, how="a file is uploaded"
    ),
    Stop("register-charger", "/console/register-charger"),
    Stop("attempts", "/console/attempts"),
    Stop("attempts-denied", "/console/attempts", "decision=denied", linked_on="attempts"),
    Stop("attempt-denied", "/console/attempts/{denied_attempt_id}", linked_on="attempts-denied"),
    Stop("attempt-charged", "/console/attempts/{charged_attempt_id}", linked_on="attempts"),
    Stop("identifiers-to-enrol", "/console/denied-identifiers", linked_on="vehicles"),
    Stop("enrol", "/console/denied-identifiers/{denied_id}/enrol", linked_on="identifiers-to-enrol"),
    Stop("faults", "/console/faults", linked_on="attempts"),
    Stop("vehicles", "/console/vehicles"),
    Stop("vehicle", "/console/vehicles/{vehicle_id}", linked_on="vehicles"),
    Stop("vehicle-suspend", "/console/vehicles/{vehicle_id}/{act}", linked_on="vehicle"),
    Stop("new-vehicle", "/console/new-vehicle", linked_on="vehicles"),
    Stop("vehicle-import", "/console/vehicle-imports", linked_on="vehicles"),
    Stop("vehicle-import-review", "/console/vehicle-imports/{plan_id}", linked_on=None, how="a file is uploaded"),
    Stop("agreements", "/console/agreements"),
    Stop("agreement", "/console/agreements/{agreement_id}", linked_on="agreements"),
    Stop("agreement-end", "/console/agreements/{agreement_id}/end", linked_on="agreement"),
    Stop("new-agreement", "/console/new-agreement", linked_on="agreements"),
    Stop("overrides", "/console/overrides"),
    Stop("new-override", "/console/overrides/new", linked_on="overrides"),
    Stop("reports", "/console/reports"),
    Stop("plan", "/console/plan"),
    Stop("new-entry", "/console/plan/new", linked_on="plan"),
    Stop("reservation", "/console/reservations/{reservation_id}", linked_on="plan"),
    Stop("reservation-change", "/console/reservations/{reservation_id}/change", linked_on="reservation"),
    Stop("reservation-groups", "/console/plan/groups", linked_on="plan"),
    Stop("entrances", "/console/entrances", linked_on="chargers"),
    Stop("reservation-settings", "/console/plan/settings", linked_on="plan"),
    Stop("dispatch-import", "/console/plan/imports", linked_on="plan"),
    Stop(
        "dispatch-import-review", "/console/plan/imports/{dispatch_plan_id}", linked_on=None, how="a file is uploaded"
    ),
    Stop("energy", "/console/energy"),
    Stop("energy-why", "/console/energy/chargers/{charger_id}", linked_on="energy"),
    Stop("energy-node", "/console/energy/nodes/{node_id}", linked_on="energy"),
    Stop("new-energy-node", "/console/energy/new-node", linked_on="energy"),
    Stop("energy-policy", "/console/energy/policy", linked_on="energy"),
    Stop("new-envelope", "/console/energy/new-envelope", linked_on="energy"),
    Stop("schedules", "/console/schedules"),
    Stop("schedule", "/console/schedules/{schedule_id}", linked_on="schedules"),
    Stop("schedule-withdraw", "/console/schedules/{schedule_id}/withdraw", linked_on="schedule"),
    Stop("new-schedule", "/console/schedules/new", linked_on="schedules"),
    Stop("calendars", "/console/calendars"),
    Stop("search", "/console/search", "q={found}", linked_on=None, how="the search in the header"),
    Stop("signed-in", "/console/signed-in", linked_on=None, how="a sign-in beside a half-filled form"),
)

EMPTY: Final = tuple(
    Stop(f"{page}-empty", route, query, linked_on=None, how="a depot without chargers")
    for page, route, query in (
        ("board", "/console/board", ""),
        ("chargers", "/console/chargers", ""),
        ("attempts", "/console/attempts", ""),
        ("attempts-filtered", "/console/attempts", "q=no-such-bus"),
        ("faults", "/console/faults", ""),
        ("overrides", "/console/overrides", ""),
        ("reports", "/console/reports", ""),
        ("plan", "/console/plan", ""),
        ("energy", "/console/energy", ""),
        ("reservation-groups", "/console/plan/groups", ""),
        ("entrances", "/console/entrances", ""),
        ("schedules", "/console/schedules", ""),
        ("calendars", "/console/calendars", ""),
        ("vehicles", "/console/vehicles", "q=no-such-bus"),
        ("search", "/console/search", "q=no-such-bus"),
    )
)
"""The lists of a depot in which nothing has happened yet."""

NOT_PAGES: Final = {
    "/console/assets/{digest}/{name:path}": "a file",
    "/console/reports/files/{name}.{kind}": "a file",
    "/login": "leads to the identity provider",
    "/login/callback": "comes from the identity provider",
    "/login/once": "leads to the console",
    "/console/{path:path}": "an address that leads nowhere (tests/integration/console/tour/test_refused.py)",
    "/": "leads to the board",
    "/console": "leads to the board",
    "/console/": "leads to the board",
    "/console/profile-meaning": "a part of a charger's settings",
    "/console/plan/at-risk": "a part of the board and of a charger",
    "/console/energy/now": "a part of the board",
    "/console/energy/at-charger": "a part of a charger",
    "/console/board/problems": "a part of the board",
    "/console/board/chargers": "a part of the board",
    "/console/board/rows": "a part of the board",
    "/console/attempts/rows": "a part of the attempts",
    "/console/attempts/{attempt_id}/facts": "a part of the attempt",
    "/console/vehicles/{vehicle_id}/{act}/what-if": "a part of the question",
    "/console/agreements/{agreement_id}/end/what-if": "a part of the question",
}


def routes() -> set[str]:
    """The paths of all that a browser can open, with the names of their parameters left out."""
    return {
        without_names(route.path)  # type: ignore[attr-defined]
        for router in console.ROUTERS
        for route in router.routes
        if "GET" in route.methods  # type: ignore[attr-defined]
    }


def without_names(path: str) -> str:
    return "/".join("{}" if part.startswith("{") and part.endswith("}") else part for part in path.split("/"))
