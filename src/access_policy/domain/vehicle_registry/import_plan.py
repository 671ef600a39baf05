"""A planned import: what each row would do, and to which version of which vehicle."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import ActorId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import VehicleDescription
from access_policy.domain.vehicle_registry.registry import IdentifierKey, VehicleRegistry

PLAN_FORMAT = 2  # of how files are read and rows compared: another one makes other plans of the same file


class ImportMode(StrEnum):
    MERGE = "merge"  # vehicles that the file does not have stay
    REPLACE = "replace"  # and here they are removed


class Action(StrEnum):
    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    UNCHANGED = "unchanged"
    ERROR = "error"


TOUCHING = frozenset({Action.ADD, Action.CHANGE, Action.REMOVE})


@dataclass(frozen=True, slots=True)
class CellError:
    """`column` is None where the row as a whole is wrong."""

    column: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """`line` is that of the file on which the row begins; None: a vehicle that the file does not have."""

    line: int | None
    vehicle_id: str | None
    message: str


@dataclass(frozen=True, slots=True)
class PlannedIdentifier:
    """`value` where it has to be sealed when the plan is applied: not of a PIN, and not of one that the vehicle has."""

    ref: IdentifierRef
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """`base_version` is the vehicle's version that the row was planned against, 0 of a new one. The vehicle is to read like
    `description` (None: it is to be removed) and to have exactly `identifiers`; both say nothing of a row that touches
    nothing. `before` and `had` are what it was when the row was planned. `line` is None for a vehicle that the file does
    not have."""

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
    def touched(self) -> VehicleId | None:
        """The vehicle that the row would change."""
        return self.vehicle_id if self.action in TOUCHING else None

    def has(self, key: IdentifierKey) -> bool:
        return any((each.ref.kind, each.ref.pseudonym) == key for each in self.identifiers)

    def is_so(self, registry: VehicleRegistry) -> bool:
        """The vehicle is as the row wants it."""
        current = None if self.vehicle_id is None else registry.vehicles.get(self.vehicle_id)
        if current is None or self.description is None:
            return current is None and self.description is None
        return current.description == self.description and set(current.identifiers) == {i.ref for i in self.identifiers}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """`registry_version` is that of the registry when it was planned, `vehicles` how many it had then."""

    tenant_id: TenantId
    plan_id: str
    mode: ImportMode
    file_fingerprint: str
    registry_version: int
    vehicles: int
    rows: tuple[PlanRow, ...]

    def counts(self) -> dict[str, int]:
        counted = Counter(row.action for row in self.rows)
        return {action.value: counted[action] for action in Action}


class PlanState(StrEnum):
    PLANNED = "planned"
    APPLYING = "applying"
    APPLIED = "applied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """How a plan is being applied: by whom and on which request, from which version of the registry on, without which rows."""

    actor: ActorId
    correlation_id: str
    after_version: int
    partial: bool
    left_out: tuple[RefusedRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What was done; `registry_version` is that of the event that says so."""

    applied: Mapping[str, int]
    left_out: tuple[RefusedRow, ...]
    registry_version: int
    applied_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """A kept plan without its rows, made when the registry had `vehicles`. `done` of `of` rows are as planned, while it is
    being applied; `error` is what last kept it from being applied."""

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


def plan_id_of(
    tenant_id: TenantId, mode: ImportMode, file_fingerprint: str, rows: Iterable[PlanRow], generation: int
) -> str:
    """Equal for the same file and mode against the same versions of the vehicles that it touches. `generation` tells the
    plan from an earlier one like it that was applied already."""
    digest = hashlib.sha256(f"{PLAN_FORMAT}\0{tenant_id}\0{mode}\0{file_fingerprint}\0{generation}".encode())
    for row in rows:
        base = row.base_version if row.action in TOUCHING else ""
        said = "\0".join(f"{error.column}:{error.message}" for error in row.errors)
        digest.update(f"\n{row.line}\0{row.action}\0{row.vehicle_id}\0{base}\0{said}".encode())
    return digest.hexdigest()[:32]
