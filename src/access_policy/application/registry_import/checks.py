"""Checks before a plan is applied: rows with errors, rows changed since planning, and rows that depend on them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from access_policy.application.registry_import.errors import ImportHasErrors, ImportPlanStale, RemovalsNotConfirmed
from access_policy.domain.ids import VehicleId
from access_policy.domain.plurals import counted
from access_policy.domain.vehicle_registry.import_plan import Action, ImportPlan, PlannedRow, PlanRow, RefusedRow
from access_policy.domain.vehicle_registry.registry import IdentifierKey, VehicleRegistry

REMOVALS_FREE = 5  # removals that need no confirmation,
REMOVALS_FREE_SHARE = 0.1  # or this share of the registry
ROWS_NAMED = 100  # rows that a refusal names
_ANEW = "plan the file again"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """`partial`: apply every applicable row. `confirm_removals` is the number of removals that the caller confirms.
    `entries` are the reservations that a dispatch sheet may change or remove even if they are ad hoc or have begun."""

    partial: bool = False
    confirm_removals: int | None = None
    entries: frozenset[str] = frozenset()


def left_out_at_start(plan: ImportPlan, registry: VehicleRegistry, options: ApplyOptions) -> tuple[RefusedRow, ...]:
    """Return the rows to leave out; empty without `partial`. Raises `ImportHasErrors`, `ImportPlanStale` or
    `RemovalsNotConfirmed`.
    """
    wrong = tuple(refused_row(row, errors_in_words(row)) for row in plan.rows if row.action is Action.ERROR)
    if wrong and not options.partial:
        raise ImportHasErrors(
            f"{counted(len(wrong), 'row has', 'rows have')} errors: correct the file and plan it again, or send partial "
            "to apply the other rows.",
            wrong[:ROWS_NAMED],
        )
    moved = {row.vehicle_id: refused_row(row, said) for row in plan.rows if (said := _moved(row, registry))}
    gone = _kept_back_removals(plan) if options.partial else {}
    refused = _with_dependents(plan, registry, {**gone, **moved})
    if refused and not options.partial:
        raise ImportPlanStale(
            f"{counted(len(refused), 'row no longer applies', 'rows no longer apply')}: a vehicle changed after the "
            f"plan was made; {_ANEW}.",
            tuple(refused.values())[:ROWS_NAMED],
        )
    _check_removals(plan, registry, refused, options)
    return (*wrong, *refused.values())


def left_out_midway(
    plan: ImportPlan, registry: VehicleRegistry, before: tuple[RefusedRow, ...], touched_by_others: set[VehicleId]
) -> tuple[RefusedRow, ...]:
    """Return the rows to leave out in addition to `before`, because others changed their vehicles during the import."""
    known = {row.vehicle_id for row in before}
    said = "was changed by others during the import"
    moved: dict[VehicleId | None, RefusedRow] = {
        row.touched: refused_row(row, f"{row.vehicle_id} {said}")
        for row in plan.rows
        if row.touched in touched_by_others and row.touched not in known and not row.matches(registry)
    }
    out: dict[VehicleId | None, RefusedRow] = {
        VehicleId(row.vehicle_id): row for row in before if row.vehicle_id is not None
    }
    all_out = _with_dependents(plan, registry, {**out, **moved})
    return tuple(row for vehicle_id, row in all_out.items() if vehicle_id not in out)


def rows_to_apply(plan: ImportPlan, left_out: tuple[RefusedRow, ...]) -> dict[VehicleId, PlanRow]:
    out = {row.vehicle_id for row in left_out}
    return {row.touched: row for row in plan.rows if row.touched is not None and row.touched not in out}


def gives_up(rows: Mapping[VehicleId, PlanRow], vehicle_id: VehicleId, key: IdentifierKey) -> bool:
    row = rows.get(vehicle_id)
    return row is not None and not row.has(key)


def _moved(row: PlanRow, registry: VehicleRegistry) -> str | None:
    if row.touched is None:
        return None
    current = registry.vehicles.get(row.touched)
    if current is None:
        return None if row.base_version == 0 else f"{row.touched} was removed since; {_ANEW}."
    if row.base_version == 0:
        return f"{row.touched} was registered since; {_ANEW}."
    if current.changed_at != row.base_version:
        return (
            f"{row.touched} was changed since (version {current.changed_at}, planned at {row.base_version}); {_ANEW}."
        )
    return None


def _with_dependents(
    plan: ImportPlan, registry: VehicleRegistry, out: Mapping[VehicleId | None, RefusedRow]
) -> dict[VehicleId | None, RefusedRow]:
    """Also leave out, transitively, each row that takes an identifier from a vehicle that does not release it."""
    refused = dict(out)
    rows = {row.touched: row for row in plan.rows if row.touched is not None and row.touched not in refused}
    found = True
    while found:
        found = False
        for vehicle_id, row in list(rows.items()):
            if said := _taken(row, registry, rows):
                refused[vehicle_id] = refused_row(row, said)
                del rows[vehicle_id]
                found = True
    return refused


def _taken(row: PlanRow, registry: VehicleRegistry, rows: Mapping[VehicleId, PlanRow]) -> str | None:
    for each in row.identifiers:
        key = (each.ref.kind, each.ref.pseudonym)
        holder = registry.holders.get(key)
        if holder is not None and holder != row.vehicle_id and not gives_up(rows, holder, key):
            return f"{each.ref.masked} belongs to vehicle {holder}, which does not release it; {_ANEW}."
    return None


def _kept_back_removals(plan: ImportPlan) -> dict[VehicleId | None, RefusedRow]:
    """Keep vehicles that seem absent if a row does not name its vehicle, because the row could mean one of them."""
    if all(row.vehicle_id is not None for row in plan.rows):
        return {}
    said = "A row with errors does not name its vehicle and could mean this one; correct it and plan the file again."
    return {row.vehicle_id: refused_row(row, said) for row in plan.rows if row.action is Action.REMOVE}


def _check_removals(
    plan: ImportPlan,
    registry: VehicleRegistry,
    refused: Mapping[VehicleId | None, RefusedRow],
    options: ApplyOptions,
) -> None:
    removals = sum(row.action is Action.REMOVE and row.vehicle_id not in refused for row in plan.rows)
    check_removals(removals, len(registry.vehicles), "vehicles", options)


def check_removals(removals: int, all_of_them: int, subjects: str, options: ApplyOptions) -> None:
    """Check that the caller has confirmed many removals. Raises `RemovalsNotConfirmed`."""
    many = needs_confirmation(removals, all_of_them)
    if options.confirm_removals is None and not many:
        return
    if options.confirm_removals != removals:
        raise RemovalsNotConfirmed(
            f"{removals} of {all_of_them} {subjects} would be removed; if that is intended, send "
            f'"confirm_removals": {removals}.',
            pointer="/confirm_removals",
        )


def needs_confirmation(removals: int, vehicles: int) -> bool:
    return removals > REMOVALS_FREE and removals > REMOVALS_FREE_SHARE * vehicles


def errors_in_words(row: PlannedRow) -> str:
    return " ".join(f"{error.column}: {error.message}" if error.column else error.message for error in row.errors)


def refused_row(row: PlannedRow, message: str) -> RefusedRow:
    return RefusedRow(line=row.line, vehicle_id=row.subject, message=message)
