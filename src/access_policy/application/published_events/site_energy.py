"""Published events of the energy of a site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from access_policy.application.published_events.shared import BindingEnvelope
from access_policy.domain.site_energy.events import DegradedReason
from access_policy.domain.site_energy.gate import GateLevel, LimitSource


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessNarrowed:
    """Power is short at these chargers: fewer vehicles may start a charge."""

    VERSION: ClassVar = 1
    depot_id: str
    node_id: str | None
    level: GateLevel
    envelope: BindingEnvelope | None
    limit_source: LimitSource | None
    charger_ids: tuple[str, ...]
    effective_w: int | None
    committed_w: int | None
    threshold_w: int | None
    is_advisory: bool
    narrowed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessWidened:
    """More power is available at these chargers again: more vehicles may start a charge."""

    VERSION: ClassVar = 1
    depot_id: str
    node_id: str | None
    level: GateLevel
    envelope: BindingEnvelope | None
    limit_source: LimitSource | None
    charger_ids: tuple[str, ...]
    effective_w: int | None
    committed_w: int | None
    threshold_w: int | None
    is_advisory: bool
    widened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyControlDegraded:
    """A feed of the site's energy is silent, so the gates follow from fallbacks."""

    VERSION: ClassVar = 1
    depot_id: str
    reason: DegradedReason
    source: str | None
    node_id: str | None
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyControlRestored:
    """The feed is back, or no longer needed."""

    VERSION: ClassVar = 1
    depot_id: str
    reason: DegradedReason
    source: str | None
    node_id: str | None
    restored_at: datetime
