"""What another server that connects with this one has, by whatever protocol: settings, tokens, and the connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, Protocol, Self, TypeVar

from access_policy.domain.ids import TenantId
from access_policy.domain.issued_tokens import IssuedToken


class PartnerSettings(Protocol):
    @property
    def enabled(self) -> bool: ...

    def check(self) -> None:
        """Raises an `Invalid` refusal."""
        ...


Settings = TypeVar("Settings", bound=PartnerSettings)
Connection = TypeVar("Connection")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner(ABC, Generic[Settings, Connection]):
    """`token` is the latest one issued. `former`, the one before, stays valid until the latest is first used: the message that
    carried the latest may have been lost. Changes return a new value."""

    tenant_id: TenantId
    settings: Settings
    token: IssuedToken | None = None
    former: IssuedToken | None = None
    connection: Connection | None = None
    created_at: datetime
    changed_at: datetime
    version: int = 1

    @property
    @abstractmethod
    def record_id(self) -> str:
        """Unique in the tenant."""

    @property
    def key(self) -> tuple[TenantId, str]:
        return self.tenant_id, self.record_id

    @property
    def receives_pushes(self) -> bool:
        return self.connection is not None and self.settings.enabled

    @property
    def digests(self) -> tuple[str, ...]:
        return tuple(each.digest for each in (self.token, self.former) if each is not None)

    def put(self, settings: Settings, *, now: datetime) -> Self:
        """Unchanged settings return the same partner. Raises what `check` of the settings raises."""
        settings.check()
        return self if settings == self.settings else self.changed(now, settings=settings)

    def confirmed(self, *, now: datetime) -> Self:
        """The latest token was used: the one before ends."""
        return self if self.former is None else self.changed(now, former=None)

    def changed(self, now: datetime, **changes: Any) -> Self:
        return replace(self, **changes, changed_at=now, version=self.version + 1)
