"""Who is notified of what chargers report."""

from __future__ import annotations

from typing import Any

from access_policy.application.charger_events import ChargerEventDispatcher
from access_policy.domain.ids import ChargerId, TenantId

BAY = (TenantId("acme"), ChargerId("bay-1"))
OTHER = (TenantId("acme"), ChargerId("bay-2"))


class Listeners:
    """One listener of each kind, and what each received."""

    def __init__(self, events: ChargerEventDispatcher) -> None:
        self.received: list[tuple[Any, ...]] = []
        events.on_connected(lambda *args: self.received.append(("connected", *args)))
        events.on_drift(lambda *args: self.received.append(("drift", *args)))
        events.on_energy(self._energy)
        events.on_plug(lambda *args: self.received.append(("plug", *args)))
        events.on_decision(lambda *args: self.received.append(("decision", *args)))

    async def _energy(self, report: Any) -> None:
        self.received.append(("energy", report))


async def test_dispatcher_with_one_listener_of_each_kind_notifies_that_one_only() -> None:
    events = ChargerEventDispatcher()
    listeners = Listeners(events)
    report, decision = object(), object()

    events.connected(BAY, "boot")
    events.drift_reported(BAY, "the switch changed")
    await events.energy_reported(report)  # type: ignore[arg-type]
    events.plug_changed(BAY, 2, True)
    events.decided(BAY, decision)  # type: ignore[arg-type]

    assert listeners.received == [
        ("connected", BAY, "boot"),
        ("drift", BAY, "the switch changed"),
        ("energy", report),
        ("plug", BAY, 2, True),
        ("decision", BAY, decision),
    ]


def test_dispatcher_with_several_listeners_notifies_them_in_the_order_of_subscription() -> None:
    events, received = ChargerEventDispatcher(), []
    events.on_connected(lambda key, trigger: received.append("first"))
    events.on_connected(lambda key, trigger: received.append("second"))

    events.connected(BAY, "connected")

    assert received == ["first", "second"]


def test_dispatcher_before_the_first_subscription_keeps_the_latest_trigger_of_each_charger_for_every_listener() -> None:
    events, received = ChargerEventDispatcher(), []
    events.connected(BAY, "connected")
    events.connected(BAY, "boot")
    events.connected(OTHER, "connected")
    events.drift_reported(BAY, "the switch changed")

    events.on_connected(lambda *args: received.append(("first", *args)))
    events.on_connected(lambda *args: received.append(("second", *args)))
    events.on_drift(lambda *args: received.append(("drift", *args)))

    assert received == [
        ("first", BAY, "boot"),
        ("first", OTHER, "connected"),
        ("second", BAY, "boot"),
        ("second", OTHER, "connected"),
        ("drift", BAY, "the switch changed"),
    ]


def test_dispatcher_after_a_subscription_keeps_nothing_for_later_listeners() -> None:
    events, received = ChargerEventDispatcher(), []
    events.on_connected(lambda *args: None)
    events.connected(BAY, "connected")

    events.on_connected(lambda *args: received.append(args))

    assert received == []


async def test_dispatcher_before_a_subscription_drops_what_chargers_repeat_or_time_outdates() -> None:
    events = ChargerEventDispatcher()
    await events.energy_reported(object())  # type: ignore[arg-type]
    events.plug_changed(BAY, 1, True)
    events.decided(BAY, object())  # type: ignore[arg-type]

    assert Listeners(events).received == []
