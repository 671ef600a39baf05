"""The bounded demo: play one managed window and check every expectation.

The checks read the service's API and the chargers themselves, not the logs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from access_policy.entrypoints.demo.api import DemoApi
from access_policy.entrypoints.demo.fleet import (
    BREAKS_DOWN,
    CENTRAL,
    CHARGERS,
    FEEDER_A,
    GOES_OFFLINE,
    GUEST_AUTOCHARGE,
    GUEST_CARD,
    KEYED,
    OWN_AUTOCHARGE,
    OWN_CARD,
    OWN_PIN,
    SHOWS_ERRORS,
    STRANGER_AUTOCHARGE,
    STRANGER_CARD,
    SWITCHED,
    UNSWITCHABLE,
    VARIABLE,
    ZONE,
    DemoCharger,
    DemoVehicle,
)
from simulated_charger import AttemptResult, SimulatedCharger

WINDOW_IN_S = 15  # from the set-up to the start of the managed window
WINDOW_S = 40
SHORT_IN_S = 3  # from the operating envelope to its start
SHORT_S = 20
WAIT_S = 30.0  # for anything that should happen soon


@dataclass(slots=True)
class Expectations:
    """Expectations in order: the text, whether it was met, and the value found instead."""

    seen: list[tuple[str, bool, str]] = field(default_factory=list)

    def expect(self, what: str, is_met: bool, found: object = "") -> None:
        self.seen.append((what, is_met, "" if is_met else f"found {found}"))

    @property
    def all_met(self) -> bool:
        return bool(self.seen) and all(is_met for _, is_met, _ in self.seen)


@dataclass(slots=True)
class DemoOnce:
    api: DemoApi
    chargers: Mapping[str, SimulatedCharger]
    checks: Expectations = field(default_factory=Expectations)
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def run(self) -> Expectations:
        opens, closes = self._window()
        await self.api.schedule([(opens.astimezone(ZoneInfo(ZONE)), closes.astimezone(ZoneInfo(ZONE)))])
        await self._freevend_at_first()
        await self._until(opens - timedelta(seconds=3))
        self._charger(GOES_OFFLINE).go_offline()
        await self._until(opens)
        await self._managed_window(opens)
        await self._until(closes)
        await self._freevend_again()
        await self._faults_and_denials_apart()
        await self._power_is_short()
        return self.checks

    def _window(self) -> tuple[datetime, datetime]:
        opens = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=WINDOW_IN_S)
        return opens, opens + timedelta(seconds=WINDOW_S)

    # --- phases ---------------------------------------------------------------------------------------------

    async def _freevend_at_first(self) -> None:
        for charger in SWITCHED:
            await self._expect_mode(charger, "freevend", "is switched to freevend, verified by reading back")
            self.checks.expect(f"{charger.charger_id} itself is in freevend", self._charger(charger).freevend_active)
        for charger in (SHOWS_ERRORS, CENTRAL):
            await self._expect_mode(charger, "freevend", "has no switch and is in freevend by decision")
        shown = await self.api.charger(UNSWITCHABLE.charger_id)
        self.checks.expect(
            "bay-6 cannot be switched and is shown as unsupported", shown["sync"] == "unsupported", shown["sync"]
        )
        anyone = await self._visit(KEYED, STRANGER_AUTOCHARGE)
        self.checks.expect("in freevend anyone charges without authorisation", anyone.charged, anyone)
        asked = await self._visit(SHOWS_ERRORS, STRANGER_CARD)
        self.checks.expect("in freevend a charger that always sends Authorize is accepted", asked.charged, asked)

    async def _managed_window(self, opens: datetime) -> None:
        for charger in (KEYED, VARIABLE, SHOWS_ERRORS, CENTRAL):
            await self._expect_mode(charger, "managed", "enters managed access on time")
        self.checks.expect("bay-1 itself is no longer in freevend", not self._charger(KEYED).freevend_active)
        away = await self.api.charger(GOES_OFFLINE.charger_id)
        self.checks.expect("bay-5 is offline and shown as unreachable", away["sync"] == "unreachable", away["sync"])
        await self._allowed(KEYED, OWN_CARD, "an own vehicle charges by its card")
        await self._allowed(VARIABLE, OWN_AUTOCHARGE, "an own vehicle charges by Autocharge")
        await self._allowed(CENTRAL, OWN_PIN, "an own vehicle charges by PIN")
        await self._allowed(KEYED, GUEST_CARD, "a vehicle with an agreement charges by its card")
        await self._allowed(VARIABLE, GUEST_AUTOCHARGE, "a vehicle with an agreement charges by Autocharge")
        await self._denied(SHOWS_ERRORS, STRANGER_CARD)
        refused = await self._denied(CENTRAL, STRANGER_CARD)
        self.checks.expect(
            "the driver reads the reason in plain words",
            "not registered" in (refused.message_to_driver or ""),
            refused.message_to_driver,
        )
        await self._denied(VARIABLE, STRANGER_AUTOCHARGE)
        await self._charger(BREAKS_DOWN).break_down(error_code="GroundFailure")
        self._charger(GOES_OFFLINE).come_online()
        await self._expect_mode(GOES_OFFLINE, "managed", "is switched after it reconnects")
        late = await self.api.charger(GOES_OFFLINE.charger_id)
        applied_at = datetime.fromisoformat(late["applied_at"])
        self.checks.expect("the lateness of bay-5's switch is recorded", applied_at > opens, late["applied_at"])

    async def _freevend_again(self) -> None:
        for charger in (KEYED, VARIABLE, GOES_OFFLINE, SHOWS_ERRORS):
            await self._expect_mode(charger, "freevend", "is back in freevend after the window")

    async def _faults_and_denials_apart(self) -> None:
        attempts = await self.api.attempts(self.began_at)
        denied = [attempt for attempt in attempts if attempt["decision"] == "denied"]
        reasons = {attempt["reason"] for attempt in denied}
        found = (len(denied), reasons)
        self.checks.expect("three attempts were denied, all as unknown", found == (3, {"unknown_identifier"}), found)
        in_freevend = [a for a in attempts if a["decision"] == "none"]
        self.checks.expect("a freevend start is recorded without a decision", bool(in_freevend))
        allowed = {a["vehicle_id"] for a in attempts if a["decision"] == "allowed" and a["expected_mode"] == "managed"}
        everyone = {v.vehicle_id for v in (OWN_CARD, OWN_AUTOCHARGE, OWN_PIN, GUEST_CARD, GUEST_AUTOCHARGE)}
        self.checks.expect("each of the five known vehicles was allowed", allowed == everyone, allowed)
        faults = await self._soon(lambda: self.api.faults(self.began_at), bool) or []
        at = {fault["charger_id"] for fault in faults}
        self.checks.expect("the broken charger, and only that one, has a fault", at == {BREAKS_DOWN.charger_id}, at)

    async def _power_is_short(self) -> None:
        await self.api.set_up_energy()
        opens = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=SHORT_IN_S)
        await self.api.narrow(FEEDER_A, opens, opens + timedelta(seconds=SHORT_S))
        await self._until(opens)
        await self._expect_mode(KEYED, "managed", "is switched to managed access when its feeder is short of power")
        cause = (await self.api.charger(KEYED.charger_id))["expected_cause"]["kind"]
        self.checks.expect("the operating envelope is the cause", cause == "envelope", cause)
        refused = await self._visit(CENTRAL, STRANGER_CARD)
        self.checks.expect("bay-4: a stranger cannot start when power is short", not refused.charged, refused)
        await self._allowed(KEYED, OWN_CARD, "an own vehicle charges when power is short")
        reasons = [attempt["reason"] for attempt in await self.api.attempts(opens) if attempt["decision"] == "denied"]
        self.checks.expect("the reason of the refusal is the energy", reasons == ["energy_restricted"], reasons)
        await self._until(opens + timedelta(seconds=SHORT_S))
        await self._expect_mode(KEYED, "freevend", "is back in freevend when the operating envelope has ended")

    # --- steps -----------------------------------------------------------------------------------------------

    async def _allowed(self, at: DemoCharger, vehicle: DemoVehicle, what: str) -> None:
        outcome = await self._visit(at, vehicle)
        self.checks.expect(f"{at.charger_id}: {what}", outcome.charged and outcome.status == "Accepted", outcome)

    async def _denied(self, at: DemoCharger, vehicle: DemoVehicle) -> AttemptResult:
        outcome = await self._visit(at, vehicle)
        self.checks.expect(f"{at.charger_id}: a stranger is denied and gets no energy", not outcome.charged, outcome)
        return outcome

    async def _visit(self, at: DemoCharger, vehicle: DemoVehicle) -> AttemptResult:
        return await self._charger(at).try_to_charge(
            identifier=vehicle.presents, vehicle=vehicle.on_the_cable, for_s=0.5, patience_s=5.0
        )

    async def _expect_mode(self, charger: DemoCharger, mode: str, what: str) -> None:
        def in_force(shown: dict[str, Any]) -> bool:
            return (shown["applied_mode"], shown["sync"]) == (mode, "in_sync")

        shown = await self._soon(lambda: self.api.charger(charger.charger_id), in_force)
        self.checks.expect(
            f"{charger.charger_id} {what}",
            in_force(shown),
            (shown["expected_mode"], shown["applied_mode"], shown["sync"]),
        )

    async def _soon(self, read: Callable[[], Awaitable[Any]], fits: Callable[[Any], bool]) -> Any:
        """Return the first response that `fits`, or the last one before the timeout."""
        until = time.monotonic() + WAIT_S
        while True:
            answer = await read()
            if fits(answer) or time.monotonic() > until:
                return answer
            await asyncio.sleep(0.2)

    async def _until(self, instant: datetime) -> None:
        await asyncio.sleep(max(0.0, (instant - datetime.now(UTC)).total_seconds()))

    def _charger(self, demo: DemoCharger) -> SimulatedCharger:
        return self.chargers[demo.charger_id]


def all_chargers(url: str) -> dict[str, SimulatedCharger]:
    return {demo.charger_id: SimulatedCharger(demo.spec(url)) for demo in CHARGERS}
