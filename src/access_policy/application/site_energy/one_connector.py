"""The chargers with one connector, at which a new charge begins only after the one that draws has ended (ADR 0054)."""

from __future__ import annotations

from typing import Protocol

from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, ChargerKey, TenantId
from access_policy.domain.site_energy.site import SiteEnergy


class KnownPolicies(Protocol):
    def known_policy(self, tenant_id: TenantId, charger_id: ChargerId) -> ChargerAccessPolicy | None: ...


def one_at_a_time(view: KnownPolicies, tenant_id: TenantId, site: SiteEnergy) -> frozenset[ChargerId]:
    """Return the site's chargers with one connector."""
    return frozenset(each for each in site.tree.by_charger if has_one_connector(view, (tenant_id, each)))


def has_one_connector(view: KnownPolicies, key: ChargerKey) -> bool:
    policy = view.known_policy(*key)
    return policy is not None and policy.settings.connectors == 1
