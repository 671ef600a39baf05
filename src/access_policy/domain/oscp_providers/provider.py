"""An OSCP capacity provider of a depot: the groups it may limit, and the state of the connection. Changes return a new
value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from access_policy.domain.ids import DepotId, EnergyNodeId, checked_id, checked_name, checked_new_id
from access_policy.domain.issued_tokens import IssuedToken
from access_policy.domain.oscp_providers.errors import OscpProviderInvalid
from access_policy.domain.partners import Partner

GROUPS_MAX: Final = 200
ID_MAX: Final = 59  # so that `oscp:` plus the id is a valid id
VOLTS_MAX: Final = 100_000
HEARTBEAT_S: Final = (5, 3600)  # least and most
GROUP_ID_MAX: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBinding:
    """The depot's node to which a provider's group is bound. `voltage_v` (phase to neutral) and `phases` convert A to W;
    without them forecasts in A are refused.
    """

    group_id: str
    node_id: EnergyNodeId
    voltage_v: int | None = None
    phases: int | None = None

    def check(self, pointer: str) -> None:
        """Raises `OscpProviderInvalid` or `InvalidId`."""
        if not 1 <= len(self.group_id) <= GROUP_ID_MAX or not self.group_id.isprintable():
            raise OscpProviderInvalid(
                f"A group id has 1 to {GROUP_ID_MAX} printable characters.", pointer=f"{pointer}/group_id"
            )
        checked_id(self.node_id, "node_id")
        if (self.voltage_v is None) != (self.phases is None):
            raise OscpProviderInvalid("Give both voltage_v and phases, or neither.", pointer=f"{pointer}/voltage_v")
        if self.voltage_v is not None and not 1 <= self.voltage_v <= VOLTS_MAX:
            raise OscpProviderInvalid(
                f"voltage_v must be between 1 and {VOLTS_MAX} volts.", pointer=f"{pointer}/voltage_v"
            )
        if self.phases not in (None, 1, 2, 3):
            raise OscpProviderInvalid("phases must be 1, 2 or 3.", pointer=f"{pointer}/phases")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """The settings of a provider. `heartbeat_interval_s` is the interval of heartbeats that this service requires of the
    provider.
    """

    name: str
    groups: tuple[GroupBinding, ...]
    heartbeat_interval_s: int = 60
    enabled: bool = True

    def check(self) -> None:
        """Raises `OscpProviderInvalid`, `InvalidId` or `InvalidName`."""
        checked_name(self.name, length_max=100)
        if len(self.groups) > GROUPS_MAX:
            raise OscpProviderInvalid(f"A provider has {GROUPS_MAX} groups at most.", pointer="/groups")
        for number, each in enumerate(self.groups):
            each.check(f"/groups/{number}")
        for name in ("group_id", "node_id"):
            if len({getattr(each, name) for each in self.groups}) != len(self.groups):
                raise OscpProviderInvalid(f"A {name} is named twice; bind one group to one node.", pointer="/groups")
        least, most = HEARTBEAT_S
        if not least <= self.heartbeat_interval_s <= most:
            raise OscpProviderInvalid(
                f"heartbeat_interval_s must be between {least} and {most} seconds.", pointer="/heartbeat_interval_s"
            )

    def group(self, group_id: str) -> GroupBinding | None:
        return next((each for each in self.groups if each.group_id == group_id), None)


class ConnectionState(StrEnum):
    INVITED = "invited"  # has a registration token, or waits for the operator to register with it
    REGISTERING = "registering"  # one side has registered with the other
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConnection:
    """The connection to the provider. `token` authenticates this service at the provider, which receives messages below
    `base_url`; `own_url` is where the provider reaches this service.
    """

    base_url: str
    own_url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredBehaviour:
    """The behaviour that the provider's handshake requires of this service. `heartbeat_interval_s` None: no heartbeats."""

    heartbeat_interval_s: int | None = None
    measurements: tuple[str, ...] = ()  # CONTINUOUS, INTERMITTENT


@dataclass(frozen=True, slots=True, kw_only=True)
class OscpProvider(Partner[ProviderSettings, ProviderConnection]):
    """An OSCP provider. `required` is None until the provider has sent a handshake."""

    depot_id: DepotId
    provider_id: str
    state: ConnectionState = ConnectionState.INVITED
    required: RequiredBehaviour | None = None

    @property
    def record_id(self) -> str:
        return record_id(self.depot_id, self.provider_id)

    @property
    def source(self) -> str:
        """Return the provider's name as the source of envelopes."""
        return f"oscp:{self.provider_id}"

    def invited(self, digest: str, *, now: datetime) -> OscpProvider:
        """Return the provider with a new registration token; every earlier token and the connection end."""
        token = IssuedToken(digest=digest, registers=True)
        ended: dict[str, object] = {"former": None, "connection": None, "required": None}
        return self.changed(now, state=ConnectionState.INVITED, token=token, **ended)

    def registered(self, connection: ProviderConnection, *, with_token: IssuedToken, now: datetime) -> OscpProvider:
        """Return the provider after it registered here. It is connected if it used the token from this service's
        registration at the provider.
        """
        is_both = not with_token.registers
        state = ConnectionState.CONNECTED if is_both else ConnectionState.REGISTERING
        return self.changed(now, state=state, connection=connection)

    def registering(self, connection: ProviderConnection, digest: str, *, now: datetime) -> OscpProvider:
        """Return the provider with a new token, with which this service registers there. The previous token ends when the
        new one is first used.
        """
        token = IssuedToken(digest=digest, registers=False)
        kept = self.former or self.token if self.state is not ConnectionState.CONNECTED else self.token
        return self.changed(now, state=ConnectionState.REGISTERING, connection=connection, token=token, former=kept)

    def connected(self, *, now: datetime) -> OscpProvider:
        """Return the provider after both sides have registered."""
        return self.changed(now, state=ConnectionState.CONNECTED)

    def shaken(self, required: RequiredBehaviour, *, now: datetime) -> OscpProvider:
        return self if required == self.required else self.changed(now, required=required)


def record_id(depot_id: DepotId, provider_id: str) -> str:
    """Return the record id, which is unique in the tenant because ids do not contain slashes."""
    return f"{depot_id}/{provider_id}"


def checked_provider_id(provider_id: str) -> str:
    """Raises `InvalidId` or `OscpProviderInvalid`."""
    checked_new_id(provider_id, "provider_id")
    if len(provider_id) > ID_MAX:
        raise OscpProviderInvalid(f"provider_id has at most {ID_MAX} characters.", pointer="/provider_id")
    return provider_id
