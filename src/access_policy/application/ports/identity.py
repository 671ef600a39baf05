"""The caller's identity: the tenant and the role of a bearer token."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from access_policy.domain.ids import ActorId, TenantId


class Role(StrEnum):
    VIEWER = "viewer"  # reads
    OPERATOR = "operator"  # reads and commands
    ADMIN = "admin"  # everything
    SERVICE = "service"  # reads, and asks for recorded decisions
    INSTALLATION = "installation"  # metrics of all tenants together; no access to any tenant's data


NO_TENANT: Final = TenantId("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`tenant_id` is `NO_TENANT` for the role `installation`, and never otherwise."""

    tenant_id: TenantId
    role: Role
    subject: ActorId


class TokenRefused(Exception):
    """The token has another issuer, is not valid now, or lacks a claim. The reason is for the log, not for the caller."""


class Tokens(Protocol):
    def verify(self, token: str) -> Identity:
        """Raises `TokenRefused`."""
        ...
