"""Refusals at a connector, with the error status that some models report after them."""

from __future__ import annotations

import asyncio

from simulated_charger.connector import Connector, Fault
from simulated_charger.observed import AttemptResult, AuthorisationResult
from simulated_charger.reports import Reports
from simulated_charger.state import ChargerState


class Refusals:
    __slots__ = ("_reports", "_state")

    def __init__(self, state: ChargerState, reports: Reports) -> None:
        self._state = state
        self._reports = reports

    def refuse(self, connector: Connector, authorisation: AuthorisationResult, *, at: str) -> AttemptResult:
        """Record and show the refusal. Return the result of the attempt."""
        connector.last_refusal = authorisation
        self._state.message_to_driver = authorisation.message or authorisation.status
        if (after := self._state.spec.behaviour.after_refusal) is not None:
            connector.fault = Fault(after.error_code, after.vendor_error_code, after.faulted, after_refusal=True)
            self._reports.status(connector)
            clears_after_s = after.clears_after_s if connector.plugged_in else after.clears_after_s or 0.0
            if clears_after_s is not None:
                self._state.spawn(self._clear_later(connector, connector.fault, clears_after_s))
        self._state.changed()
        return self._reports.result(connector, authorisation, at)

    def forget(self, connector: Connector) -> None:
        """Clear the refusal and the error that followed it."""
        connector.last_refusal = None
        if connector.fault is not None and connector.fault.after_refusal:
            connector.fault = None

    async def _clear_later(self, connector: Connector, fault: Fault, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if connector.fault is fault:
            connector.fault = None
            self._reports.status(connector)
