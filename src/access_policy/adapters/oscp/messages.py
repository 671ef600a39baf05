"""Messages of OSCP 2.0."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from access_policy.application.oscp_providers.exchange import ProviderRegistration
from access_policy.application.oscp_providers.tokens import LENGTH_MAX
from access_policy.domain.instants import utc
from access_policy.domain.oscp_providers.blocks import BLOCKS_MAX, CapacityBlock, ForecastType, Phase, Unit
from access_policy.domain.oscp_providers.provider import GROUP_ID_MAX, HEARTBEAT_S, RequiredBehaviour

LIST_MAX: Final = 20


class OscpObject(BaseModel):
    """An OSCP object. Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore")


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a string such as 2026-11-20T06:00:00Z")
    return value


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("must have an offset, such as Z")
    return utc(at, "time")


Instant = Annotated[datetime, BeforeValidator(_text), AfterValidator(_utc)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=LENGTH_MAX, pattern=r"^[\x21-\x7e]+$")]
Url = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
GroupId = Annotated[str, StringConstraints(min_length=1, max_length=GROUP_ID_MAX)]


class VersionUrl(OscpObject):
    version: Annotated[str, StringConstraints(max_length=20)]
    base_url: Url


class Register(OscpObject):
    token: Token
    version_url: list[VersionUrl] = Field(min_length=1, max_length=LIST_MAX)

    def registration(self) -> ProviderRegistration:
        return ProviderRegistration(
            token=self.token, versions=[(each.version, each.base_url) for each in self.version_url]
        )


class Behaviour(OscpObject):
    heartbeat_interval: float | None = Field(default=None, gt=0)
    measurement_configuration: list[Literal["CONTINUOUS", "INTERMITTENT"]] = Field(default=[], max_length=LIST_MAX)


class Handshake(OscpObject):
    required_behaviour: Behaviour | None = None

    def required(self) -> RequiredBehaviour:
        """Return the required behaviour. An interval beyond this service's bounds becomes the nearest bound."""
        asked = self.required_behaviour or Behaviour()
        interval = asked.heartbeat_interval
        least, most = HEARTBEAT_S
        return RequiredBehaviour(
            heartbeat_interval_s=None if interval is None else int(min(max(interval, least), most)),
            measurements=tuple(dict.fromkeys(asked.measurement_configuration)),
        )


class Heartbeat(OscpObject):
    offline_mode_at: Instant


class ForecastedBlock(OscpObject):
    """One block of a forecast. The whole forecast is refused if a capacity is negative."""

    capacity: Decimal = Field(allow_inf_nan=False, max_digits=30)
    phase: Phase
    unit: Unit
    start_time: Instant
    end_time: Instant

    def block(self) -> CapacityBlock:
        return CapacityBlock(
            capacity=self.capacity, phase=self.phase, unit=self.unit, start=self.start_time, end=self.end_time
        )


class UpdateGroupCapacityForecast(OscpObject):
    group_id: GroupId
    type: ForecastType
    forecasted_blocks: list[ForecastedBlock] = Field(min_length=1, max_length=BLOCKS_MAX)
