"""Published events of chargers, their faults and the digests of their depots."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from access_policy.application.published_events.shared import Cause
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, Enforcement, OfflineStarts, OnStoreOutage, OnWindowStart


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerSettings:
    charge_point_id: str
    depot_id: str
    time_zone: str
    profile: str
    baseline_mode: AccessMode
    connectors: int
    on_window_start: OnWindowStart
    on_store_outage: OnStoreOutage
    offline_starts: OfflineStarts
    reservation_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerRegistered:
    """The charger belongs to a depot, and the service decides its attempts from now on."""

    VERSION: ClassVar = 1
    charger_id: str
    settings: ChargerSettings
    enforcement: Enforcement


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerAmended:
    """The charger has these settings from now on."""

    VERSION: ClassVar = 1
    charger_id: str
    settings: ChargerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerRetired:
    """The charger is out of service; its attempts are no longer decided."""

    VERSION: ClassVar = 1
    charger_id: str
    retired_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforcementChanged:
    """Denials are enforced from now on, or only observed: everyone may then charge, and each decision records the
    denial that enforcement would have made."""

    VERSION: ClassVar = 1
    charger_id: str
    enforcement: Enforcement


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialCount:
    reason: Reason
    denials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerProblem:
    """A charger that entered a mode late or not at all. `pending`: not yet, and the mode is still expected."""

    charger_id: str
    late: int
    missed: int
    pending: int
    lateness_max_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotDigestMade:
    """Counts of the depot in `[since, until)`, the 24 local hours before its `digest_at`. `problems` are at most 50
    chargers, those with the most missed transitions first; `problem_count` is the number of all."""

    VERSION: ClassVar = 1
    depot_id: str
    since: datetime
    until: datetime
    attempts: int
    allowed: int
    denied: int
    denials: tuple[DenialCount, ...]
    sessions: int
    energy_wh: int
    transitions: int
    on_time: int
    late: int
    missed: int
    pending: int
    unreachable: int
    problems: tuple[ChargerProblem, ...]
    problem_count: int
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerUnreachableAtTransition:
    """The charger should have `mode` from `due_at` on; at `noted_at`, at least a minute later, it was not connected. It
    is switched when it connects."""

    VERSION: ClassVar = 1
    charger_id: str
    depot_id: str
    mode: AccessMode
    cause: Cause
    due_at: datetime
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorFaulted:
    """An error at a connector (0: the whole charger). With `caused_by` it is a consequence of that denied attempt and
    not a fault.
    """

    VERSION: ClassVar = 1
    charger_id: str
    connector_id: int
    error_code: str
    vendor_error_code: str | None
    faulted_at: datetime
    caused_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorRecovered:
    """The connector reported a status without error again."""

    VERSION: ClassVar = 1
    charger_id: str
    connector_id: int
    recovered_at: datetime
