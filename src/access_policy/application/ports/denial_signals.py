"""How a protocol shows a denial to the driver."""

from __future__ import annotations

from typing import Protocol

from access_policy.domain.access.denial import Denial
from access_policy.domain.access.events import DenialSignal


class DenialSignals(Protocol):
    """One protocol's signals of denials at the charger."""

    def signal(self, denial: Denial) -> DenialSignal: ...
