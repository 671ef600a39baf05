"""Bring chargers up to date with their depots: complete the commands that a crash or a failure interrupted.

Level-triggered: compares the depots and the policies in memory, including at each start, and changes nothing where they
agree.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from access_policy.application.commands.on_depot import ChargersFollow
from access_policy.application.context import SYSTEM, Context, new_id
from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.errors import TooBusy
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.charger_access_policy.following import follow_depot
from access_policy.domain.errors import Refused

log = logging.getLogger(__name__)

CHECK_INTERVAL_S: Final = 15.0
AT_A_TIME: Final = 10  # chargers in one iteration of the event loop


class KeepingUp:
    """Several processes may check concurrently: the later one finds the charger up to date, or loses the race and
    checks again."""

    def __init__(self, view: DecisionView, chargers_follow: ChargersFollow) -> None:
        self._view = view
        self._chargers_follow = chargers_follow

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            try:
                await self.check()
            except StoreUnavailable as trouble:
                log.warning("chargers follow their depots later: %s", trouble)

    async def check(self) -> None:
        """Check all chargers once. Raises `StoreUnavailable`: check again later."""
        async for charger in cooperatively(list(self._view.chargers()), at_a_time=AT_A_TIME):
            if self._is_behind(charger):
                await self._level(charger)

    def _is_behind(self, charger: ChargerView) -> bool:
        depot = self._view.depot(charger.tenant_id, charger.policy.settings.depot_id)
        return depot is not None and bool(follow_depot(charger.policy, depot)[0])

    async def _level(self, charger: ChargerView) -> None:
        context = Context(tenant_id=charger.tenant_id, actor=SYSTEM, correlation_id=new_id())
        charger_id, depot_id = charger.policy.charger_id, charger.policy.settings.depot_id
        try:
            followed = await self._chargers_follow.one(context, depot_id, charger_id)
        except (Refused, TooBusy) as refusal:
            log.warning("charger %s is brought level with depot %s later: %s", charger_id, depot_id, refusal)
            return
        if followed.changes:
            log.info("charger %s was behind depot %s and is level now", charger_id, depot_id)
