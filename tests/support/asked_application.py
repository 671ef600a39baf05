"""The application behind the handlers of chargers' messages, as a record of what it was asked: no store, no sockets.

A test sets what the application answers, hands one payload to a handler, and reads `asked`.
"""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.incoming.dependencies import HandlerDependencies
from access_policy.adapters.ocpp.incoming.v16 import Ocpp16
from access_policy.adapters.ocpp.incoming.v21 import Ocpp21
from access_policy.adapters.ocpp.incoming.v201 import Ocpp201
from access_policy.application.charging_sessions.reports import RecordedStart
from access_policy.application.deciding.attempts import RecordedDecision
from access_policy.domain.access.events import AccessAllowed, AccessDenied
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import CapabilityProfile, ControlWithoutSwitch
from access_policy.domain.ids import ChargerId, ChargerKey, TenantId
from tests.support.attempts import TRY, allowed
from tests.support.builders import NOON
from tests.support.connected import connected_charger
from tests.support.ocpp_schemas import offences_of

KEY: ChargerKey = (TenantId("acme"), ChargerId("bay-1"))
HANDLERS: dict[OcppVersion, Any] = {OcppVersion.V16: Ocpp16, OcppVersion.V201: Ocpp201, OcppVersion.V21: Ocpp21}
PLAIN = CapabilityProfile(
    name="plain", title="Plain", protocols=("ocpp1.6", "ocpp2.0.1"), mode_control=ControlWithoutSwitch.CENTRAL
)


@dataclass
class AskedApplication:
    """`decision` answers attempts and starts; None: a start that needs no authorisation. `running`: a session runs with this
    transaction already."""

    version: OcppVersion
    decision: AccessAllowed | AccessDenied | None = field(default_factory=allowed)
    profile: CapabilityProfile = PLAIN
    mode: AccessMode = AccessMode.MANAGED
    now: datetime = NOON
    running: str | None = None
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        expected = SimpleNamespace(mode=self.mode)
        charger = SimpleNamespace(
            policy=SimpleNamespace(settings=SimpleNamespace(profile=self.profile.name)), expected=lambda now: expected
        )
        self.charger = connected_charger(KEY, self.version.subprotocol, self.now)
        parts: Any = self
        self._handlers = HANDLERS[self.version](
            HandlerDependencies(
                view=SimpleNamespace(charger=lambda *key: charger),  # type: ignore[arg-type]
                decider=parts,
                decisions=parts,
                recent_activity=parts,
                sessions=parts,
                announced_transactions=parts,
                conditions=parts,
                energy=self._noted("energy"),
                profiles=SimpleNamespace(get=lambda tenant_id, name: self.profile),  # type: ignore[arg-type]
                clock=SimpleNamespace(now=lambda: self.now),  # type: ignore[arg-type]
                mode_trigger=lambda key, trigger: self.asked.append(("mode", trigger)),
                switch_moved=lambda key, evidence: self.asked.append(("switch moved", evidence)),
                plug_seen=lambda key, connector_id, there: self.asked.append(("plug", (connector_id, there))),
                reservation_ended=lambda key, number, status: self.asked.append(("reservation", (number, status))),
            )
        ).handlers

    async def answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The answer, checked against the schemas. Raises what the handler raises."""
        given = self._handlers[action](self.charger, payload, "m-1")
        answer = await given if inspect.isawaitable(given) else given
        assert offences_of(self.version, action, answer, response=True) == []
        return dict(answer)

    @property
    def questions(self) -> list[str]:
        return [question for question, _ in self.asked]

    def report(self, question: str) -> Any:
        """The report with this question, of which there is one."""
        (report,) = (report for each, report in self.asked if each == question)
        return report

    # --- the decider, the sessions, the conditions -----------------------------------------------------------------------

    @property
    def lost(self) -> AskedApplication:
        return self

    def authorize_soon(self, attempt: Any) -> asyncio.Future[RecordedDecision]:
        self.asked.append(("authorize", attempt))
        assert self.decision is not None
        decided: asyncio.Future[RecordedDecision] = asyncio.get_running_loop().create_future()
        decided.set_result(RecordedDecision(attempt_id=TRY, event=self.decision))
        return decided

    def preview(self, attempt: Any, *, at: datetime) -> Any:
        self.asked.append(("preview", attempt))
        return self.decision, ()

    def session(self, key: ChargerKey, transaction_id: str) -> object | None:
        return object() if transaction_id == self.running else None

    def _started(self, report: Any) -> RecordedStart:
        decision = (
            None if self.decision is None or report.anonymous else RecordedDecision(attempt_id=TRY, event=self.decision)
        )
        return RecordedStart(attempt_id=TRY, transaction_id=report.transaction_ids[0], decision=decision)

    async def start(self, report: Any) -> RecordedStart:
        self.asked.append(("start", report))
        return self._started(report)

    async def announce(self, report: Any) -> None:
        self.asked.append(("announce", report))

    async def end(self, report: Any) -> None:
        self.asked.append(("end", report))

    async def end_of(self, start: Any, end: Any, *, charged: bool) -> RecordedStart | None:
        self.asked.append(("end", end))
        return self._started(start) if charged else None

    async def locate(self, key: ChargerKey, transaction_id: str, evse_id: int) -> None:
        self.asked.append(("locate", (transaction_id, evse_id)))

    async def connector_free(self, key: ChargerKey, connector_id: int, at: datetime) -> None:
        self.asked.append(("free", connector_id))

    async def booted(self, key: ChargerKey, **of: Any) -> None:
        self.asked.append(("booted", of))

    async def status(self, key: ChargerKey, **of: Any) -> None:
        self.asked.append(("status", of))

    def _noted(self, question: str) -> Any:
        async def note(report: Any) -> None:
            self.asked.append((question, report))

        return note
