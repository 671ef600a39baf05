"""Bodies and responses of `/v1/depots/{depot_id}/oscp-providers`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from access_policy.domain.ids import EnergyNodeId
from access_policy.domain.oscp_providers import provider as domain
from access_policy.domain.oscp_providers.blocks import ForecastType
from access_policy.domain.oscp_providers.forecast import GroupForecast
from access_policy.domain.oscp_providers.provider import (
    GROUPS_MAX,
    HEARTBEAT_S,
    VOLTS_MAX,
    ConnectionState,
    GroupBinding,
    ProviderSettings,
)
from access_policy.entrypoints.http.fields import RequestModel, ResponseModel, Text, UtcInstant, Version


class OscpGroupBody(RequestModel):
    """Binds a group of the provider to this node. `voltage_v` (phase to neutral) and `phases` convert limits in A to W;
    give both, or neither if the provider sends no limits in A."""

    group_id: Text
    node_id: Text
    voltage_v: Annotated[int, Field(ge=1, le=VOLTS_MAX)] | None = None
    phases: Annotated[int, Field(ge=1, le=3)] | None = None


class OscpProviderBody(RequestModel):
    """The settings of a provider. `heartbeat_interval_s` is the interval that you require of it: it counts as offline
    after three missed heartbeats, or from the instant that its latest heartbeat names."""

    name: Text
    groups: list[OscpGroupBody] = Field(max_length=GROUPS_MAX)
    heartbeat_interval_s: Annotated[int, Field(ge=HEARTBEAT_S[0], le=HEARTBEAT_S[1])] = 60
    enabled: bool = True

    def settings(self) -> ProviderSettings:
        groups = tuple(
            GroupBinding(
                group_id=each.group_id,
                node_id=EnergyNodeId(each.node_id),
                voltage_v=each.voltage_v,
                phases=each.phases,
            )
            for each in self.groups
        )
        return ProviderSettings(
            name=self.name, groups=groups, heartbeat_interval_s=self.heartbeat_interval_s, enabled=self.enabled
        )


class OscpRegisterBody(RequestModel):
    """The provider's base URL of version 2.0, and the token that you agreed on."""

    base_url: Text
    token: Text


class ForecastedEnvelope(ResponseModel):
    """An envelope of a forecast. `fallback_limit_w` applies while the provider is offline; null: the provider sent none
    for this time."""

    envelope_id: str
    valid_from: UtcInstant
    valid_until: UtcInstant
    import_limit_w: int
    fallback_limit_w: int | None


class ForecastWithoutEffect(ResponseModel):
    """A forecast that was accepted but changed nothing, because it is not a consumption forecast or all of it was
    over."""

    type: ForecastType
    received_at: UtcInstant


class OscpGroup(ResponseModel):
    group_id: str
    node_id: str
    voltage_v: int | None
    phases: int | None
    envelopes: list[ForecastedEnvelope]
    without_effect: list[ForecastWithoutEffect]

    @classmethod
    def of(cls, binding: GroupBinding, forecast: GroupForecast | None, now: datetime) -> OscpGroup:
        envelopes = () if forecast is None else forecast.envelopes
        ignored = () if forecast is None else forecast.without_effect
        return cls(
            group_id=binding.group_id,
            node_id=binding.node_id,
            voltage_v=binding.voltage_v,
            phases=binding.phases,
            envelopes=[
                ForecastedEnvelope(
                    envelope_id=each.envelope_id,
                    valid_from=each.stretch.start,
                    valid_until=each.stretch.end,
                    import_limit_w=each.stretch.watts,
                    fallback_limit_w=each.stretch.fallback_w,
                )
                for each in envelopes
                if each.stretch.end > now
            ],
            without_effect=[ForecastWithoutEffect(type=kind, received_at=at) for kind, at in ignored],
        )


class OscpProvider(ResponseModel):
    """A provider. `base_url` is its URL; null until one side has registered. `there_until`: it is offline from then on;
    null before its first handshake."""

    depot_id: str
    provider_id: str
    name: str
    groups: list[OscpGroup]
    heartbeat_interval_s: int
    enabled: bool
    state: ConnectionState
    base_url: str | None
    there_until: UtcInstant | None
    created_at: UtcInstant
    changed_at: UtcInstant
    version: Version

    @classmethod
    def of(
        cls,
        provider: domain.OscpProvider,
        forecasts: Mapping[str, GroupForecast],
        there_until: datetime | None,
        now: datetime,
        **more: Any,
    ) -> Self:
        settings = provider.settings
        return cls(
            depot_id=provider.depot_id,
            provider_id=provider.provider_id,
            name=settings.name,
            groups=[OscpGroup.of(each, forecasts.get(each.group_id), now) for each in settings.groups],
            heartbeat_interval_s=settings.heartbeat_interval_s,
            enabled=settings.enabled,
            state=provider.state,
            base_url=None if provider.connection is None else provider.connection.base_url,
            there_until=there_until,
            created_at=provider.created_at,
            changed_at=provider.changed_at,
            version=provider.version,
            **more,
        )


class OscpProviderWithToken(OscpProvider):
    """A provider with a token. `token` is the registration token. Give it to the provider with the URL of `/oscp/2.0`.
    It is shown only here; null if the provider already has one, and in the response to a repeated request."""

    token: str | None
