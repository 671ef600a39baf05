"""The visitors for whom a fragment is the same; it is rendered once for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from access_policy.application.ports.identity import DepotScope, Role
from access_policy.domain.ids import DepotId, TenantId
from access_policy.entrypoints.http.auth import OPERATORS

DEPOT: Final = "depot_id"  # the query parameter that every link keeps


@dataclass(frozen=True, slots=True)
class Audience:
    """Everything that a shared fragment may depend on besides its data and its parameters. A template that uses
    anything else, such as a form's token, fails. Audiences that differ only in `now` are equal, because a fragment is
    shared for some seconds."""

    tenant_id: TenantId
    depots: DepotScope
    role: Role
    depot_id: DepotId | None
    zone: ZoneInfo
    now: datetime = field(compare=False)

    @property
    def operates(self) -> bool:
        return self.role in OPERATORS

    def url(self, path: str, **parameters: Any) -> str:
        return link(self.depot_id, path, parameters)


def link(depot_id: DepotId | None, path: str, parameters: dict[str, Any]) -> str:
    """Return a link to a page of the console that keeps the chosen depot. Parameters that are None are left out."""
    chosen = {} if depot_id is None else {DEPOT: depot_id}
    found = {name.rstrip("_"): value for name, value in {**chosen, **parameters}.items() if value is not None}
    return f"{path}?{urlencode(found, doseq=True)}" if found else path
