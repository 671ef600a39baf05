"""Who calls: the tenant and the role that a bearer token stands for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from access_policy.domain.ids import ActorId, TenantId


class Role(StrEnum):
    VIEWER = "viewer"  # reads
    OPERATOR = "operator"  # reads and commands
    ADMIN = "admin"  # everything
    SERVICE = "service"  # reads, and asks for recorded decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    tenant_id: TenantId
    role: Role
    subject: ActorId


class TokenRefused(Exception):
    """The token is not ours, not valid now, or says too little. The reason is for the log, not for the caller."""


class Tokens(Protocol):
    def verify(self, token: str) -> Identity:
        """Raises `TokenRefused`."""
        ...
