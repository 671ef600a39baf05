"""No path of the console hides the page of a thing whose id an operator chose, such as a charger named `import`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import pytest

from access_policy.entrypoints.http import console

GIVEN_BY_OPERATORS = {"{charger_id}", "{vehicle_id}", "{agreement_id}", "{calendar_id}", "{depot_id}"}


def test_paths_of_the_console_hide_no_id_that_an_operator_can_give() -> None:
    paths = {
        (method, route.path)  # type: ignore[attr-defined]
        for router in console.ROUTERS
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }

    assert sorted(_hidden(paths)) == []


@pytest.mark.parametrize(
    ("other", "hides"),
    [
        ("/console/chargers/import", True),
        ("/console/chargers/import/{plan_id}", True),
        ("/console/charger-imports/{plan_id}", False),
        ("/console/chargers/{charger_id}/log", False),
    ],
)
def test_hidden_ids_are_found(other: str, hides: bool) -> None:
    paths = {("GET", other), ("GET", "/console/chargers/{charger_id}"), ("GET", "/console/chargers/{charger_id}/probe")}

    assert bool(list(_hidden(paths))) == hides


def _hidden(paths: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Pairs of paths that one URL fits, where the first has a word in the place of such an id."""
    for (method, one), (other_method, other) in combinations(sorted(paths), 2):
        parts = list(zip(one.split("/"), other.split("/"), strict=False))
        fits = method == other_method and one.count("/") == other.count("/")
        if fits and all(a == b or a.startswith("{") or b.startswith("{") for a, b in parts):
            for a, b in parts:
                if a != b and {a, b} & GIVEN_BY_OPERATORS and not (a.startswith("{") and b.startswith("{")):
                    yield f"{one} and {other}"
