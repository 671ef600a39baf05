"""A charger that has rebooted answers nothing that it was asked before its BootNotification. By a clock that leaps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.gateway.gateway import OcppGateway
from access_policy.adapters.ocpp.gateway.settling import BOOT_WAIT_S, SETTLE_MIN_S
from access_policy.adapters.ocpp.incoming.connected_charger import AdmittedCharger
from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.adapters.ocpp.transport.call_failures import CallAbandoned
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.domain.ids import ChargerId, ChargerKey, TenantId
from tests.support.ocpp_pipe import Pipe
from tests.support.passwords import NoPasswords
from tests.support.virtual_time import run_in_virtual_time

KEY: ChargerKey = (TenantId("acme"), ChargerId("bay-1"))
BOOT = [2, "b", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}]


class Link:
    """A charger's connection at a gateway whose handlers answer at once. `hints` are those to the mode controller, with the
    seconds since the connection."""

    def __init__(self, *, accepted: bool = True) -> None:
        self.hints: list[tuple[str, float]] = []
        self.boot_answer: Callable[[], Awaitable[dict[str, Any]]] = self._accept
        dependencies: Any = SimpleNamespace(
            view=SimpleNamespace(on_policy_change=lambda listener: None),
            clock=SimpleNamespace(now=lambda: datetime(2026, 11, 20, tzinfo=UTC)),
            conditions=None,
            profile=lambda key: None,
            profiles=ProfileCatalogue.packaged(),
            mode_trigger=lambda key, trigger: self.hints.append((trigger, self.now())),
        )
        records: Any = SimpleNamespace(connected=self._nothing, disconnected=self._nothing)
        self.gateway = OcppGateway(dependencies, records, NoPasswords(), requires_passwords=False)
        self.gateway.dispatch.handlers = {
            OcppVersion.V16: {"BootNotification": lambda charger, payload, message_id: self.boot_answer()}
        }
        self.pipe = Pipe()
        self.connection = ChargerConnection(
            self.pipe,  # type: ignore[arg-type]
            charge_point_id="CP1",
            version=OcppVersion.V16,
            epoch=1,
            remote="127.0.0.1",
            admission=AdmittedCharger(KEY, dependencies.clock.now(), accepted),
        )
        self._began = asyncio.get_running_loop().time()
        dispatch = self.gateway.dispatcher(self.connection)
        self.gateway.opened(self.connection)
        charger = self.gateway.connections.get(KEY)
        assert charger is not None
        self.charger = charger
        self._running = asyncio.create_task(self.connection.run(dispatch))

    def now(self) -> float:
        return round(asyncio.get_running_loop().time() - self._began, 3)

    async def _nothing(self, *_: object) -> int:
        return 1

    async def _accept(self) -> dict[str, Any]:
        self.charger.accepted = True
        return {"status": "Accepted", "interval": 300, "currentTime": "2026-11-20T00:00:00Z"}

    async def ends(self) -> None:
        self.pipe.hang_up()
        await self._running
        await self.gateway.ownership.finish_records()


def test_reconnected_charger_that_does_not_boot_is_asked_after_a_bounded_wait() -> None:
    async def story() -> None:
        link = Link()
        await asyncio.sleep(BOOT_WAIT_S - 0.1)
        assert (link.gateway.connections.serving_epoch(KEY), link.hints) == (None, [])
        await asyncio.sleep(0.2)
        assert link.gateway.connections.serving_epoch(KEY) is not None
        assert link.hints == [("connected", BOOT_WAIT_S)]
        await link.ends()

    run_in_virtual_time(story())


def test_reconnected_charger_that_boots_within_the_wait_is_asked_once_that_has_settled() -> None:
    async def story() -> None:
        link = Link()
        await asyncio.sleep(0.3)
        link.pipe.say(BOOT)
        await asyncio.sleep(10)
        assert link.hints == [("boot", 0.3 + SETTLE_MIN_S)]
        await link.ends()

    run_in_virtual_time(story())


def test_new_charger_before_its_first_boot_is_not_waited_for() -> None:
    async def story() -> None:
        link = Link(accepted=False)
        assert link.hints == [("connected", 0.0)]
        assert link.gateway.connections.configurable_epoch(KEY) is None
        await link.ends()

    run_in_virtual_time(story())


def test_calls_in_flight_and_waiting_when_the_charger_boots_end_at_once() -> None:
    async def story() -> None:
        link = Link()
        await asyncio.sleep(3)
        asked = [asyncio.create_task(link.connection.call("GetConfiguration", {}, timeout_s=20)) for _ in range(2)]
        await asyncio.sleep(1)
        link.pipe.say(BOOT)
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in outcomes] == [CallAbandoned, CallAbandoned]
        assert link.now() == 4
        await asyncio.sleep(SETTLE_MIN_S)
        assert link.gateway.connections.serving_epoch(KEY) is not None

        next_one = asyncio.create_task(link.connection.call("GetConfiguration", {}, timeout_s=20))
        await asyncio.sleep(0.001)
        late, new = (frame[1] for frame in link.pipe.heard if frame[0] == 2)
        link.pipe.say([3, late, {}])
        link.pipe.say([3, new, {"configurationKey": []}])
        assert await next_one == {"configurationKey": []}
        assert (link.connection.counters.late_answers, link.connection.counters.unsolicited_answers) == (1, 0)
        await link.ends()

    run_in_virtual_time(story())


def test_charger_whose_boot_is_not_answered_yet_is_asked_nothing() -> None:
    async def story() -> None:
        link = Link()
        may_answer = asyncio.Event()

        async def slow() -> dict[str, Any]:
            await may_answer.wait()
            return await link._accept()

        link.boot_answer = slow
        link.pipe.say(BOOT)
        await asyncio.sleep(BOOT_WAIT_S + 5)
        assert (link.gateway.connections.serving_epoch(KEY), link.hints) == (None, [])
        may_answer.set()
        await asyncio.sleep(1)
        assert link.gateway.connections.serving_epoch(KEY) is not None
        await link.ends()

    run_in_virtual_time(story())


@pytest.mark.parametrize("failing", [RuntimeError("a bug"), TimeoutError()])
def test_charger_whose_boot_could_not_be_answered_is_asked_all_the_same(failing: Exception) -> None:
    async def story() -> None:
        link = Link()

        async def fails() -> dict[str, Any]:
            raise failing

        link.boot_answer = fails
        link.pipe.say(BOOT)
        await asyncio.sleep(BOOT_WAIT_S + 0.1)
        assert link.gateway.connections.serving_epoch(KEY) is not None
        assert link.hints == [("connected", BOOT_WAIT_S)]
        await link.ends()

    run_in_virtual_time(story())


def test_pending_charger_that_boots_again_keeps_the_calls_by_which_it_is_made_safe() -> None:
    async def story() -> None:
        link = Link(accepted=False)
        link.charger.pending_since = 0.0
        asked = asyncio.create_task(link.connection.call("GetConfiguration", {}, timeout_s=20))
        await asyncio.sleep(1)
        link.pipe.say(BOOT)
        await asyncio.sleep(1)
        link.pipe.say([3, link.pipe.heard[0][1], {}])
        assert await asked == {}
        await link.ends()

    run_in_virtual_time(story())
