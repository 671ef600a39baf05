"""The capability profiles with which a charger may be registered."""

from __future__ import annotations

from typing import Protocol

from access_policy.domain.capability_profiles.capabilities import CapabilityProfile
from access_policy.domain.ids import TenantId


class CapabilityProfiles(Protocol):
    """Returns the built-in profiles, and those that operators of the tenant have created."""

    def get(self, tenant_id: TenantId, name: str) -> CapabilityProfile | None: ...

    def all(self, tenant_id: TenantId) -> tuple[CapabilityProfile, ...]: ...
