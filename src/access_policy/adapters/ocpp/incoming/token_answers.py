"""Answers to a token in OCPP 2.x: its status, an expiry and a message for the driver."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from access_policy.adapters.ocpp.incoming.dependencies import HandlerDependencies
from access_policy.adapters.ocpp.timestamps import rfc3339
from access_policy.application.charging_sessions.reports import RecordedStart
from access_policy.application.deciding.attempts import RecordedDecision
from access_policy.domain.access.events import AccessAllowed, DenialSignal


class TokenAnswers:
    def __init__(self, dependencies: HandlerDependencies) -> None:
        self._dependencies = dependencies

    def of_start(self, started: RecordedStart) -> dict[str, Any]:
        return self.accepted_for_now() if started.decision is None else self.of_decision(started.decision)

    def accepted_for_now(self) -> dict[str, Any]:
        soon = self._dependencies.clock.now() + timedelta(minutes=1)
        return {"status": "Accepted", "cacheExpiryDateTime": rfc3339(soon)}

    def of_decision(self, decided: RecordedDecision) -> dict[str, Any]:
        if isinstance(decided.event, AccessAllowed):
            return {"status": "Accepted", "cacheExpiryDateTime": rfc3339(self._dependencies.valid_until(decided))}
        signal = decided.event.signal or DenialSignal(status="Invalid")
        info: dict[str, Any] = {"status": signal.status}
        if signal.message is not None:
            info["personalMessage"] = {
                "format": "UTF8",
                "language": signal.language or "en",
                "content": signal.message,
            }
        return info
