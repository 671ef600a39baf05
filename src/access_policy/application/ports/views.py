"""Queries of the read models. Results are rows: mappings from column names to values, instants aware and in UTC.

Every question names its tenant; nothing of another tenant is ever part of an answer. Pages are newest or smallest first,
with an opaque cursor that stays valid while rows are added. Every question raises `StoreUnavailable` when the read models
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
    """`[since, until)` on the time of the attempt; None leaves a condition out. `vehicle_ids` and `pseudonyms` are one
    condition: attempts of one of these vehicles, or with one of these identifiers."""

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
    """`[since, until)` on the time of the record. `operation` is the API's operation or the name of the event; None leaves a
    condition out."""

    kind: str | None = None
    actor: str | None = None
    operation: str | None = None
    subject_kind: str | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFilter:
    """Attempts in `[since, until)`. `agreement_id`: decided under that agreement. `denials_at`: denied attempts, and refusals
    that `observe` suppressed, count at these depots only; None: at all.
    """

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
    """Reservations whose window meets `[since, until)`; None leaves a condition out. `charger_id`: the one that the
    reservation names, or at which its holder charged."""

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
        """The same views of these depots only: other depots, their chargers and what happened there are not found. What
        belongs to the tenant and to no depot, such as vehicles, stays; agreements name no other depot's chargers."""
        ...

    async def depot(self, tenant_id: TenantId, depot_id: DepotId) -> Row | None: ...

    async def depots(self, tenant_id: TenantId, *, cursor: str | None, limit: int) -> Page: ...

    async def charger(self, tenant_id: TenantId, charger_id: ChargerId) -> Row | None: ...

    async def chargers(self, tenant_id: TenantId, *, depot_id: str | None, cursor: str | None, limit: int) -> Page: ...

    def cursor_after_charger(self, charger_id: ChargerId) -> str:
        """The cursor with which `chargers` continues after this charger."""
        ...

    async def attempt(self, tenant_id: TenantId, attempt_id: AttemptId) -> Row | None: ...

    async def attempts_of(self, tenant_id: TenantId, attempt_ids: Collection[str]) -> Sequence[Row]:
        """The attempts with these ids, in no order."""
        ...

    async def chargers_of(self, tenant_id: TenantId, charger_ids: Collection[str]) -> Sequence[Row]:
        """The chargers with these ids, in no order."""
        ...

    async def sessions_under_way(self, tenant_id: TenantId, charger_ids: Collection[str]) -> Sequence[Row]:
        """The rows of the access log whose session has started at one of the chargers and has not ended, in the order of
        their start."""
        ...

    async def mode_changes_of(self, tenant_id: TenantId, requests: Collection[tuple[str, int]]) -> Sequence[Row]:
        """The requests to switch a charger, by the charger and its generation, in no order; each with the charger's present
        `depot_id`."""
        ...

    async def attempts(self, tenant_id: TenantId, wanted: AttemptFilter, *, cursor: str | None, limit: int) -> Page:
        """Newest first."""
        ...

    async def access_counts(
        self, tenant_id: TenantId, columns: Sequence[str], *, by_quarter: bool, within: ReportFilter
    ) -> Sequence[Row]:
        """Attempts counted by columns of the access log and by `depot_id`: `attempts`, `allowed`, `denied`, `would_deny_count`,
        `sessions`, `energy_wh`, `first_attempt_at` and `last_attempt_at`. `by_quarter`: also by the quarter of an hour in which
        they were made (`quarter`)."""
        ...

    async def unenrolled_identifiers(self, tenant_id: TenantId, within: ReportFilter, *, limit: int) -> Sequence[Row]:
        """Identifiers that were refused as unknown, also where `observe` suppressed it, and that no vehicle has now, by
        `identifier_kind`, `identifier_pseudonym` and `depot_id`: `masked`, `attempts`, `denied`, `chargers`, `first_seen_at`,
        `last_seen_at`. Without PINs. At most `limit` rows."""
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
        """Requests to switch a charger, newest first by `requested_at`, which is in `[since, until)`.

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
        """Newest first."""
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
        """Newest first."""
        ...

    async def reservations(
        self, tenant_id: TenantId, wanted: ReservationFilter, *, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Row]:
        """By start and id, of those after the given start and id at most `limit`."""
        ...

    async def reservations_of(self, tenant_id: TenantId, reservation_ids: Collection[str]) -> Sequence[Row]:
        """The reservations with these ids, in no order."""
        ...

    async def reservation_steps(
        self, tenant_id: TenantId, kind: str, since: datetime, until: datetime
    ) -> Sequence[Row]:
        """The steps of this kind, such as `changed`, of all reservations in `[since, until)`, oldest first."""
        ...

    async def reservation_history(self, tenant_id: TenantId, reservation_id: ReservationId) -> Sequence[Row]:
        """The steps of its history, oldest first: `kind`, `at`, `by` (empty for the service itself), `told`."""
        ...

    async def envelope(self, tenant_id: TenantId, envelope_id: EnvelopeId) -> Row | None: ...

    async def envelopes(
        self, tenant_id: TenantId, depot_id: DepotId, node_id: EnergyNodeId | None, *, cursor: str | None, limit: int
    ) -> Page:
        """The operating envelopes of a depot, or of one node, the newest received first."""
        ...

    async def ignored_envelopes(
        self, tenant_id: TenantId, depot_id: DepotId, *, cursor: str | None, limit: int
    ) -> Page:
        """Envelopes that were received without effect, the newest first."""
        ...

    async def energy_changes(
        self, tenant_id: TenantId, depot_id: DepotId, since: datetime, until: datetime, *, after: int, limit: int
    ) -> Sequence[Row]:
        """The changes that affect the limits of the depot's site, recorded up to `until` (inclusive), in order; at most `limit`
        rows with positions above `after`. Envelopes that count no longer at `since`, and signs of life that later ones before
        `since` make needless, are left out."""
        ...

    async def first_feed(self, tenant_id: TenantId, depot_id: DepotId) -> Row | None:
        """The row of the depot's first envelope or measurement, like those of `energy_changes`."""
        ...

    async def energy_demand(
        self, tenant_id: TenantId, depot_id: DepotId, node_id: EnergyNodeId, since: datetime, until: datetime
    ) -> Sequence[Row]:
        """The node's last measurement of each minute in `[since, until)`, oldest first."""
        ...

    async def energy_demand_at(
        self, tenant_id: TenantId, depot_id: DepotId, since: datetime, at: datetime
    ) -> Sequence[Row]:
        """Of each measured node of the depot the last row of `energy_demand` in `[since, at]`."""
        ...

    async def energy_levels_at(self, tenant_id: TenantId, depot_id: DepotId, at: datetime) -> Sequence[Row]:
        """Of each charger of the depot the last recorded change of its gate up to `at`."""
        ...

    async def energy_silences(
        self, tenant_id: TenantId, depot_id: DepotId, since: datetime, until: datetime
    ) -> Sequence[Row]:
        """The feeds that were silent in `[since, until)`, each since when and until when (None: still)."""
        ...

    async def gate_changes(
        self, tenant_id: TenantId, charger_id: ChargerId, since: datetime, until: datetime
    ) -> Sequence[Row]:
        """The recorded changes of the charger's gate in `[since, until)`, oldest first, after the last one before."""
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
        """Attempts that a gate judged in `[since, until)`, oldest first; of those after the given time and position at most
        `limit`."""
        ...

    async def audit(self, tenant_id: TenantId, wanted: AuditFilter, *, cursor: str | None, limit: int) -> Page:
        """Audit entries, newest first. `old_values` are those that the event tells, or else the new ones of the entry before
        for the same thing."""
        ...

    async def denied_identifiers(
        self, tenant_id: TenantId, *, since: datetime | None, until: datetime | None, cursor: str | None, limit: int
    ) -> Page:
        """Groups last seen in `[since, until)`, newest first; the chargers and
        entrances that saw them under `charger_ids` and `entrance_ids`."""
        ...

    async def was_denied(self, tenant_id: TenantId, pseudonym: str) -> bool:
        """True if a group of denied identifiers has this pseudonym, at any age."""
        ...

    async def enrolment_session(self, tenant_id: TenantId, charger_id: ChargerId) -> Row | None:
        """The latest request of the charger."""
        ...

    async def vehicle(self, tenant_id: TenantId, vehicle_id: VehicleId) -> Row | None:
        """The vehicle, with its identifiers as rows under `identifiers`."""
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
        """By id. `pseudonyms`: only vehicles that have one of these identifiers; `name`: part of the name, any case."""
        ...

    async def sealed_identifiers(self, tenant_id: TenantId, pseudonyms: Collection[str]) -> list[Row]:
        """The identifiers among these that belong to vehicles, each with its vehicle and its sealed value."""
        ...

    async def agreement(self, tenant_id: TenantId, agreement_id: AgreementId) -> Row | None: ...

    async def agreements(self, tenant_id: TenantId, *, cursor: str | None, limit: int) -> Page: ...


class RecentPast(Protocol):
    """The state that the decision path reloads after a restart, of all tenants."""

    async def open_sessions(self) -> Sequence[Row]:
        """Sessions that began and did not end."""
        ...

    async def attempts_since(self, since: datetime) -> Sequence[Row]:
        """Decided attempts since then, oldest first."""
        ...

    async def connected_chargers(self) -> Sequence[Row]:
        """Chargers recorded as connected."""
        ...
