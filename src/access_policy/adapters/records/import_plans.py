"""Planned imports. Their rows are encrypted with a key of the installation and wiped on deletion."""

from __future__ import annotations

import asyncio
import hmac
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table, delete, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from access_policy.adapters.records.tables import RecordTables, as_text
from access_policy.adapters.secrets.key_files import derived_key
from access_policy.adapters.sql.databases import TEXT, upsert_into
from access_policy.application.charger_import import plan as of_chargers
from access_policy.application.charger_import.plan import ChargerImportPlan, ChargerPlanRow
from access_policy.application.dispatch_import import plan as of_reservations
from access_policy.application.dispatch_import.plan import DispatchPlan, DispatchPlanRow
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.import_plans import Plan
from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.import_plan import ImportPlan, PlanRecord, PlanRow, PlanState

TIMEOUT_S: Final = 30.0  # the rows of a large file take about 20 MB
NONCE_BYTES: Final = 12
CHUNK: Final = 200  # rows encoded or decoded per call, which holds the interpreter lock

METADATA = MetaData()
_PLANS = Table(
    "import_plan",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("plan_id", TEXT, primary_key=True),
    Column("state", TEXT, nullable=False),
    Column("expires_at", TEXT, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("body", LargeBinary),
)
_OF_CHARGERS = _PLANS.c.plan_id.startswith(of_chargers.PLAN_IDS)
_OF_RESERVATIONS = _PLANS.c.plan_id.startswith(of_reservations.PLAN_IDS)


class SqlPlans(Generic[Plan]):
    """Implements `ImportPlans` for the plans in `which`. Raises `StoreUnavailable` for rows that an incompatible version of the
    program wrote, because they cannot be applied.
    """

    def __init__(
        self,
        where: Path | str,
        master_key: bytes,
        plan: type[Plan],
        row: type[Any],
        which: ColumnElement[bool],
        *,
        timeout_s: float,
    ) -> None:
        self._cipher = AESGCM(derived_key(master_key, "import plans"))
        self._fingerprint_key = derived_key(master_key, "import fingerprints")
        self._tables = RecordTables(where, METADATA, timeout_s=timeout_s)
        self._records = msgspec.json.Decoder(PlanRecord)
        self._plans = msgspec.json.Decoder(plan)
        self._rows = msgspec.json.Decoder(tuple[row, ...])  # type: ignore[valid-type]
        self._which = which

    def fingerprint_of(self, tenant_id: TenantId, file: bytes) -> str:
        return hmac.digest(self._fingerprint_key, f"{tenant_id}\0".encode() + file, "sha256").hex()

    async def keep(self, record: PlanRecord, plan: Plan) -> None:
        row = {**_columns(record), "body": await asyncio.to_thread(self._encrypted, plan)}

        def write(connection: Connection) -> None:
            put = upsert_into(_PLANS, connection.dialect).values(row)
            connection.execute(put.on_conflict_do_update(index_elements=["tenant_id", "plan_id"], set_=row))

        await self._tables.write(write)

    async def find(self, tenant_id: TenantId, plan_id: str, *, now: datetime) -> PlanRecord | None:
        holds = or_(_PLANS.c.expires_at > as_text(now), _PLANS.c.state == PlanState.APPLYING.value)
        this = (_PLANS.c.tenant_id == tenant_id) & (_PLANS.c.plan_id == plan_id) & self._which
        asked = select(_PLANS.c.record).where(this, holds)
        encoded = await self._tables.read(lambda connection: connection.execute(asked).scalar())
        return None if encoded is None else self._records.decode(encoded)

    async def rows(self, record: PlanRecord) -> Plan | None:
        asked = select(_PLANS.c.body).where(_this(record))
        sealed = await self._tables.read(lambda connection: connection.execute(asked).scalar())
        try:
            return None if sealed is None else await asyncio.to_thread(self._decrypted, record, sealed)
        except (InvalidTag, zlib.error, msgspec.DecodeError) as error:
            raise StoreUnavailable(
                f"the rows of import plan {record.plan_id} cannot be read; plan the file again"
            ) from error

    async def update(self, record: PlanRecord) -> None:
        now_reads = update(_PLANS).where(_this(record)).values(_columns(record))
        await self._tables.write(lambda connection: connection.execute(now_reads))

    async def end(self, record: PlanRecord) -> None:
        ended = update(_PLANS).where(_this(record)).values({**_columns(record), "body": None})
        await self._tables.write(lambda connection: connection.execute(ended))
        await self._tables.wipe(_PLANS)

    async def unfinished(self) -> Sequence[PlanRecord]:
        asked = select(_PLANS.c.record).where(_PLANS.c.state == PlanState.APPLYING.value, self._which)
        found = await self._tables.read(lambda connection: connection.execute(asked).scalars().all())
        return [self._records.decode(encoded) for encoded in found]

    async def forget_old(self, *, now: datetime) -> int:
        old = delete(_PLANS).where(_PLANS.c.expires_at <= as_text(now), _PLANS.c.state != PlanState.APPLYING.value)
        gone = await self._tables.write(lambda connection: connection.execute(old).rowcount)
        if gone:
            await self._tables.wipe(_PLANS)
        return gone

    async def close(self) -> None:
        await self._tables.close()

    def _encrypted(self, plan: Plan) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        lines = [msgspec.json.encode(replace(plan, rows=()))]
        lines += [msgspec.json.encode(chunk) for chunk in _chunks(plan.rows)]
        plain = zlib.compress(b"\n".join(lines), 1)
        return nonce + self._cipher.encrypt(nonce, plain, _bound_to(plan.tenant_id, plan.plan_id))

    def _decrypted(self, record: PlanRecord, sealed: bytes) -> Plan:
        bound_to = _bound_to(record.tenant_id, record.plan_id)
        plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
        lines = zlib.decompress(plain).split(b"\n")
        rows = tuple(row for line in lines[1:] for row in self._rows.decode(line))
        return replace(self._plans.decode(lines[0]), rows=rows)


class SqlImportPlans(SqlPlans[ImportPlan]):
    """Import plans for a registry."""

    def __init__(self, where: Path | str, master_key: bytes, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(where, master_key, ImportPlan, PlanRow, ~_OF_CHARGERS & ~_OF_RESERVATIONS, timeout_s=timeout_s)


class SqlChargerImportPlans(SqlPlans[ChargerImportPlan]):
    """Import plans for chargers, in the same table."""

    def __init__(self, where: Path | str, master_key: bytes, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(where, master_key, ChargerImportPlan, ChargerPlanRow, _OF_CHARGERS, timeout_s=timeout_s)


class SqlDispatchPlans(SqlPlans[DispatchPlan]):
    """Plans for dispatch sheets, in the same table."""

    def __init__(self, where: Path | str, master_key: bytes, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(where, master_key, DispatchPlan, DispatchPlanRow, _OF_RESERVATIONS, timeout_s=timeout_s)


def _chunks(rows: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for begin in range(0, len(rows), CHUNK):
        yield rows[begin : begin + CHUNK]


def _this(record: PlanRecord) -> ColumnElement[bool]:
    return (_PLANS.c.tenant_id == record.tenant_id) & (_PLANS.c.plan_id == record.plan_id)


def _columns(record: PlanRecord) -> dict[str, Any]:
    return {
        "tenant_id": record.tenant_id,
        "plan_id": record.plan_id,
        "state": record.state.value,
        "expires_at": as_text(record.expires_at),
        "record": msgspec.json.encode(record),
    }


def _bound_to(tenant_id: TenantId, plan_id: str) -> bytes:
    return f"{tenant_id}\0{plan_id}".encode()
