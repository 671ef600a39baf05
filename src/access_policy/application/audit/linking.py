"""Links of stored events: the bytes that digests, links and heads cover."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from access_policy.application.ports.audit_chains import AuditSeals, Chained, ChainHead, Link, StoredHead
from access_policy.application.ports.raw_log import StoredBytes
from access_policy.application.streams import tenant_of
from access_policy.domain.ids import TenantId

BEGINNING = b""  # the hash before the first link


def digest_of(stored: StoredBytes) -> bytes:
    """Return the SHA-256 of position, version, stream, name and bytes. Each string follows its length, so that adjacent
    fields cannot be confused."""
    stream, name = stored.stream.encode(), stored.name.encode()
    head = struct.pack(">QqII", stored.position, stored.version, len(stream), len(name))
    return hashlib.sha256(b"".join((head, stream, name, stored.state))).digest()


def hash_of(link: Link, before: bytes, seals: AuditSeals) -> bytes:
    """Return the hash that the link must have after a link with the hash `before`."""
    described = [link.tenant_id, link.number, link.total, link.chained_at.astimezone(UTC).isoformat()]
    entries = b"".join(struct.pack(">Q", each.position) + each.digest for each in link.entries)
    return seals.link_hash(before, json.dumps(described).encode() + b"\0" + entries)


def sealed(head: ChainHead, seals: AuditSeals) -> StoredHead:
    return StoredHead(head=head, seal=seal_of(head, seals))


def seal_of(head: ChainHead, seals: AuditSeals) -> bytes:
    described = [head.tenant_id, head.number, head.total, head.position, head.hash.hex()]
    return seals.head_seal(json.dumps(described).encode())


def links_of(
    batch: Iterable[StoredBytes], heads: Mapping[TenantId, ChainHead], seals: AuditSeals, *, now: datetime
) -> list[Link]:
    """Return one link for each tenant in the batch, after the tenant's head."""
    entries: dict[TenantId, list[Chained]] = {}
    for stored in batch:
        entries.setdefault(tenant_of(stored.stream), []).append(Chained(stored.position, digest_of(stored)))
    return [_link(tenant_id, tuple(each), heads.get(tenant_id), seals, now) for tenant_id, each in entries.items()]


def head_of(link: Link) -> ChainHead:
    return ChainHead(
        tenant_id=link.tenant_id,
        number=link.number,
        total=link.total,
        position=link.entries[-1].position,
        hash=link.hash,
    )


def _link(
    tenant_id: TenantId, entries: tuple[Chained, ...], head: ChainHead | None, seals: AuditSeals, now: datetime
) -> Link:
    number, total, before = (0, 0, BEGINNING) if head is None else (head.number, head.total, head.hash)
    link = Link(
        tenant_id=tenant_id,
        number=number + 1,
        entries=entries,
        total=total + len(entries),
        chained_at=now,
        hash=b"",
    )
    return Link(
        tenant_id=tenant_id,
        number=link.number,
        entries=entries,
        total=link.total,
        chained_at=now,
        hash=hash_of(link, before, seals),
    )
