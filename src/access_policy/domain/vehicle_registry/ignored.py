"""Denied identifiers that an operator ignores: the list of denied identifiers leaves them out for some days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from access_policy.domain.errors import Invalid
from access_policy.domain.ids import ActorId

DAYS_MAX: Final = 365
REASON_LENGTH_MAX: Final = 500


class IgnoringInvalid(Invalid):
    code = "ignoring-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredIdentifier:
    """An identifier that is left out of the list unless it is denied at `until` or later."""

    pseudonym: str
    until: datetime
    reason: str
    ignored_by: ActorId

    def hides(self, last_seen: datetime) -> bool:
        return last_seen < self.until
