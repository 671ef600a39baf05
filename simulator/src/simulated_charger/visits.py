"""A driver's whole visit to a charger, from plugging in to unplugging."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulated_charger.connector import Connector
from simulated_charger.observed import AttemptResult, AuthorisationResult, DecidedBy
from simulated_charger.spec import Identifier, Vehicle

if TYPE_CHECKING:
    from simulated_charger.charger import SimulatedCharger

NOT_STARTED = AuthorisationResult(status="NotStarted", decided_by=DecidedBy.UNDECIDED)


async def visit(
    charger: SimulatedCharger,
    connector: Connector,
    *,
    identifier: Identifier | None,
    vehicle: Vehicle,
    for_s: float,
    card_first: bool,
    patience_s: float,
) -> AttemptResult:
    if card_first and identifier is not None:
        result = await charger.present(connector.id, identifier)
        if result.refused:
            return result
        identifier = None
    started = await charger.plug_in(connector.id, vehicle)
    try:
        if identifier is not None and not connector.charging:
            started = await charger.present(connector.id, identifier)
        elif started is None:
            started = await _wait_for_start(charger, connector, patience_s)
        if started.charged:
            await charger.state.until(lambda: not connector.charging, timeout_s=for_s)
    finally:
        await charger.unplug(connector.id)
    return _after_leaving(charger, connector, started)


async def _wait_for_start(charger: SimulatedCharger, connector: Connector, patience_s: float) -> AttemptResult:
    """Wait for a remote start, and for the central system's answer to it."""

    def is_known() -> bool:
        running = connector.transaction
        return connector.last_refusal is not None or (running is not None and running.answer is not None)

    await charger.state.until(is_known, timeout_s=patience_s)
    if (refusal := connector.last_refusal) is not None:
        return charger.sessions.reports.result(connector, refusal, "start")
    running = connector.transaction
    if running is None or running.admission is None:
        return replace(charger.sessions.reports.result(connector, NOT_STARTED), energy_wh=0.0, transaction_id=None)
    return charger.sessions.reports.result(connector, running.answer or running.admission.authorisation)


def _after_leaving(charger: SimulatedCharger, connector: Connector, started: AttemptResult) -> AttemptResult:
    """Return the result of the start with the session's final energy and stop reason."""
    if started.transaction_id is None and not started.charged:
        return started
    authorisation = AuthorisationResult(status=started.status, decided_by=started.decided_by)
    final = charger.sessions.reports.result(connector, authorisation, started.refused_at)
    refused_at = started.refused_at
    return replace(final, charged=started.charged, refused_at=refused_at, message_to_driver=started.message_to_driver)
