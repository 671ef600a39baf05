"""The events of an API key. They contain neither the key nor its hash (ADR 0034)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from access_policy.domain.ids import DepotId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyGrant:
    """What a key allows. `depots` are sorted; None means all depots of the tenant. `expires_at` is exclusive."""

    name: str
    role: str
    depots: tuple[DepotId, ...] | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyCreated:
    TYPE: ClassVar = "api_key.api_key_created.v1"
    key_id: str
    grant: ApiKeyGrant
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRevoked:
    """`grant` is what the key allowed until then."""

    TYPE: ClassVar = "api_key.api_key_revoked.v1"
    key_id: str
    grant: ApiKeyGrant
    revoked_at: datetime
