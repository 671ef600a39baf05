"""The content of a denial that a driver may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from access_policy.domain.access.reasons import Reason
from access_policy.domain.ids import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Why the attempt was denied, and until when access is managed here, for a message in the depot's language and time
    zone. `begins_at`: when the driver's own reservation begins to admit, if it has not begun yet.
    """

    tenant_id: TenantId
    reason: Reason
    managed_until: datetime | None
    agreement_ended: bool
    language: str
    zone: ZoneInfo
    profile: str
    begins_at: datetime | None = None
