"""The common state of a server that connects to this service by some protocol: settings, tokens, and the connection."""

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
    """A connected server. `token` is the latest issued token. `former`, the previous token, stays valid until the latest
    is first used, because the message with the latest may have been lost. Changes return a new value.
    """

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
        """Return the record id, which is unique in the tenant."""

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
        """Return the partner with these settings, or the same partner if they are unchanged. Raises the errors of the
        settings' `check`.
        """
        settings.check()
        return self if settings == self.settings else self.changed(now, settings=settings)

    def confirmed(self, *, now: datetime) -> Self:
        """Return the partner after the latest token was used, which ends the previous one."""
        return self if self.former is None else self.changed(now, former=None)

    def changed(self, now: datetime, **changes: Any) -> Self:
        return replace(self, **changes, changed_at=now, version=self.version + 1)
