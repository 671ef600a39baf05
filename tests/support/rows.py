"""Read models in dictionaries: the meaning of row changes without SQL, and recorded events to fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from access_policy.adapters.read_models.tables import METADATA
from access_policy.application import streams
from access_policy.application.notices.watch import notice_stream_of
from access_policy.application.ports.event_store import Recorded, StreamId
from access_policy.application.projections.changes import Change, Projection, Put, Remove, RowChange
from access_policy.domain.ids import AttemptId, ChargePointId, ChargerId, DepotId, TenantId
from access_policy.domain.notices.digests import DepotDigestMade
from tests.support.stores import envelope

Row = dict[str, Any]
ACME = TenantId("acme")


class Rows:
    """Tables of rows by primary key. Columns that were never set are absent."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[Any, ...], Row]] = {}

    def table(self, name: str) -> list[Row]:
        return [row for _, row in sorted(self.tables.get(name, {}).items())]

    def apply(self, change: RowChange) -> None:
        rows = self.tables.setdefault(change.table, {})
        match change:
            case Put():
                key = tuple(change.key[column.name] for column in METADATA.tables[change.table].primary_key)
                is_new = key not in rows
                row = rows.setdefault(key, {**change.at_first, **change.key})
                row.update(change.values)
                if (counted := change.counted) is not None and (is_new or counted.value > row[counted.mark]):
                    row[counted.column] = 1 if is_new else row[counted.column] + 1
                    row[counted.mark] = counted.value
            case Change():
                for row in rows.values():
                    if _fits(row, change) and (change.before is None or row["position"] < change.before):
                        row.update(change.values)
            case Remove():
                for key in [key for key, row in rows.items() if _fits(row, change)]:
                    del rows[key]


def _fits(row: Row, change: Change | Remove) -> bool:
    return all(row.get(name) == value for name, value in change.where.items())


def rows_of(projections: Iterable[Projection], history: Sequence[Recorded]) -> Rows:
    rows = Rows()
    for recorded in history:
        for projection in projections:
            if type(recorded.event).TYPE in projection.types:
                for change in projection.fold(recorded):
                    rows.apply(change)
    return rows


def projected(projection: Projection, *events: object, tenant: TenantId = ACME) -> Rows:
    """The rows of a history; checked to be the same with every event delivered twice, and with all of it again."""
    history = log_of(*events, tenant=tenant)
    rows = rows_of([projection], history)
    assert rows_of([projection], [each for each in history for _ in range(2)]).tables == rows.tables
    assert rows_of([projection], [*history, *history]).tables == rows.tables
    return rows


def log_of(*events: object, tenant: TenantId = ACME, after: Sequence[Recorded] = ()) -> list[Recorded]:
    """The events as they would be read from the log: each in its own stream, positions ascending from 1, or those that
    come `after` others."""
    versions: dict[StreamId, int] = {}
    for recorded in after:
        versions[recorded.stream] = recorded.version
    log = []
    for position, event in enumerate(events, (after[-1].position if after else 0) + 1):
        stream = stream_of(event, tenant)
        versions[stream] = versions.get(stream, 0) + 1
        recorded_as = envelope(event_id=f"{position:032x}", tenant=tenant)
        log.append(Recorded(stream, versions[stream], position, event, recorded_as))
    return log


def stream_of(event: Any, tenant: TenantId = ACME) -> StreamId:
    kind = event.TYPE.split(".")[0]
    if kind == "depot":
        return streams.depot_stream(tenant, DepotId(event.depot_id))
    if kind == "charger_access_policy":
        return streams.policy_stream(tenant, ChargerId(event.charger_id))
    if kind == "vehicle_registry":
        return streams.registry_stream(tenant)
    if kind == "charger_condition":
        return streams.condition_stream(tenant, ChargerId(event.charger_id))
    if kind == "reservation_book":
        return streams.reservation_book_stream(tenant, event.depot_id)
    if kind == "site_energy":
        return streams.site_energy_stream(tenant, event.depot_id)
    if kind == "capability_profile":
        return streams.profile_stream(tenant, event.name)
    if kind == "enrolment_session":
        return streams.enrolment_stream(tenant, ChargerId(event.charger_id))
    if kind == "identifier_reading":
        return streams.reading_stream(tenant, event.reading_id)
    if kind == "api_key":
        return streams.api_key_stream(tenant, event.key_id)
    if kind == "webhook":
        return streams.webhook_stream(tenant, event.webhook_id)
    if kind == "ocpi_partner":
        return streams.ocpi_partner_stream(tenant, event.partner_id)
    if kind == "oscp_provider":
        return streams.oscp_provider_stream(tenant, f"{event.depot_id}/{event.provider_id}")
    if kind == "tenant":
        return streams.tenant_stream(tenant)
    if kind == "tenant_erasure":
        return streams.erasure_stream(tenant)
    if kind == "installation":
        return streams.restore_stream(event.restore_id)
    if kind == "charger_call":
        return streams.charger_call_stream(tenant, event.call_id)
    if kind == "charge_point":
        return streams.charge_point_stream(ChargePointId(event.charge_point_id))
    if isinstance(event, DepotDigestMade):
        return streams.notice_stream(tenant, "depot_digest", event.depot_id, event.until)
    if kind == "notice":
        return notice_stream_of(tenant, event)
    if kind == "tenant_erasure":
        return streams.erasure_stream(event.tenant_id)
    if kind == "tenant":
        return streams.tenant_stream(tenant)
    if event.TYPE.startswith("access.driver_informed"):
        return streams.driver_message_stream(tenant, AttemptId(event.attempt_id))
    if hasattr(event, "lineage"):
        return streams.attempt_stream(tenant, AttemptId(event.lineage.attempt_id))
    if event.TYPE.startswith("access.transaction_opened"):
        return streams.transaction_stream(tenant, ChargerId(event.charger_id), event.transaction_id)
    return streams.attempt_stream(tenant, AttemptId(event.attempt_id))
