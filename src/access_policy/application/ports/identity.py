"""The caller's identity: the tenant, the role and the depots of a bearer token."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from access_policy.domain.ids import ActorId, DepotId, TenantId


class Role(StrEnum):
    VIEWER = "viewer"  # reads
    OPERATOR = "operator"  # reads and commands
    ADMIN = "admin"  # everything
    SERVICE = "service"  # reads, and requests recorded decisions
    AUDITOR = "auditor"  # reads everything, including the audit; changes nothing
    INSTALLATION = "installation"  # reads metrics across all tenants; no access to any tenant's data


NO_TENANT: Final = TenantId("")

DepotScope = frozenset[DepotId] | None
"""The depots to which a caller is limited. None: no limit; an empty set: no depot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`tenant_id` is `NO_TENANT` exactly for the role `installation`. `credential` names the caller's credential, such
    as the client of an OIDC token or the id of an API key; it is not a secret."""

    tenant_id: TenantId
    role: Role
    subject: ActorId
    depots: DepotScope = None
    credential: str = ""


class TokenRefused(Exception):
    """The token has another issuer, is not valid now, or lacks a claim. The reason is for the log, not for the caller."""


class VerifierUnavailable(Exception):
    """No token can be verified at the moment; the message says why. The caller may try again."""


class BearerTokens(Protocol):
    """Verifies tokens of one kind."""

    def recognises(self, token: str) -> bool:
        """Return whether the token has the form of this kind, valid or not."""
        ...

    async def verify(self, token: str, *, is_use: bool = True) -> Identity:
        """Return the identity of a valid token. With `is_use` False, only check whether the token is still valid, which
        does not prolong a session.

        Raises `TokenRefused`; `VerifierUnavailable`, or `StoreUnavailable` if the verifier's store cannot be read.
        """
        ...
