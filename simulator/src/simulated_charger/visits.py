"""A driver's whole visit to a charger, from plugging in to leaving."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulated_charger.connector import Connector
from simulated_charger.observed import DecidedBy, Outcome, Verdict
from simulated_charger.spec import Identifier, Vehicle

if TYPE_CHECKING:
    from simulated_charger.charger import SimulatedCharger

NOTHING_HAPPENED = Verdict(status="NotStarted", decided_by=DecidedBy.NOBODY)


async def visit(
    charger: SimulatedCharger,
    connector: Connector,
    *,
    identifier: Identifier | None,
    vehicle: Vehicle,
    for_s: float,
    card_first: bool,
    patience_s: float,
) -> Outcome:
    if card_first and identifier is not None:
        outcome = await charger.present(connector.id, identifier)
        if outcome.refused:
            return outcome
        identifier = None
    started = await charger.plug_in(connector.id, vehicle)
    try:
        if identifier is not None and not connector.charging:
            started = await charger.present(connector.id, identifier)
        elif started is None:
            started = await _started_by_others(charger, connector, patience_s)
        if started.charged:
            await charger.station.until(lambda: not connector.charging, timeout_s=for_s)
    finally:
        await charger.unplug(connector.id)
    return _after_leaving(charger, connector, started)


async def _started_by_others(charger: SimulatedCharger, connector: Connector, patience_s: float) -> Outcome:
    """Wait for a remote start, and for what the central system says to it."""

    def known() -> bool:
        running = connector.transaction
        return connector.last_refusal is not None or (running is not None and running.answer is not None)

    await charger.station.until(known, timeout_s=patience_s)
    if (refusal := connector.last_refusal) is not None:
        return charger.sessions.reports.outcome(connector, refusal, "start")
    running = connector.transaction
    if running is None or running.admission is None:
        return replace(
            charger.sessions.reports.outcome(connector, NOTHING_HAPPENED), energy_wh=0.0, transaction_id=None
        )
    return charger.sessions.reports.outcome(connector, running.answer or running.admission.verdict)


def _after_leaving(charger: SimulatedCharger, connector: Connector, started: Outcome) -> Outcome:
    """What was known at the start, with the session's final energy and why it stopped."""
    if started.transaction_id is None and not started.charged:
        return started
    verdict = Verdict(status=started.status, decided_by=started.decided_by)
    final = charger.sessions.reports.outcome(connector, verdict, started.refused_at)
    refused_at = started.refused_at
    return replace(final, charged=started.charged, refused_at=refused_at, message_to_driver=started.message_to_driver)
