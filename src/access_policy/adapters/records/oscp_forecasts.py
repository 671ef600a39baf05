"""The forecasts for the groups of OSCP providers."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update

from access_policy.adapters.records.oscp_tables import FORECASTS, HEARD, METADATA, PURPOSE
from access_policy.adapters.records.partners import of_key
from access_policy.adapters.records.sealing import Sealing
from access_policy.adapters.records.tables import RecordTables, as_text, only_one
from access_policy.adapters.sql.databases import upsert_into
from access_policy.application.ports.partners import PartnerKey
from access_policy.domain.ids import TenantId
from access_policy.domain.oscp_providers.forecast import GroupForecast


class SqlOscpForecasts:
    """Implements `OscpForecasts`. Group ids are encrypted with the content; rows are found by the hashes of the ids."""

    def __init__(self, where: Path | str, master_key: bytes) -> None:
        self._tables = RecordTables(where, METADATA)
        self._sealing = Sealing(master_key, GroupForecast, PURPOSE)

    async def find(self, key: tuple[TenantId, str, str]) -> GroupForecast | None:
        found = await self._read(select(FORECASTS).where(*_this(key)))
        return found[0] if found else None

    async def of_provider(self, key: PartnerKey) -> list[GroupForecast]:
        found = await self._read(select(FORECASTS).where(*of_key(FORECASTS, key)))
        return sorted(found, key=lambda each: each.group_id)

    async def unsettled(self) -> list[GroupForecast]:
        return await self._read(select(FORECASTS).where(FORECASTS.c.is_settled == 0))

    async def put(self, forecast: GroupForecast, *, expected: int) -> bool:
        tenant_id, provider, _ = key = forecast.key
        group_key = _group_key(key)
        row = {
            "version": forecast.version,
            "is_settled": int(forecast.is_settled),
            "sealed": self._sealing.seal(forecast, tenant_id, provider, group_key),
        }

        def write(connection: Connection) -> bool:
            only_one(connection, "oscp forecast", tenant_id, provider, group_key)
            current = connection.execute(select(FORECASTS.c.version).where(*_this(key))).scalar() or 0
            if current != expected:
                return False
            if current == 0:
                ids = {"tenant_id": tenant_id, "partner_id": provider, "group_key": group_key}
                connection.execute(insert(FORECASTS).values(**ids, **row))
            else:
                connection.execute(update(FORECASTS).where(*_this(key)).values(**row))
            return True

        return await self._tables.write(write)

    async def remove(self, forecast: GroupForecast) -> None:
        gone = delete(FORECASTS).where(*_this(forecast.key))
        await self._tables.write(lambda connection: connection.execute(gone))

    async def online_until(self, key: PartnerKey) -> datetime | None:
        asked = select(HEARD.c.there_until).where(*of_key(HEARD, key))
        found = await self._tables.read(lambda connection: connection.execute(asked).scalar())
        return None if found is None else datetime.fromisoformat(found).astimezone(UTC)

    async def put_online_until(self, key: PartnerKey, at: datetime | None) -> None:
        def write(connection: Connection) -> None:
            if at is None:
                connection.execute(delete(HEARD).where(*of_key(HEARD, key)))
                return
            row = upsert_into(HEARD, connection.dialect).values(
                tenant_id=key[0], partner_id=key[1], there_until=as_text(at)
            )
            ids = [HEARD.c.tenant_id, HEARD.c.partner_id]
            connection.execute(row.on_conflict_do_update(index_elements=ids, set_={"there_until": as_text(at)}))

        await self._tables.write(write)

    async def close(self) -> None:
        await self._tables.close()

    async def _read(self, asked: Select[Any]) -> list[GroupForecast]:
        rows = await self._tables.read(lambda connection: connection.execute(asked).all())
        return [self._sealing.open(row.sealed, row.tenant_id, row.partner_id, row.group_key) for row in rows]


def _group_key(key: tuple[TenantId, str, str]) -> str:
    return hashlib.sha256(key[2].encode()).hexdigest()


def _this(key: tuple[TenantId, str, str]) -> tuple[Any, ...]:
    return *of_key(FORECASTS, (key[0], key[1])), FORECASTS.c.group_key == _group_key(key)
