"""A planned import: the change of each row, and the vehicle version against which it is planned."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import ActorId, DepotId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import VehicleDescription
from access_policy.domain.vehicle_registry.registry import IdentifierKey, VehicleRegistry

PLAN_FORMAT = 2  # the version of parsing and comparing; a new version plans the same file differently


class ImportMode(StrEnum):
    MERGE = "merge"  # keeps vehicles that are not in the file
    REPLACE = "replace"  # removes vehicles that are not in the file


class Action(StrEnum):
    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    UNCHANGED = "unchanged"
    ERROR = "error"


RESULTS_KEPT = timedelta(days=90)
TOUCHING = frozenset({Action.ADD, Action.CHANGE, Action.REMOVE})


@dataclass(frozen=True, slots=True)
class CellError:
    """An error in a file. `column` is None if the row as a whole is wrong."""

    column: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that was refused. `line` is the file's line on which the row begins; None for a vehicle that is not in the
    file. `vehicle_id` is the charger's id in an import of chargers, and the reservation's id in a dispatch sheet.
    """

    line: int | None
    vehicle_id: str | None
    message: str


@dataclass(frozen=True, slots=True)
class PlannedIdentifier:
    """`value` is set if applying has to seal it: not for a PIN, and not for an identifier that the vehicle already
    has.
    """

    ref: IdentifierRef
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """`base_version` is the vehicle's version at planning, 0 for a new vehicle. Applying gives the vehicle
    `description` (None: removes it) and exactly `identifiers`; neither matters for a row that changes nothing.
    `before` and `had` are the state at planning. `line` is None for a vehicle that is not in the file.
    """

    line: int | None
    action: Action
    vehicle_id: VehicleId | None
    base_version: int = 0
    description: VehicleDescription | None = None
    identifiers: tuple[PlannedIdentifier, ...] = ()
    before: VehicleDescription | None = None
    had: tuple[IdentifierRef, ...] = ()
    errors: tuple[CellError, ...] = ()

    @property
    def subject(self) -> str | None:
        return self.vehicle_id

    @property
    def touched(self) -> VehicleId | None:
        """Return the id of the vehicle that the row changes."""
        return self.vehicle_id if self.action in TOUCHING else None

    def has(self, key: IdentifierKey) -> bool:
        return any((each.ref.kind, each.ref.pseudonym) == key for each in self.identifiers)

    def matches(self, registry: VehicleRegistry) -> bool:
        """Whether the vehicle already matches the row."""
        current = None if self.vehicle_id is None else registry.vehicles.get(self.vehicle_id)
        if current is None or self.description is None:
            return current is None and self.description is None
        return current.description == self.description and set(current.identifiers) == {i.ref for i in self.identifiers}


class PlannedRow(Protocol):
    """A row of any plan; `subject` is the id of the vehicle or charger that it concerns."""

    @property
    def line(self) -> int | None: ...
    @property
    def action(self) -> Action: ...
    @property
    def subject(self) -> str | None: ...
    @property
    def base_version(self) -> int: ...
    @property
    def errors(self) -> tuple[CellError, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """The plan of any file. `registry_version` is the registry's version at planning, and `vehicles` its number of
    vehicles. In an import of chargers they are the log's position and the number of chargers in service. In a dispatch
    sheet of the depot `depot_id` they are the version of its book and the number of its live entries on the file's days.
    """

    tenant_id: TenantId
    plan_id: str
    mode: ImportMode
    file_fingerprint: str
    registry_version: int
    vehicles: int
    rows: tuple[Any, ...]
    depot_id: DepotId | None = None

    def counts(self) -> dict[str, int]:
        counted = Counter(row.action for row in self.rows)
        return {action.value: counted[action] for action in Action}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan(PlannedFile):
    rows: tuple[PlanRow, ...]


class PlanState(StrEnum):
    PLANNED = "planned"
    APPLYING = "applying"
    APPLIED = "applied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The parameters of an application: actor and request, starting version of the registry, and rows left out."""

    actor: ActorId
    correlation_id: str
    after_version: int
    partial: bool
    left_out: tuple[RefusedRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """The result of an import; `registry_version` is the version of the event that records it."""

    applied: Mapping[str, int]
    left_out: tuple[RefusedRow, ...]
    registry_version: int
    applied_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """A stored plan without its rows; the registry had `vehicles` at planning. `done` of `of` rows have been applied so
    far; `error` is the last error that stopped it.
    """

    tenant_id: TenantId
    plan_id: str
    mode: ImportMode
    file_fingerprint: str
    state: PlanState
    registry_version: int
    vehicles: int
    counts: Mapping[str, int]
    created_at: datetime
    expires_at: datetime
    of: int
    done: int = 0
    application: Application | None = None
    result: ImportResult | None = None
    error: str | None = None
    depot_id: DepotId | None = None

    def applied(self, result: ImportResult) -> PlanRecord:
        """Return the record of the applied plan; its result is kept for `RESULTS_KEPT`."""
        return replace(
            self,
            state=PlanState.APPLIED,
            result=result,
            done=self.of,
            error=None,
            expires_at=result.applied_at + RESULTS_KEPT,
        )

    def failed(self, error: str, *, now: datetime) -> PlanRecord:
        """Return the record of a plan that can no longer be applied."""
        return replace(self, state=PlanState.FAILED, error=error, expires_at=now + RESULTS_KEPT)


def plan_id_of(
    tenant_id: TenantId, mode: ImportMode, file_fingerprint: str, rows: Iterable[PlannedRow], generation: int
) -> str:
    """Return the plan's id, which is equal for the same file and mode against the same versions of the affected vehicles.
    `generation` distinguishes the plan from an identical earlier one that was applied already.
    """
    digest = hashlib.sha256(f"{PLAN_FORMAT}\0{tenant_id}\0{mode}\0{file_fingerprint}\0{generation}".encode())
    for row in rows:
        base = row.base_version if row.action in TOUCHING else ""
        said = "\0".join(f"{error.column}:{error.message}" for error in row.errors)
        digest.update(f"\n{row.line}\0{row.action}\0{row.subject}\0{base}\0{said}".encode())
    return digest.hexdigest()[:32]
