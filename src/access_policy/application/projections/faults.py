"""Charger faults, without errors that a denial caused (design 3.6)."""

from __future__ import annotations

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Change, Projection, Put, Remove, RowChange, types_of
from access_policy.domain.charger_condition.events import ConnectorFaulted, ConnectorRecovered

TABLE = "faults"


def fold(recorded: Recorded) -> list[RowChange]:
    event = recorded.event
    tenant_id = recorded.envelope.tenant_id
    on_connector = {"tenant_id": tenant_id, "charger_id": event.charger_id, "connector_id": event.connector_id}
    if isinstance(event, ConnectorRecovered):
        return [
            Change(
                TABLE,
                {**on_connector, "cleared_at": None},
                {"cleared_at": event.recovered_at},
                before=recorded.position,
            )
        ]
    if event.caused_by is not None:
        return []
    reported_before = {**on_connector, "error_code": event.error_code, "vendor_error_code": None, "cleared_at": None}
    return [
        *([] if event.vendor_error_code is None else [Remove(TABLE, reported_before)]),  # the same fault, now in detail
        Put(
            TABLE,
            {"tenant_id": tenant_id, "fault_id": recorded.envelope.event_id},
            {},
            at_first={
                "position": recorded.position,
                "occurred_at": event.faulted_at,
                "charger_id": event.charger_id,
                "connector_id": event.connector_id,
                "error_code": event.error_code,
                "vendor_error_code": event.vendor_error_code,
                "info": event.info,
                "cleared_at": None,
            },
        ),
    ]


FAULTS = Projection("faults", (TABLE,), types_of(ConnectorFaulted, ConnectorRecovered), fold, edition=2)
