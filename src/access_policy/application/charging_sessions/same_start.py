"""Compare a report with the start recorded under its transaction id."""

from __future__ import annotations

from collections.abc import Sequence

from access_policy.application.charging_sessions.reports import StartReport
from access_policy.application.ports.event_store import Recorded
from access_policy.domain.access.events import ASSUMED_ENDS, ChargingEnded, ChargingStarted
from access_policy.domain.access.transaction_record import TransactionRecord
from access_policy.domain.identifiers import IdentifierRef

ENERGY_TOLERATED_WH = 50  # the energy that a charger may count without charging


def is_same_start(
    recorded: ChargingStarted, report: StartReport, ref: IdentifierRef | None, history: Sequence[Recorded]
) -> bool:
    """Return whether the report belongs to the recorded start. They are compared by connector, card, time and meter,
    because message ids are unique only within a connection. If the charger assigns the ids, only a later begin that
    differs, or that follows the end, belongs to another transaction (events of one transaction arrive in any order,
    some without a card or a meter value)."""
    if not charger_assigns_the_id(report):  # the id also derives from the card
        reported = (report.started_at, report.connector_id, report.meter_start_wh)
        return reported == (recorded.started_at, recorded.connector_id, recorded.meter_start_wh)
    if not report.reports_begin or report.started_at <= recorded.started_at:
        return True
    ended = next((each.event for each in reversed(history) if isinstance(each.event, ChargingEnded)), None)
    if ended is not None and ended.ended_at < report.started_at:
        return False
    if ended is not None and ended.reason not in ASSUMED_ENDS:
        return True
    pairs = (
        (report.connector_id, recorded.connector_id),
        (ref, recorded.identifier),
        (report.meter_start_wh, recorded.meter_start_wh),
    )
    return all(reported is None or known is None or reported == known for reported, known in pairs)


def charger_assigns_the_id(report: StartReport) -> bool:
    """Return True if the charger assigns the transaction id (OCPP 2.x); in 1.6 the service does."""
    return len(report.transaction_ids) == 1


def unique_name(transaction_id: str, record: TransactionRecord) -> str:
    """Return a name that is unique among all transactions for which the charger used the id."""
    return f"{transaction_id} {record.earlier}" if record.earlier else transaction_id


def has_grown(before_wh: int | None, now_wh: int | None) -> bool:
    """Return True if the reading grew by more than a charger may count before an authorisation."""
    return before_wh is not None and now_wh is not None and now_wh - before_wh > ENERGY_TOLERATED_WH
