"""Snapshots of the decision view in a file of many small records, so that writing never blocks the interpreter for long.

Each record is its length (4 bytes, big-endian) and MessagePack; the last one has the checksum of all records before it. The
file is always replaced as a whole. The header names the shape of all records; a program with another shape does not read the
file.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import msgspec

from access_policy.application.ports.view_snapshots import (
    Anchor,
    BookState,
    ChargerState,
    RegistryState,
    SiteState,
    TenantState,
    ViewState,
)
from access_policy.domain.charger_condition.condition import ChargerCondition
from access_policy.domain.depots.depot import Depot
from access_policy.domain.ids import AgreementId, ChargePointId, ChargerId, DepotId, ReservationGroupId, TenantId
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.reservation import ReservationGroup
from access_policy.domain.reservations.settings import ReservationSettings
from access_policy.domain.site_energy.envelopes import KnownEnvelope
from access_policy.domain.site_energy.nodes import EnergyNode
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.ignored import IgnoredIdentifier
from access_policy.domain.vehicle_registry.registry import Vehicle

_Item = TypeVar("_Item")
logger = logging.getLogger(__name__)

RECORD_ITEMS: Final = 500  # encoding these takes a few milliseconds
RECORD_BYTES_MAX: Final = 256 * 1024 * 1024


class _Part(msgspec.Struct, frozen=True, tag=True, array_like=True):
    pass


class _Header(_Part, frozen=True):
    shape: str
    position: int
    anchor: Anchor
    erased: tuple[TenantId, ...] = ()


class _Owners(_Part, frozen=True):
    items: tuple[tuple[ChargePointId, TenantId, ChargerId], ...]


class _Tenant(_Part, frozen=True):
    """The following records belong to this tenant, up to the next `_Tenant`."""

    tenant_id: TenantId
    registry_version: int
    depots: tuple[Depot, ...]
    agreements: tuple[Agreement, ...]
    agreement_changed_at: dict[AgreementId, int]
    profiles: dict[str, str]
    ad_hoc: tuple[AdHocPermission, ...] = ()
    ignored: tuple[IgnoredIdentifier, ...] = ()


class _Book(_Part, frozen=True):
    """The following records belong to this book, up to the next `_Book`."""

    depot_id: DepotId
    version: int
    groups: tuple[ReservationGroup, ...]
    group_changed_at: dict[ReservationGroupId, int]
    settings: ReservationSettings
    settings_changed_at: int


class _Reservations(_Part, frozen=True):
    items: tuple[Entry, ...]


class _Site(_Part, frozen=True):
    """The nodes and envelopes of the site are in the following records, up to the next `_Site`."""

    site: SiteState


class _Nodes(_Part, frozen=True):
    items: tuple[EnergyNode, ...]


class _Envelopes(_Part, frozen=True):
    items: tuple[KnownEnvelope, ...]


class _Vehicles(_Part, frozen=True):
    items: tuple[Vehicle, ...]


class _Chargers(_Part, frozen=True):
    items: tuple[ChargerState, ...]


class _Conditions(_Part, frozen=True):
    items: tuple[tuple[ChargerId, ChargerCondition], ...]


class _End(_Part, frozen=True):
    checksum: int


_AnyPart = (
    _Header
    | _Owners
    | _Tenant
    | _Vehicles
    | _Chargers
    | _Conditions
    | _Book
    | _Reservations
    | _Site
    | _Nodes
    | _Envelopes
    | _End
)

SHAPE: Final = hashlib.sha256(msgspec.json.encode(msgspec.json.schema(_AnyPart))).hexdigest()[:16]


class SnapshotUnreadable(Exception):
    """The file is truncated, altered, or written by another version."""


class FileViewSnapshots:
    """Implements `ViewSnapshots`. Failures are logged, because the file is a cache and may be deleted at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def latest(self) -> ViewState | None:
        try:
            return await asyncio.to_thread(_read, self._path)
        except FileNotFoundError:
            return None
        except (SnapshotUnreadable, msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
            logger.warning("%s is not used: %s", self._path.name, error)
            return None

    async def save(self, state: ViewState) -> bool:
        try:
            await asyncio.to_thread(_write, self._path, state)
        except OSError as error:
            logger.warning("%s is not written: %s", self._path.name, error)
            return False
        return True


# --- writing -----------------------------------------------------------------------------------------------------------


def _write(path: Path, state: ViewState) -> None:
    draft = path.with_suffix(".draft")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            checksum = 0
            for part in _parts(state):
                checksum = _put(file, part, checksum)
            _put(file, _End(checksum), checksum)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _put(file: BinaryIO, part: _Part, checksum: int) -> int:
    record = msgspec.msgpack.encode(part)
    file.write(len(record).to_bytes(4, "big"))
    file.write(record)
    return zlib.crc32(record, checksum)


def _parts(state: ViewState) -> Iterator[_Part]:
    yield _Header(SHAPE, state.position, state.anchor, state.erased)
    for owners in _batches(state.owners):
        yield _Owners(owners)
    for tenant in state.tenants:
        registry = tenant.registry
        yield _Tenant(
            tenant.tenant_id,
            registry.version,
            tenant.depots,
            registry.agreements,
            registry.agreement_changed_at,
            tenant.profiles,
            registry.ad_hoc,
            registry.ignored,
        )
        for vehicles in _batches(registry.vehicles):
            yield _Vehicles(vehicles)
        for chargers in _batches(tenant.chargers):
            yield _Chargers(chargers)
        for conditions in _batches(tenant.conditions):
            yield _Conditions(conditions)
        for book in tenant.books:
            yield _Book(
                book.depot_id,
                book.version,
                book.groups,
                book.group_changed_at,
                book.settings,
                book.settings_changed_at,
            )
            for entries in _batches(book.entries):
                yield _Reservations(entries)
        for site in tenant.sites:
            yield _Site(replace(site, nodes=(), envelopes=()))
            for nodes in _batches(site.nodes):
                yield _Nodes(nodes)
            for envelopes in _batches(site.envelopes):
                yield _Envelopes(envelopes)


# --- reading -----------------------------------------------------------------------------------------------------------


def _read(path: Path) -> ViewState:
    with path.open("rb") as file:
        parts = _records(file)
        header = next(parts, None)
        assert isinstance(header, _Header)  # the first of `_records`
        return _state(header, parts)


def _records(file: BinaryIO) -> Iterator[_AnyPart]:
    """Yield all records but the end. Raises `SnapshotUnreadable`."""
    decoder = msgspec.msgpack.Decoder(_AnyPart)
    head = msgspec.msgpack.Decoder(_Header)
    checksum, first = 0, True
    while True:
        record = _record(file)
        part = (head if first else decoder).decode(record)
        if isinstance(part, _Header) and part.shape != SHAPE:
            raise SnapshotUnreadable("it was written by another version of this program")
        if isinstance(part, _End):
            if part.checksum != checksum:
                raise SnapshotUnreadable("its checksum is wrong")
            return
        yield part
        checksum, first = zlib.crc32(record, checksum), False


def _record(file: BinaryIO) -> bytes:
    length = int.from_bytes(file.read(4), "big")
    record = file.read(length) if 0 < length <= RECORD_BYTES_MAX else b""
    if not length or len(record) != length:
        raise SnapshotUnreadable("it is truncated")
    return record


@dataclass(slots=True)
class _OfTenant:
    """The records of one tenant read so far."""

    head: _Tenant
    vehicles: list[Vehicle] = field(default_factory=list)
    chargers: list[ChargerState] = field(default_factory=list)
    conditions: list[tuple[ChargerId, ChargerCondition]] = field(default_factory=list)
    books: list[tuple[_Book, list[Entry]]] = field(default_factory=list)
    sites: list[tuple[SiteState, list[EnergyNode], list[KnownEnvelope]]] = field(default_factory=list)

    def state(self) -> TenantState:
        head = self.head
        return TenantState(
            head.tenant_id,
            RegistryState(
                head.registry_version,
                tuple(self.vehicles),
                head.agreements,
                head.agreement_changed_at,
                head.ad_hoc,
                head.ignored,
            ),
            head.depots,
            tuple(self.chargers),
            tuple(self.conditions),
            head.profiles,
            tuple(
                BookState(
                    book.depot_id,
                    book.version,
                    book.groups,
                    book.group_changed_at,
                    tuple(entries),
                    book.settings,
                    book.settings_changed_at,
                )
                for book, entries in self.books
            ),
            tuple(
                replace(site, nodes=tuple(nodes), envelopes=tuple(envelopes)) for site, nodes, envelopes in self.sites
            ),
        )


def _state(header: _Header, parts: Iterator[_AnyPart]) -> ViewState:
    owners: list[tuple[ChargePointId, TenantId, ChargerId]] = []
    tenants: list[_OfTenant] = []
    for part in parts:
        match part:
            case _Owners():
                owners += part.items
            case _Tenant():
                tenants.append(_OfTenant(part))
            case _Vehicles() if tenants:
                tenants[-1].vehicles.extend(part.items)
            case _Chargers() if tenants:
                tenants[-1].chargers.extend(part.items)
            case _Conditions() if tenants:
                tenants[-1].conditions.extend(part.items)
            case _Book() if tenants:
                tenants[-1].books.append((part, []))
            case _Reservations() if tenants and tenants[-1].books:
                tenants[-1].books[-1][1].extend(part.items)
            case _Site() if tenants:
                tenants[-1].sites.append((part.site, [], []))
            case _Nodes() if tenants and tenants[-1].sites:
                tenants[-1].sites[-1][1].extend(part.items)
            case _Envelopes() if tenants and tenants[-1].sites:
                tenants[-1].sites[-1][2].extend(part.items)
            case _:
                raise SnapshotUnreadable("its records are in an invalid order")
    states = tuple(tenant.state() for tenant in tenants)
    return ViewState(header.position, header.anchor, tuple(owners), states, header.erased)


def _batches(items: tuple[_Item, ...]) -> Iterator[tuple[_Item, ...]]:
    return (items[begin : begin + RECORD_ITEMS] for begin in range(0, len(items), RECORD_ITEMS))
