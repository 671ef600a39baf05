"""What every intake promises, whichever way events come: each has its effect once, an older one never undoes a newer one, and a
bad one is refused with reasons and holds up nothing."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from access_policy.application.streams import registry_stream
from access_policy.domain.ids import TenantId
from tests.integration.event_intake.conftest import Taking
from tests.support.incoming import CARD, agreement_changed, commissioned, decommissioned, incoming
from tests.support.lengths import Length

PLATE = {"kind": "plate", "value": "B-AB 1234"}


async def recorded(taking: Taking) -> list[Any]:
    return await taking.api.container.stores.store().load(registry_stream(TenantId("acme")))


async def test_a_vehicle_in_service_is_registered_and_one_out_of_service_is_gone(taking: Taking) -> None:
    event = commissioned("bus-7", 1, identifiers=[CARD, PLATE])

    await taking.sender.deliver(event)

    vehicle = (await taking.registry()).vehicles["bus-7"]  # type: ignore[index]
    assert (vehicle.description.name, vehicle.description.access_class) == ("Bus 1", "own")
    assert [ref.masked for ref in vehicle.identifiers] == ["…E5F6", "…1234"]
    assert {each.envelope.causation_id for each in await recorded(taking)} == {event["detail"]["event_id"]}
    assert {each.envelope.actor for each in await recorded(taking)} == {"betterfleet.fleet"}

    await taking.sender.deliver(decommissioned("bus-7", 2))

    assert await taking.names() == {}
    assert await taking.fate(event) == "applied"


async def test_a_vehicle_described_anew_keeps_its_identifiers_unless_others_are_named(taking: Taking) -> None:
    await taking.sender.deliver(commissioned("bus-7", 1, identifiers=[CARD]))
    await taking.sender.deliver(commissioned("bus-7", 2))
    assert len((await taking.registry()).vehicles["bus-7"].identifiers) == 1  # type: ignore[index]

    await taking.sender.deliver(commissioned("bus-7", 3, identifiers=[]))

    assert (await taking.registry()).vehicles["bus-7"].identifiers == ()  # type: ignore[index]
    assert await taking.names() == {"bus-7": "Bus 3"}


async def test_an_agreement_is_recorded_amended_and_ended(taking: Taking) -> None:
    hours = [{"days": ["MO", "FR"], "start": "20:00", "end": "05:00"}]
    await taking.api.done("PUT", "/v1/depots/north", {"name": "North", "time_zone": "Europe/Berlin"})
    await taking.sender.deliver(agreement_changed("couriers", 1, depot_ids=["north"], hours=hours))
    (agreement,) = (await taking.registry()).agreements.values()
    assert (agreement.fleet, agreement.depot_ids, agreement.hours[0].days) == (
        *("City Couriers", frozenset({"north"})),
        ("MO", "FR"),
    )

    await taking.sender.deliver(agreement_changed("couriers", 2, ended_at="2026-07-01T12:00:00Z"))

    (agreement,) = (await taking.registry()).agreements.values()
    assert agreement.ended_at is not None


async def test_an_event_that_comes_again_has_its_effect_once(taking: Taking) -> None:
    event = commissioned("bus-7", 1, identifiers=[CARD])
    await taking.sender.deliver(event)
    before = await recorded(taking)

    await taking.sender.deliver(event, event, event)

    assert await recorded(taking) == before
    assert await taking.fate(event) == "applied"


# Every case for the intake itself; then by the ways to it, which add nothing of their own to most cases.
ORDERS = list(itertools.permutations(range(3)))
BY_EACH_ORDER = [("direct", order) for order in ORDERS] + [
    (way, order) for order in reversed(ORDERS) for way in ("http", "queue")
]
ORDERS_TRIED = Length(ci=8, soak=18, of="orders by different ways")


@pytest.mark.soak(ORDERS_TRIED)
@pytest.mark.parametrize(("taking", "order"), ORDERS_TRIED.first(BY_EACH_ORDER), indirect=["taking"])
async def test_in_whatever_order_events_come_the_newest_holds(taking: Taking, order: tuple[int, ...]) -> None:
    events = [commissioned("bus-7", 1), decommissioned("bus-7", 2), commissioned("bus-7", 3)]

    for index in order:
        await taking.sender.deliver(events[index], events[index])

    assert await taking.names() == {"bus-7": "Bus 3"}
    came = order.index(2)
    assert [await taking.fate(events[index]) for index in order[came + 1 :]] == ["outdated"] * (2 - came)
    assert await taking.fate(events[2]) == "applied"


async def test_an_older_event_does_not_bring_back_a_vehicle_that_is_gone(taking: Taking) -> None:
    await taking.sender.deliver(decommissioned("bus-7", 5))
    old = commissioned("bus-7", 4)

    await taking.sender.deliver(old)

    assert await taking.names() == {}
    assert await taking.fate(old) == "outdated"
    assert taking.sender.refused == []


EARLIER, LATER = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
BAD: list[tuple[str, Any, str]] = [
    ("no JSON", "{", ""),
    ("no object", "[]", ""),
    ("a type nobody takes in", incoming("VehiclePainted", "bus-7", 1, {"vehicle_id": "bus-7"}), "detail-type"),
    ("no version", {**commissioned("bus-7", 1), "detail": {"event_id": "x"}}, "/detail/aggregate"),
    ("a version nobody reads", incoming("VehicleDecommissioned", "b", 1, {"vehicle_id": "b"}, event_version=2), "version"),
    ("a class nobody knows", commissioned("bus-7", 1, access_class="guest"), "/detail/data/access_class"),
    ("an identifier that is none", commissioned("bus-7", 1, identifiers=[{"kind": "rfid", "value": "xyz"}]), "RFID UID"),
    ("an own vehicle with an agreement", commissioned("bus-7", 1, agreement_id="couriers"), "agreement"),
    ("a period upside down", commissioned("bus-7", 1, valid_from=LATER, valid_until=EARLIER), "valid_until"),
    ("an instant without an offset", commissioned("bus-7", 1, valid_from="2026-02-01T00:00:00"), "offset"),
    ("an id with a slash", commissioned("a/b", 1), "/detail/data/vehicle_id"),
    ("ids that differ", incoming("VehicleDecommissioned", "bus-8", 1, {"vehicle_id": "bus-7"}), "/detail/aggregate/id"),
    ("half a surrogate pair", json.dumps(commissioned("bus-7", 1, name="a\ud800")), ""),
]  # fmt: skip


BAD_BY_EACH_WAY = [("direct", *bad) for bad in BAD] + [(way, *bad) for bad in BAD for way in ("http", "queue")]
BAD_TRIED = Length(ci=19, soak=39, of="bad events by different ways")


@pytest.mark.soak(BAD_TRIED)
@pytest.mark.parametrize(
    ("taking", "what", "message", "reason"),
    BAD_TRIED.first(BAD_BY_EACH_WAY),
    ids=lambda value: value.replace(" ", "_") if isinstance(value, str) and len(value) < 40 else "",
    indirect=["taking"],
)
async def test_a_bad_event_is_refused_with_reasons_and_holds_up_nothing(
    taking: Taking, what: str, message: Any, reason: str
) -> None:
    await taking.sender.deliver(message, commissioned("bus-1", 1))

    (refused,) = taking.sender.refused
    assert reason in refused
    assert "xyz" not in refused, "no value of an identifier is repeated"
    assert await taking.names() == {"bus-1": "Bus 1"}


async def test_what_does_not_fit_yet_fits_when_it_comes_again(taking: Taking) -> None:
    early = commissioned("van-1", 1, access_class="agreement", agreement_id="couriers")
    if type(taking.sender).__name__ == "ByQueue":
        await taking.sender.deliver(early, agreement_changed("couriers", 1))
    else:
        await taking.sender.deliver(early)
        assert await taking.fate(early) == "not_yet"
        await taking.sender.deliver(agreement_changed("couriers", 1))

    await taking.sender.deliver_again(early)

    assert await taking.names() == {"van-1": "Bus 1"}
    assert await taking.fate(early) == "applied"
    assert taking.sender.refused == []


async def test_a_refused_event_makes_no_older_one_outdated(taking: Taking) -> None:
    await taking.sender.deliver(commissioned("bus-7", 3, identifiers=[{"kind": "rfid", "value": "xyz"}]))

    await taking.sender.deliver(commissioned("bus-7", 2))

    assert await taking.names() == {"bus-7": "Bus 2"}


async def test_when_it_cannot_be_recorded_now_an_event_is_taken_in_later(taking: Taking) -> None:
    event = commissioned("bus-7", 1)
    taking.watched.is_away = True
    await taking.sender.deliver(event)
    assert await taking.names() == {}

    taking.watched.is_away = False
    await taking.sender.deliver_again(event)

    assert await taking.names() == {"bus-7": "Bus 1"}
    assert taking.sender.refused == []
