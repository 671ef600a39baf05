"""Columns of a record that gives access to the API under an identity."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Column, Row

from access_policy.adapters.sql.databases import TEXT
from access_policy.application.ports.identity import Identity, Role
from access_policy.domain.ids import ActorId, DepotId, TenantId


def identity_columns() -> list[Column[Any]]:
    return [
        Column("tenant_id", TEXT, nullable=False),
        Column("role", TEXT, nullable=False),
        Column("subject", TEXT, nullable=False),
        Column("depots", TEXT),  # JSON; null: all depots
    ]


def identity_row(identity: Identity) -> dict[str, Any]:
    return {
        "tenant_id": identity.tenant_id,
        "role": identity.role.value,
        "subject": identity.subject,
        "depots": None if identity.depots is None else json.dumps(sorted(identity.depots)),
    }


def identity_of(row: Row[Any]) -> Identity:
    return Identity(
        tenant_id=TenantId(row.tenant_id),
        role=Role(row.role),
        subject=ActorId(row.subject),
        depots=None if row.depots is None else frozenset(map(DepotId, json.loads(row.depots))),
    )
