"""Queries of the read models. Results are rows: mappings from column names to values, instants aware and in UTC.

Every query names its tenant, and its result never contains another tenant's data. Pages are newest or smallest first,
with an opaque cursor that stays valid while rows are added. Every query raises `StoreUnavailable` if the read models
cannot be read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from access_policy.application.ports.identity import DepotScope
from access_policy.domain.errors import Invalid
from access_policy.domain.ids import (
    AgreementId,
    AttemptId,
    ChargerId,
    DepotId,
    EnergyNodeId,
    EnvelopeId,
    ReservationId,
    TenantId,
    VehicleId,
)

Row = Mapping[str, Any]

PAGE_MAX = 200


class CursorInvalid(Invalid):
    code = "cursor-invalid"


@dataclass(frozen=True, slots=True)
class Page:
    """`next_cursor` is None on the last page."""

    items: list[Row]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFilter:
    """Attempts in `[since, until)`; None disables a condition. `vehicle_ids` and `pseudonyms` are one condition:
    attempts of one of these vehicles, or with one of these identifiers."""

    decision: str | None = None
    reason: str | None = None
    would_deny: str | None = None
    access_class: str | None = None
    vehicle_ids: Collection[str] = ()
    pseudonyms: Collection[str] = ()
    id_prefix: str | None = None
    charger_id: str | None = None
    entrance_id: str | None = None
    depot_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Entries recorded in `[since, until)`. `operation` is the API's operation or the name of the event. None disables
    a condition."""

    kind: str | None = None
    actor: str | None = None
    operation: str | None = None
    subject_kind: str | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFilter:
    """Attempts in `[since, until)`. `agreement_id`: only those decided under that agreement. `denials_at`: denied
    attempts, and refusals that `observe` suppressed, count only at these depots; None: at all depots."""

    since: datetime
    until: datetime
    depot_id: str | None = None
    charger_id: str | None = None
    entrance_id: str | None = None
    vehicle_id: str | None = None
    agreement_id: str | None = None
    denials_at: Collection[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationFilter:
    """Reservations whose window overlaps `[since, until)`; None disables a condition. `charger_id` is the charger that
    the reservation names, or at which its holder charged."""

    since: datetime | None = None
    until: datetime | None = None
    depot_id: str | None = None
    charger_id: str | None = None
    group_id: str | None = None
    block_id: str | None = None


class TenantRecords(Protocol):
    """The records of all tenants, for the installation."""

    async def tenant(self, tenant_id: TenantId) -> Row | None: ...

    async def tenants(self, *, cursor: str | None, limit: int) -> Page: ...


class Views(Protocol):
    def within(self, depots: DepotScope) -> Views:
        """Return the same views of these depots only: other depots, their chargers and their events are not found. Data
        that belongs to the tenant and to no depot, such as vehicles, stays; agreements do not name other depots'
        chargers."""
        ...

    async def depot(self, tenant_id: TenantId, depot_id: DepotId) -> Row | None: ...

    async def depots(self, tenant_id: TenantId, *, cursor: str | None, limit: int) -> Page: ...

    async def charger(self, tenant_id: TenantId, charger_id: ChargerId) -> Row | None: ...

    async def chargers(self, tenant_id: TenantId, *, depot_id: str | None, cursor: str | None, limit: int) -> Page: ...

    def cursor_after_charger(self, charger_id: ChargerId) -> str:
        """Return the cursor with which `chargers` continues after this charger."""
        ...

    async def attempt(self, tenant_id: TenantId, attempt_id: AttemptId) -> Row | None: ...

    async def attempts_of(self, tenant_id: TenantId, attempt_ids: Collection[str]) -> Sequence[Row]:
        """Return the attempts with these ids, unordered."""
        ...

    async def chargers_of(self, tenant_id: TenantId, charger_ids: Collection[str]) -> Sequence[Row]:
        """Return the chargers with these ids, unordered."""
        ...

    async def sessions_under_way(self, tenant_id: TenantId, charger_ids: Collection[str]) -> Sequence[Row]:
        """Return the rows of the access log whose session has started at one of the chargers and has not ended, by start."""
        ...

    async def mode_changes_of(self, tenant_id: TenantId, requests: Collection[tuple[str, int]]) -> Sequence[Row]:
        """Return the requests to switch a charger, by the charger and its generation, unordered; each with the
        charger's current `depot_id`."""
        ...

    async def attempts(self, tenant_id: TenantId, wanted: AttemptFilter, *, cursor: str | None, limit: int) -> Page:
        """Return attempts, newest first."""
        ...

    async def access_counts(
        self, tenant_id: TenantId, columns: Sequence[str], *, by_quarter: bool, within: ReportFilter
    ) -> Sequence[Row]:
        """Return attempts counted by columns of the access log and by `depot_id`: `attempts`, `allowed`, `denied`,
        `would_deny_count`, `sessions`, `energy_wh`, `first_attempt_at` and `last_attempt_at`. `by_quarter`: also by the
        quarter of an hour in which the attempts were made (`quarter`)."""
        ...

    async def unenrolled_identifiers(self, tenant_id: TenantId, within: ReportFilter, *, limit: int) -> Sequence[Row]:
        """Return identifiers that were refused as unknown (even if `observe` suppressed the refusal) and that no
        vehicle has now, by `identifier_kind`, `identifier_pseudonym` and `depot_id`: `masked`, `attempts`, `denied`,
        `chargers`, `first_seen_at`, `last_seen_at`. Without PINs. At most `limit` rows."""
        ...

    async def mode_changes(
        self,
        tenant_id: TenantId,
        *,
        charger_id: str | None,
        depot_id: str | None = None,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> Page:
        """Return requests to switch a charger, newest first by `requested_at`, which is in `[since, until)`.

        The depot is the charger's current one.
        """
        ...

    async def faults(
        self,
        tenant_id: TenantId,
        *,
        charger_id: str | None,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> Page:
        """Return faults, newest first."""
        ...

    async def pin_lockouts(
        self,
        tenant_id: TenantId,
        *,
        charger_id: str | None,
        entrance_id: str | None = None,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> Page:
        """Return lock-outs, newest first."""
        ...

    async def reservations(
        self, tenant_id: TenantId, wanted: ReservationFilter, *, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Row]:
        """Return at most `limit` reservations after the given start and id, by start and id."""
        ...

    async def reservations_of(self, tenant_id: TenantId, reservation_ids: Collection[str]) -> Sequence[Row]:
        """Return the reservations with these ids, unordered."""
        ...

    async def reservation_steps(
        self, tenant_id: TenantId, kind: str, since: datetime, until: datetime
    ) -> Sequence[Row]:
        """Return the steps of this kind, such as `changed`, of all reservations in `[since, until)`, oldest first."""
        ...

    async def reservation_history(self, tenant_id: TenantId, reservation_id: ReservationId) -> Sequence[Row]:
        """Return the steps of the reservation's history, oldest first: `kind`, `at`, `by` (empty for the service
        itself), `told`."""
        ...

    async def envelope(self, tenant_id: TenantId, envelope_id: EnvelopeId) -> Row | None: ...

    async def envelopes(
        self, tenant_id: TenantId, depot_id: DepotId, node_id: EnergyNodeId | None, *, cursor: str | None, limit: int
    ) -> Page:
        """Return the operating envelopes of a depot, or of one node, last received first."""
        ...

    async def ignored_envelopes(
        self, tenant_id: TenantId, depot_id: DepotId, *, cursor: str | None, limit: int
    ) -> Page:
        """Return envelopes that were received without effect, newest first."""
        ...

    async def energy_changes(
        self, tenant_id: TenantId, depot_id: DepotId, since: datetime, until: datetime, *, after: int, limit: int
    ) -> Sequence[Row]:
        """Return the changes that affect the limits of the depot's site, recorded up to `until` (inclusive), in order;
        at most `limit` rows with positions above `after`. Envelopes that no longer count at `since` are left out, and
        so are signs of life that later ones before `since` replace."""
        ...

    async def first_feed(self, tenant_id: TenantId, depot_id: DepotId) -> Row | None:
        """Return the row of the depot's first envelope or measurement, like those of `energy_changes`."""
        ...

    async def energy_demand(
        self, tenant_id: TenantId, depot_id: DepotId, node_id: EnergyNodeId, since: datetime, until: datetime
    ) -> Sequence[Row]:
        """Return the node's last measurement of each minute in `[since, until)`, oldest first."""
        ...

    async def energy_demand_at(
        self, tenant_id: TenantId, depot_id: DepotId, since: datetime, at: datetime
    ) -> Sequence[Row]:
        """Return, for each measured node of the depot, the last row of `energy_demand` in `[since, at]`."""
        ...

    async def energy_levels_at(self, tenant_id: TenantId, depot_id: DepotId, at: datetime) -> Sequence[Row]:
        """Return, for each charger of the depot, the last recorded change of its gate up to `at`."""
        ...

    async def energy_silences(
        self, tenant_id: TenantId, depot_id: DepotId, since: datetime, until: datetime
    ) -> Sequence[Row]:
        """Return the feeds that were silent in `[since, until)`, each with the begin and the end of its silence (None:
        still silent)."""
        ...

    async def gate_changes(
        self, tenant_id: TenantId, charger_id: ChargerId, since: datetime, until: datetime
    ) -> Sequence[Row]:
        """Return the last recorded change of the charger's gate before `since`, and then those in `[since, until)`,
        oldest first."""
        ...

    async def energy_starts(
        self,
        tenant_id: TenantId,
        since: datetime,
        until: datetime,
        *,
        depot_id: str | None = None,
        charger_id: str | None = None,
        after: tuple[datetime, int] | None = None,
        limit: int,
    ) -> Sequence[Row]:
        """Return attempts that a gate judged in `[since, until)`, oldest first; at most `limit` after the given time
        and position."""
        ...

    async def audit(self, tenant_id: TenantId, wanted: AuditFilter, *, cursor: str | None, limit: int) -> Page:
        """Return audit entries, newest first. `old_values` come from the event or, if it has none, from the new values
        of the previous entry for the same subject."""
        ...

    async def denied_identifiers(
        self, tenant_id: TenantId, *, since: datetime | None, until: datetime | None, cursor: str | None, limit: int
    ) -> Page:
        """Return groups last seen in `[since, until)`, newest first, with the chargers and entrances that saw them
        under `charger_ids` and `entrance_ids`."""
        ...

    async def was_denied(self, tenant_id: TenantId, pseudonym: str) -> bool:
        """Return True if a group of denied identifiers has this pseudonym, at any age."""
        ...

    async def enrolment_session(self, tenant_id: TenantId, charger_id: ChargerId) -> Row | None:
        """Return the charger's latest enrolment session. `other_mac` is the row of the group of a new MAC that was denied
        at the charger at most 30 minutes after the session's own MAC, which is enrolled and unverified; else None."""
        ...

    async def vehicle(self, tenant_id: TenantId, vehicle_id: VehicleId) -> Row | None:
        """Return the vehicle, with its identifiers as rows under `identifiers`."""
        ...

    async def vehicles(
        self,
        tenant_id: TenantId,
        *,
        pseudonyms: Collection[str] | None = None,
        name: str | None = None,
        access_class: str | None = None,
        agreement_id: str | None = None,
        cursor: str | None = None,
        limit: int = PAGE_MAX,
    ) -> Page:
        """Return vehicles by id. `pseudonyms`: only vehicles that have one of these identifiers; `name`: part of the
        name, ignoring case."""
        ...

    async def sealed_identifiers(self, tenant_id: TenantId, pseudonyms: Collection[str]) -> list[Row]:
        """Return the identifiers among these that belong to vehicles, each with its vehicle and its sealed value."""
        ...

    async def agreement(self, tenant_id: TenantId, agreement_id: AgreementId) -> Row | None: ...

    async def agreements(self, tenant_id: TenantId, *, cursor: str | None, limit: int) -> Page: ...


class RecentPast(Protocol):
    """The state that the decision path reloads after a restart, of all tenants."""

    async def open_sessions(self) -> Sequence[Row]:
        """Return sessions that began and did not end."""
        ...

    async def attempts_since(self, since: datetime) -> Sequence[Row]:
        """Return decided attempts since then, oldest first."""
        ...

    async def connected_chargers(self) -> Sequence[Row]:
        """Return chargers that are recorded as connected."""
        ...
