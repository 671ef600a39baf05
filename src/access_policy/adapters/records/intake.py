"""Consumed events, one row each, so that duplicates and reordering are harmless (port `IntakeRecords`).

Rows contain ids, versions, instants and reasons; the content of an event is not stored.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Index,
    MetaData,
    Table,
    and_,
    func,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from access_policy.adapters.records.tables import RecordTables, as_stored, only_one, storable
from access_policy.adapters.sql.databases import TEXT, upsert_into
from access_policy.application.ports.event_intake import NOTHING_TO_CANCEL, IntakeResult, IntakeStatus, Standing
from access_policy.application.ports.incoming_events import IncomingEvent

BEGUN: Final = "begun"
REASON_LENGTH_MAX: Final = 500

METADATA = MetaData()
_EVENTS = Table(
    "taken_in",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("source", TEXT, primary_key=True),
    Column("event_id", TEXT, primary_key=True),
    Column("subject_kind", TEXT, nullable=False),
    Column("subject_id", TEXT, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("occurred_at", DateTime, nullable=False),
    Column("received_at", DateTime, nullable=False),
    Column("fate", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
)
Index("taken_in_of_subject", *(_EVENTS.c[name] for name in ("tenant_id", "source", "subject_kind", "subject_id")))


class SqlIntakeRecords:
    """Implements `IntakeRecords`."""

    def __init__(self, where: Path | str) -> None:
        self._tables = RecordTables(where, METADATA)

    async def begin(self, event: IncomingEvent, *, now: datetime) -> Standing:
        def write(connection: Connection) -> Standing:
            only_one(connection, "taken_in", event.tenant_id, event.source, event.subject.kind, event.subject.id)
            known = connection.execute(select(_EVENTS.c.fate).where(_this(event))).scalar()
            if known in (IntakeStatus.APPLIED, IntakeStatus.OUTDATED):
                return Standing.DUPLICATE
            newest = connection.execute(
                select(func.max(_EVENTS.c.version)).where(
                    _of_its_subject(event),
                    _EVENTS.c.fate.in_((BEGUN, IntakeStatus.APPLIED)),
                    _EVENTS.c.event_id != event.event_id,
                )
            ).scalar()
            is_outdated = newest is not None and newest >= event.version
            row = _row(event, now, IntakeStatus.OUTDATED if is_outdated else BEGUN)
            put = upsert_into(_EVENTS, connection.dialect).values(row)
            then = {name: put.excluded[name] for name in ("version", "occurred_at", "received_at", "fate", "reason")}
            connection.execute(put.on_conflict_do_update(index_elements=["tenant_id", "source", "event_id"], set_=then))
            return Standing.OUTDATED if is_outdated else Standing.NEW

        return await self._tables.write(write)

    async def end(self, event: IncomingEvent, result: IntakeResult) -> None:
        reason = storable(result.reason, REASON_LENGTH_MAX)
        ended = update(_EVENTS).where(_this(event)).values(fate=result.status.value, reason=reason)
        await self._tables.write(lambda connection: connection.execute(ended))

    async def unseen_cancellation(self, event: IncomingEvent) -> int | None:
        asked = select(func.max(_EVENTS.c.version)).where(
            _of_its_subject(event),
            _EVENTS.c.fate == IntakeStatus.APPLIED.value,
            _EVENTS.c.reason == NOTHING_TO_CANCEL,
            _EVENTS.c.version > event.version,
        )
        return await self._tables.read(lambda connection: connection.execute(asked).scalar())

    async def close(self) -> None:
        await self._tables.close()


def _this(event: IncomingEvent) -> ColumnElement[bool]:
    return and_(
        _EVENTS.c.tenant_id == event.tenant_id,
        _EVENTS.c.source == event.source,
        _EVENTS.c.event_id == event.event_id,
    )


def _of_its_subject(event: IncomingEvent) -> ColumnElement[bool]:
    return and_(
        _EVENTS.c.tenant_id == event.tenant_id,
        _EVENTS.c.source == event.source,
        _EVENTS.c.subject_kind == event.subject.kind.value,
        _EVENTS.c.subject_id == event.subject.id,
    )


def _row(event: IncomingEvent, now: datetime, fate: str) -> dict[str, object]:
    return {
        "tenant_id": event.tenant_id,
        "source": event.source,
        "event_id": event.event_id,
        "subject_kind": event.subject.kind.value,
        "subject_id": event.subject.id,
        "version": event.version,
        "occurred_at": as_stored(event.occurred_at),
        "received_at": as_stored(now),
        "fate": str(fate),
        "reason": "",
    }
