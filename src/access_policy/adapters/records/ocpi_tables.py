"""The tables of OCPI partners, and the cipher of their contents: tokens, plates and URLs must not leave with a copy of the
database."""

from __future__ import annotations

import os
from typing import Any, Final, Generic, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table

from access_policy.adapters.records.pending_events import pending_events_table
from access_policy.adapters.secrets.key_files import derived_key
from access_policy.adapters.sql.databases import TEXT
from access_policy.application.ports.event_store import StoreUnavailable

NONCE_BYTES: Final = 12

METADATA = MetaData()
PARTNERS = Table(
    "ocpi_partner",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("partner_id", TEXT, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
PARTNER_TOKENS = Table(
    "ocpi_partner_token",
    METADATA,
    Column("digest", TEXT, primary_key=True),
    Column("tenant_id", TEXT, nullable=False),
    Column("partner_id", TEXT, nullable=False),
    Index("ocpi_partner_token_of_partner", "tenant_id", "partner_id"),
)
BOOKINGS = Table(
    "ocpi_booking",
    METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant_id", TEXT, nullable=False),
    Column("partner_id", TEXT, nullable=False),
    Column("request_key", TEXT, nullable=False),
    Column("reservation_id", TEXT, nullable=False),
    Column("updated_at", TEXT, nullable=False),
    Column("end_at", TEXT, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("ocpi_booking_once", "tenant_id", "partner_id", "request_key", unique=True),
    Index("ocpi_booking_of_reservation", "tenant_id", "reservation_id"),
    Index("ocpi_booking_ended", "end_at"),
    sqlite_autoincrement=True,  # a number is never used again: pages keep their order
)
DRIVER_TOKENS = Table(
    "ocpi_token",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("partner_id", TEXT, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("pseudonym", TEXT, primary_key=True),
    Column("updated_at", TEXT, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
PENDING = pending_events_table(METADATA, "ocpi_partner")

Content = TypeVar("Content")


class Sealing(Generic[Content]):
    """Values of one type, encrypted with a key of the installation and bound to the ids of their row."""

    def __init__(self, master_key: bytes, of: type[Content]) -> None:
        self._cipher = AESGCM(derived_key(master_key, "ocpi"))
        self._decoder = msgspec.json.Decoder(of)
        self._kind = of.__name__

    def seal(self, content: Content, *ids: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, msgspec.json.encode(content), self._bound_to(ids))

    def open(self, sealed: Any, *ids: str) -> Content:
        """Raises `StoreUnavailable`."""
        try:
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._bound_to(ids))
            return self._decoder.decode(plain)
        except (InvalidTag, msgspec.DecodeError) as error:
            raise StoreUnavailable(
                f"{self._kind} {'/'.join(ids[1:])} cannot be read with this installation's keys; restore them from your "
                "backup"
            ) from error

    def _bound_to(self, ids: tuple[str, ...]) -> bytes:
        return "\0".join((self._kind, *ids)).encode()
