"""OSCP providers and the forecasts of their groups, as records; and the calls to a provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from access_policy.application.ports.partners import PartnerKey, Partners
from access_policy.application.ports.webhooks import Attempt
from access_policy.domain.ids import TenantId
from access_policy.domain.oscp_providers.forecast import GroupForecast
from access_policy.domain.oscp_providers.provider import OscpProvider, ProviderConnection

OscpProviders = Partners[OscpProvider]


class OscpForecasts(Protocol):
    """The forecasts of groups, and the instant until which each provider counts as online. All methods are atomic and
    durable, and raise `StoreUnavailable`. The contents are encrypted."""

    async def find(self, key: tuple[TenantId, str, str]) -> GroupForecast | None: ...

    async def of_provider(self, key: PartnerKey) -> list[GroupForecast]:
        """Return the provider's forecasts, by group id."""
        ...

    async def unsettled(self) -> list[GroupForecast]:
        """Return the forecasts of all tenants whose envelopes may not have been sent to the site or withdrawn from it yet."""
        ...

    async def put(self, forecast: GroupForecast, *, expected: int) -> bool:
        """Store the forecast, replacing version `expected` (0: there is none). Return False without a change if another
        version is stored."""
        ...

    async def remove(self, forecast: GroupForecast) -> None: ...

    async def online_until(self, key: PartnerKey) -> datetime | None:
        """Return the instant from which the provider is offline; None before its first handshake."""
        ...

    async def put_online_until(self, key: PartnerKey, at: datetime | None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OscpMessage:
    """`path` is the message's path, such as `heartbeat`. `correlation_id` is the id of the message that it answers."""

    path: str
    body: Mapping[str, Any]
    message_id: str
    correlation_id: str = ""


class OscpPeers(Protocol):
    """Calls to providers. A URL is refused if its host may not be contacted, as for webhooks."""

    def refusal_of(self, url: str) -> str | None: ...

    async def send(self, connection: ProviderConnection, message: OscpMessage, *, now: datetime) -> Attempt:
        """POST the message once. A failure of the provider or the network is part of the returned attempt and is never
        raised."""
        ...
