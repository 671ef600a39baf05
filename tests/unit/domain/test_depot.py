"""Depot: what its chargers share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from access_policy.domain.depots.depot import DepotAmended, DepotInvalid, register
from access_policy.domain.errors import Refused
from access_policy.domain.ids import DepotId, InvalidId, InvalidName
from access_policy.domain.instants import UnknownTimeZone
from tests.support.builders import NORTH, depot_registered, depot_settings
from tests.support.spec import given_depot


def test_a_depot_is_registered_and_amended_and_put_again_without_effect() -> None:
    moved = depot_settings(time_zone="Europe/Madrid", language="es", longest_override_days=366)

    given_depot().when(lambda _: register(NORTH, depot_settings())).then(depot_registered())
    given_depot(depot_registered()).when(lambda d: d.put(depot_settings())).then_nothing()
    depot = (
        given_depot(depot_registered()).when(lambda d: d.put(moved)).then(DepotAmended(depot_id=NORTH, settings=moved))
    )
    assert (depot.settings, depot.version, depot.longest_override) == (moved, 2, timedelta(days=366))


@pytest.mark.parametrize(
    ("changes", "error", "pointer"),
    [
        ({"name": " "}, InvalidName, "/name"),
        ({"time_zone": "Berlin"}, UnknownTimeZone, "/time_zone"),
        ({"language": "xx"}, DepotInvalid, "/language"),
        ({"longest_override_days": 0}, DepotInvalid, "/longest_override_days"),
        ({"longest_override_days": 367}, DepotInvalid, "/longest_override_days"),
    ],
)
def test_a_depot_that_cannot_be_is_refused(changes: dict[str, Any], error: type[Refused], pointer: str) -> None:
    given_depot().when(lambda _: register(NORTH, depot_settings(**changes))).then_refused(error, pointer=pointer)
    given_depot(depot_registered()).when(lambda d: d.put(depot_settings(**changes))).then_refused(
        error, pointer=pointer
    )


def test_a_depot_id_of_three_hundred_characters_is_refused() -> None:
    given_depot().when(lambda _: register(DepotId("x" * 300), depot_settings())).then_refused(InvalidId)
