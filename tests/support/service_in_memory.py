"""Commands and the decision path together over one store in memory, as the service has them, and restarted at will."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from access_policy.adapters.ocpp.incoming.denial_signals import StatusOnly
from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.read_models.views import SqlViews
from access_policy.application.charging_sessions.lost_sessions import LostSessionsWatch
from access_policy.application.charging_sessions.reports import EndReport, RecordedStart, StartReport
from access_policy.application.deciding.attempts import AccessAttempt, RecordedDecision
from access_policy.application.deciding.entrance_attempts import EntranceAttempt
from access_policy.application.deciding.entrance_decisions import EntranceDecisions
from access_policy.application.decision_view.reloading import reload
from access_policy.application.decision_view.view import TYPES
from access_policy.application.follower import Follower
from access_policy.application.reservation_lifecycle.holder_charges import TYPES as CHARGE_TYPES
from access_policy.application.reservation_lifecycle.holder_charges import HolderCharges
from access_policy.application.reservation_lifecycle.recorder import OutcomeRecorder
from access_policy.application.reservation_lifecycle.reloading import reload_charges
from access_policy.domain.access.refusals import AtEntrance
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ActorId, ChargerId, EntranceId
from tests.support.depot_in_memory import SettableClock
from tests.support.energy import GatesByCharger
from tests.support.following import AtOnce
from tests.support.office import ACME, Office
from tests.support.places import read_models_at
from tests.support.stores import inline_memory_store

Answer = TypeVar("Answer")


class NothingRemembered:
    """Read models without connected chargers."""

    async def connected_chargers(self) -> list[dict[str, Any]]:
        return []


class ServiceInMemory:
    """Every call runs to its end, and what it recorded is known to the decision path before the next.

    `restart` throws away all that is kept in memory and builds it anew from the log, as a start of the service does.
    """

    def __init__(self, now: datetime) -> None:
        self.loop = asyncio.new_event_loop()
        self.store = inline_memory_store()
        self.clock = SettableClock(now)
        self.gates = GatesByCharger()
        self.office = Office(self.store, self.clock)
        self._directory = tempfile.TemporaryDirectory()
        self._models: ReadModels | None = None
        self._open()

    def _open(self) -> None:
        self.office = Office(self.store, self.clock, self.office.vault, self.office.passwords, gates=self.gates)
        depot = self.office.depot
        self.view, self.live, self.decider, self.decisions = depot.view, depot.live, depot.decider, depot.decisions
        self._sessions = depot.sessions
        self._follower = Follower("view", self.store, self.view.follow, self.view.followed_to, types=TYPES)
        self._charges = HolderCharges()
        self._charge_follower = AtOnce(
            "charges", self.store, self._charges.follow, self._charges.followed_to, types=CHARGE_TYPES
        )
        self._outcomes = OutcomeRecorder(
            self.view, self.office.books, self._charges, self._charge_follower, self.store, self.clock
        )
        self._watch = LostSessionsWatch(
            self.view, self.live, self._sessions.lost, lambda key: True, NothingRemembered(), self.clock
        )

    def run(self, call: Coroutine[Any, Any, Answer]) -> Answer:
        return self.loop.run_until_complete(call)

    def do(self, command: object) -> Any:
        """The command's answer. Raises what it is refused with."""

        async def done() -> Any:
            answer = await self.office.run(command)
            await self._follower.catch_up()
            return answer

        return self.run(done())

    def restart(self) -> None:
        async def restarted() -> None:
            if self._models is None:
                self._models = read_models_at(Path(self._directory.name) / "views.sqlite")
            models = self._models
            follower = Follower("models", self.store, models.follow, models.followed_to, types=models.types)
            await follower.resume()
            await follower.catch_up()
            self._open()
            await self._follower.catch_up()
            views = SqlViews(models.engine)
            await reload(self.live, views, self.store, now=self.clock.now())
            self._charges.begin_after(await models.followed_to())
            await reload_charges(self._charges, self.view, views, views, now=self.clock.now())
            await self._charge_follower.resume()

        self.run(restarted())

    def settle(self) -> None:
        """What became of reservations by now is recorded."""

        async def settled() -> None:
            await self._charge_follower.catch_up()
            for depot, _ in self.view.books():
                await self._outcomes.settle(depot)
            await self._follower.catch_up()

        self.run(settled())

    def close(self) -> None:
        if self._models is not None:
            self.run(self._models.close())
        self.run(self.store.close())
        self.loop.close()
        self._directory.cleanup()

    # --- what chargers do ------------------------------------------------------------------------------------------

    def authorize(self, charger: str, presented: Identifier | None, message_id: str) -> RecordedDecision:
        ask = AccessAttempt(
            tenant_id=ACME,
            charger_id=ChargerId(charger),
            connector_id=None,
            identifier=presented,
            protocol="ocpp1.6",
            message_id=message_id,
            signals=None,
        )
        return self.run(self.decider.authorize(ask))

    def enter(self, entrance: str, presented: Identifier | None) -> AtEntrance:
        """The decision at the entrance now, without recording it."""
        identifiers = self.office.depot.identifiers
        entrances = EntranceDecisions(self.view, self.live, identifiers, self.decisions.inputs)
        ask = EntranceAttempt(
            tenant_id=ACME,
            entrance_id=EntranceId(entrance),
            identifier=presented,
            protocol="http",
            message_id="",
            signals=StatusOnly(),
            actor=ActorId("gate"),
        )
        event, _ = entrances.preview(ask, at=self.clock.now())
        return event

    def start(
        self, charger: str, presented: Identifier | None, transaction_id: str, *, connector: int = 1
    ) -> RecordedStart:
        report = StartReport(
            tenant_id=ACME,
            charger_id=ChargerId(charger),
            connector_id=connector,
            identifier=presented,
            anonymous=False,
            transaction_ids=(transaction_id,),
            started_at=self.clock.now(),
            meter_start_wh=None,
            offline=False,
            protocol="ocpp2.0.1",
            message_id=transaction_id,
            signals=None,
        )
        return self.run(self._sessions.start(report))

    def end(self, charger: str, transaction_id: str) -> None:
        report = EndReport(
            tenant_id=ACME,
            charger_id=ChargerId(charger),
            transaction_id=transaction_id,
            ended_at=self.clock.now(),
            meter_stop_wh=None,
            reason="Local",
        )
        self.run(self._sessions.end(report))

    def connector_free(self, charger: str, connector: int) -> None:
        key = (ACME, ChargerId(charger))
        self.run(self._sessions.lost.connector_free(key, connector, self.clock.now()))

    def look_for_lost_sessions(self) -> None:
        self.run(self._watch.check())
