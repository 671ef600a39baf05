"""The events of an OSCP provider. They do not contain tokens, hashes of tokens, group ids, or the path of a URL, which may
contain a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from access_policy.domain.ids import DepotId, EnergyNodeId
from access_policy.domain.oscp_providers.provider import ConnectionState, OscpProvider, ProviderSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTerms:
    """The settings of a provider. They contain only the nodes of its groups, because group ids stay in the adapter."""

    name: str
    node_ids: tuple[EnergyNodeId, ...]
    heartbeat_interval_s: int
    enabled: bool

    @classmethod
    def of(cls, settings: ProviderSettings) -> ProviderTerms:
        return cls(
            name=settings.name,
            node_ids=tuple(each.node_id for each in settings.groups),
            heartbeat_interval_s=settings.heartbeat_interval_s,
            enabled=settings.enabled,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OscpProviderPut:
    """The provider's settings are these from now on."""

    TYPE: ClassVar = "oscp_provider.oscp_provider_put.v1"
    depot_id: DepotId
    provider_id: str
    settings: ProviderTerms
    put_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OscpConnectionChanged:
    """`peer` is the provider's server without a path; empty without a connection. `with_new_tokens`: tokens were exchanged,
    or a registration token was issued."""

    TYPE: ClassVar = "oscp_provider.oscp_connection_changed.v1"
    depot_id: DepotId
    provider_id: str
    state: ConnectionState
    peer: str
    with_new_tokens: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OscpProviderRemoved:
    """The provider was removed. `settings` are its last settings."""

    TYPE: ClassVar = "oscp_provider.oscp_provider_removed.v1"
    depot_id: DepotId
    provider_id: str
    settings: ProviderTerms
    removed_at: datetime


OscpProviderEvent = OscpProviderPut | OscpConnectionChanged | OscpProviderRemoved


def connection_changed(provider: OscpProvider, *, with_new_tokens: bool) -> OscpConnectionChanged:
    parts = urlsplit("" if provider.connection is None else provider.connection.base_url)
    return OscpConnectionChanged(
        depot_id=provider.depot_id,
        provider_id=provider.provider_id,
        state=provider.state,
        peer=f"{parts.scheme}://{parts.netloc}" if parts.netloc else "",
        with_new_tokens=with_new_tokens,
        changed_at=provider.changed_at,
    )
