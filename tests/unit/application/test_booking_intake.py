"""Bookings that other services announce on the bus."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from access_policy.adapters.event_intake.messages import BadEvent, read
from access_policy.application.ports.event_intake import IntakeStatus
from tests.support.http_api import HttpApi, http_api
from tests.support.incoming import booked, booking_canceled
from tests.unit.http.conftest import CHARGER, DEPOT

GIVEN = (("PUT", "/v1/depots/north", DEPOT), ("PUT", "/v1/chargers/bay-1", CHARGER))
CHANGED = "BookingChanged"
LATER = {"start": "2026-12-01T21:00:00Z", "end": "2026-12-01T22:00:00Z"}
RESERVED, MOVED, CANCELLED = booked("b1", 1), booked("b1", 2, CHANGED, **LATER), booking_canceled("b1", 3)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path, given=GIVEN) as opened:
        yield opened


async def taken(api: HttpApi, message: dict[str, Any]) -> IntakeStatus:
    result = await api.container.intake.receiver().receive(read(json.dumps(message)))
    return result.status  # type: ignore[no-any-return]


async def in_book(api: HttpApi) -> list[tuple[str, str, str | None]]:
    """Start, end and outcome of each reservation."""
    async with api.container.deciding.books().locked("acme", "north") as book:
        return [
            (
                f"{each.reservation.start:%H:%M}",
                f"{each.reservation.end:%H:%M}",
                None if each.outcome is None else each.outcome.value,
            )
            for each in book.entries.by_id.values()
        ]


async def test_booking_is_reserved_changed_and_cancelled(api: HttpApi) -> None:
    assert await taken(api, RESERVED) is IntakeStatus.APPLIED
    assert await in_book(api) == [("18:00", "20:00", None)]
    assert await taken(api, MOVED) is IntakeStatus.APPLIED
    assert await in_book(api) == [("21:00", "22:00", None)]
    assert await taken(api, CANCELLED) is IntakeStatus.APPLIED
    assert await in_book(api) == [("21:00", "22:00", "cancelled")]


@pytest.mark.parametrize("order", list(itertools.permutations((RESERVED, MOVED, CANCELLED))))
async def test_repetitions_and_any_order_leave_no_live_booking_after_its_cancellation(
    api: HttpApi, order: tuple[dict[str, Any], ...]
) -> None:
    for message in (*order, *order):
        assert await taken(api, message) in (IntakeStatus.APPLIED, IntakeStatus.DUPLICATE, IntakeStatus.OUTDATED)

    assert {outcome for *_, outcome in await in_book(api)} <= {"cancelled"}


async def test_change_that_arrives_first_makes_the_booking_and_the_older_message_changes_nothing(api: HttpApi) -> None:
    assert await taken(api, MOVED) is IntakeStatus.APPLIED
    assert await taken(api, RESERVED) is IntakeStatus.OUTDATED

    assert await in_book(api) == [("21:00", "22:00", None)]


async def test_overlapping_booking_may_fit_later_and_an_impossible_one_is_refused(api: HttpApi) -> None:
    await taken(api, RESERVED)

    assert await taken(api, booked("b2", 1)) is IntakeStatus.NOT_YET
    assert await taken(api, booked("b3", 1, charger_id="bay-9")) is IntakeStatus.REFUSED
    assert await taken(api, booked("b4", 1, end="2026-12-01T17:00:00Z")) is IntakeStatus.REFUSED
    assert await in_book(api) == [("18:00", "20:00", None)]


async def test_booking_without_a_holder_is_taken_and_admits_nobody(api: HttpApi) -> None:
    assert await taken(api, booked("b1", 1, holder={})) is IntakeStatus.APPLIED

    async with api.container.deciding.books().locked("acme", "north") as book:
        assert all(each.reservation.holder.admits_nobody for each in book.entries.by_id.values())


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"charger_id": None}, "/detail/data"),
        ({"group_id": "fast"}, "/detail/data"),
        ({"start": "2026-12-01T18:00:00"}, "/detail/data/start"),
        ({"terms": {"early_start_min": -1}}, "/detail/data/terms/early_start_min"),
        ({"holder": {"identifiers": [{"kind": "badge", "value": "1"}]}}, "/detail/data/holder/identifiers/0/kind"),
    ],
)
async def test_malformed_booking_is_refused_with_the_place_of_the_fault(wrong: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadEvent) as refused:
        read(json.dumps(booked("b1", 1, **wrong)))

    assert [each for each, _ in refused.value.reasons] == [pointer]


async def test_message_about_another_booking_than_its_aggregate_is_refused() -> None:
    message = booked("b1", 1)
    message["detail"]["data"]["booking_id"] = "b2"

    with pytest.raises(BadEvent, match="/detail/aggregate/id"):
        read(json.dumps(message))
