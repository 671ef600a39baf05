"""Records of partners' bookings."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from access_policy.adapters.records.ocpi_tables import BOOKINGS, METADATA, PURPOSE
from access_policy.adapters.records.sealing import Sealing
from access_policy.adapters.records.tables import RecordTables, as_text, only_one
from access_policy.application.ports.ocpi import BookingPage, BookingRecord
from access_policy.application.ports.partners import PartnerKey
from access_policy.domain.ids import ReservationId, TenantId


class SqlOcpiBookings:
    """Implements `OcpiBookings`."""

    def __init__(self, where: Path | str, master_key: bytes) -> None:
        self._tables = RecordTables(where, METADATA)
        self._sealing = Sealing(master_key, BookingRecord, PURPOSE)

    async def find(self, key: PartnerKey, request_id: str) -> BookingRecord | None:
        return await self._one(*_of(key), BOOKINGS.c.request_key == key_of(request_id))

    async def of_reservation(self, tenant_id: TenantId, reservation_id: ReservationId) -> BookingRecord | None:
        return await self._one(BOOKINGS.c.tenant_id == tenant_id, BOOKINGS.c.reservation_id == reservation_id)

    async def put(self, booking: BookingRecord, *, expected: int) -> bool:
        this = (*_of(booking.key), BOOKINGS.c.request_key == key_of(booking.request_id))
        row = self._row(booking)

        def write(connection: Connection) -> bool:
            only_one(connection, "ocpi booking", *booking.key, key_of(booking.request_id))
            current = connection.execute(select(BOOKINGS.c.version).where(*this)).scalar() or 0
            if current != expected:
                return False
            if current == 0:
                connection.execute(insert(BOOKINGS).values(**row))
            else:
                connection.execute(update(BOOKINGS).where(*this).values(**row))
            return True

        return await self._tables.write(write)

    async def touch(self, booking: BookingRecord, at: datetime) -> None:
        this = (*_of(booking.key), BOOKINGS.c.request_key == key_of(booking.request_id))
        later = update(BOOKINGS).where(*this, BOOKINGS.c.updated_at < as_text(at)).values(updated_at=as_text(at))
        await self._tables.write(lambda connection: connection.execute(later))

    async def page(
        self, key: PartnerKey, *, since: datetime | None, until: datetime | None, offset: int, limit: int
    ) -> BookingPage:
        these = [*_of(key)]
        if since is not None:
            these.append(BOOKINGS.c.updated_at >= as_text(since))
        if until is not None:
            these.append(BOOKINGS.c.updated_at < as_text(until))
        asked = select(BOOKINGS).where(*these).order_by(BOOKINGS.c.number).offset(offset).limit(limit)
        counted = select(func.count()).select_from(BOOKINGS).where(*these)

        def read(connection: Connection) -> tuple[Any, int]:
            return connection.execute(asked).all(), connection.execute(counted).scalar_one()

        rows, total = await self._tables.read(read)
        return BookingPage(bookings=tuple(self._opened(row) for row in rows), total=total)

    async def find_or_count(self, key: PartnerKey, request_id: str) -> BookingRecord | int:
        asked = select(BOOKINGS).where(*_of(key), BOOKINGS.c.request_key == key_of(request_id))
        counted = select(func.count()).select_from(BOOKINGS).where(*_of(key))

        def read(connection: Connection) -> Row[Any] | int:
            return connection.execute(asked).first() or connection.execute(counted).scalar_one()

        found = await self._tables.read(read)
        return found if isinstance(found, int) else self._opened(found)

    async def forget_ended(self, *, before: datetime) -> int:
        old = delete(BOOKINGS).where(BOOKINGS.c.end_at < as_text(before))
        gone = await self._tables.write(lambda connection: connection.execute(old).rowcount)
        if gone:
            await self._tables.wipe(BOOKINGS)
        return gone

    async def close(self) -> None:
        await self._tables.close()

    async def _one(self, *these: Any) -> BookingRecord | None:
        asked = select(BOOKINGS).where(*these)
        row = await self._tables.read(lambda connection: connection.execute(asked).first())
        return None if row is None else self._opened(row)

    def _row(self, booking: BookingRecord) -> dict[str, Any]:
        ids = (booking.tenant_id, booking.partner_id, key_of(booking.request_id))
        return {
            "tenant_id": booking.tenant_id,
            "partner_id": booking.partner_id,
            "request_key": key_of(booking.request_id),
            "reservation_id": booking.reservation_id,
            "updated_at": as_text(booking.updated_at),
            "end_at": as_text(booking.end),
            "version": booking.version,
            "sealed": self._sealing.seal(booking, *ids),
        }

    def _opened(self, row: Row[Any]) -> BookingRecord:
        """Decrypt a booking. `updated_at` comes from its column, because a change of the reservation updates only that."""
        stored = self._sealing.open(row.sealed, row.tenant_id, row.partner_id, row.request_key)
        return replace(stored, updated_at=datetime.fromisoformat(row.updated_at))


def key_of(request_id: str) -> str:
    """Return the key of a request. OCPI compares ids without regard to case."""
    return request_id.upper()


def _of(key: PartnerKey) -> tuple[Any, Any]:
    return BOOKINGS.c.tenant_id == key[0], BOOKINGS.c.partner_id == key[1]
