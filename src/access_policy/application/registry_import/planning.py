"""Make a plan from rows and the registry. Pure: it only reads the registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from access_policy.application.event_loop import release_on_a_thread
from access_policy.application.registry_import.cells import ReadRow
from access_policy.application.registry_import.changes import DESCRIBED, described
from access_policy.application.registry_import.identifier_cells import IdentifierCell, Spelled
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import VehicleId, checked_new_id
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.domain.vehicle_registry.import_plan import Action, CellError, ImportMode, PlannedIdentifier, PlanRow
from access_policy.domain.vehicle_registry.registry import IDENTIFIERS_MAX, IdentifierKey, Vehicle, VehicleRegistry


@dataclass(slots=True)
class _Draft:
    """A row that becomes a plan row; `errors` accumulate."""

    row: ReadRow
    current: Vehicle | None
    description: VehicleDescription | None = None
    identifiers: dict[IdentifierKey, PlannedIdentifier] = field(default_factory=dict)
    errors: list[CellError] = field(default_factory=list)

    @property
    def had(self) -> tuple[IdentifierRef, ...]:
        return () if self.current is None else self.current.identifiers


def plan_rows(registry: VehicleRegistry, rows: Sequence[ReadRow], mode: ImportMode) -> tuple[PlanRow, ...]:
    """Return one plan row per row of the file, in order; in `replace` mode the vehicles to remove follow, by id."""
    drafts = [_draft(registry, row) for row in rows]
    _refuse_double_vehicles(drafts)
    by_vehicle = {draft.row.vehicle_id: draft for draft in drafts if draft.row.vehicle_id is not None}
    _refuse_double_identifiers(drafts)
    _refuse_taken(registry, drafts, by_vehicle, mode)
    planned = [_planned(draft) for draft in drafts]
    if mode is ImportMode.REPLACE:
        planned += _removals(registry, by_vehicle.keys())
    by_vehicle.clear()
    release_on_a_thread(drafts)
    return tuple(planned)


def _removals(registry: VehicleRegistry, named: Iterable[VehicleId | None]) -> Iterator[PlanRow]:
    for vehicle_id in sorted(set(registry.vehicles) - set(named)):
        vehicle = registry.vehicles[vehicle_id]
        yield PlanRow(
            line=None,
            action=Action.REMOVE,
            vehicle_id=vehicle_id,
            base_version=vehicle.changed_at,
            before=vehicle.description,
            had=vehicle.identifiers,
        )


# --- one row ---------------------------------------------------------------------------------------------------------


def _draft(registry: VehicleRegistry, row: ReadRow) -> _Draft:
    current = None if row.vehicle_id is None else registry.vehicles.get(row.vehicle_id)
    draft = _Draft(row, current, errors=list(row.errors))
    if row.vehicle_id is not None:
        if current is None:
            _name(draft, row.vehicle_id)
        _describe(registry, draft)
        _identify(registry, draft)
    return draft


def _name(draft: _Draft, vehicle_id: VehicleId) -> None:
    try:
        checked_new_id(vehicle_id, "vehicle_id")
    except Refused as refusal:
        draft.errors.append(CellError("vehicle_id", refusal.detail))


def _is_as_it_was(draft: _Draft, current: Vehicle) -> bool:
    return draft.description == current.description and draft.identifiers.keys() == {_key(ref) for ref in draft.had}


def _describe(registry: VehicleRegistry, draft: _Draft) -> None:
    wrong = {error.column for error in draft.errors}
    values = dict.fromkeys(DESCRIBED) if draft.current is None else described(draft.current.description)
    values.update(draft.row.values)
    for column in ("name", "access_class"):
        if values[column] is None and column not in wrong:
            draft.errors.append(CellError(column, f"A vehicle needs {column}; fill in the cell."))
            wrong.add(column)
    if values["access_class"] is AccessClass.OWN and "agreement_id" not in draft.row.values:
        values["agreement_id"] = None  # a vehicle that becomes an own vehicle leaves its agreement
    if wrong & {"name", "access_class"}:
        return
    draft.description = VehicleDescription(**values)
    if draft.current is not None and draft.description == draft.current.description:
        return
    try:
        registry.check_description(draft.description)
    except Refused as refusal:
        column = (refusal.pointer or "/name").strip("/")
        if column not in wrong:
            draft.errors.append(CellError(column, refusal.detail))


def _identify(registry: VehicleRegistry, draft: _Draft) -> None:
    cells = draft.row.identifiers
    for ref in draft.had:
        cell = cells.get(ref.kind)
        if cell is None or cell.keeps(ref):
            draft.identifiers[_key(ref)] = PlannedIdentifier(ref)
    had = {_key(ref) for ref in draft.had}
    for kind, cell in cells.items():
        if wrong := _mask_of_nothing(draft, kind, cell):
            draft.errors.append(CellError(kind.value, wrong))
        for spelled in cell.spelled:
            for ref in _held(registry, draft, spelled):
                value = None if _key(ref) in had else spelled.value
                draft.identifiers.setdefault(_key(ref), PlannedIdentifier(ref, value))
    if len(draft.identifiers) > IDENTIFIERS_MAX:
        draft.errors.append(CellError(None, f"A vehicle has at most {IDENTIFIERS_MAX} identifiers."))


def _held(registry: VehicleRegistry, draft: _Draft, spelled: Spelled) -> list[IdentifierRef]:
    """Return the identifier as the vehicle holds it, twice if it was registered in two normal forms; otherwise as
    another vehicle holds it."""
    refs = spelled.refs or (spelled.ref,)
    had = {_key(ref) for ref in draft.had}
    return [ref for ref in refs if _key(ref) in had] or [registry.held_as(refs)]


def _mask_of_nothing(draft: _Draft, kind: IdentifierKind, cell: IdentifierCell) -> str | None:
    """Return an error if a mask selects nothing. A mask selects identifiers that the vehicle has; if it has none of the
    kind, asterisks select nothing and are allowed."""
    if not cell.masks:
        return None
    if draft.current is None:
        return "The value is masked, as in an export, and the vehicle is new here; enter the value or clear the cell."
    masked = {ref.masked for ref in draft.had if ref.kind is kind}
    if any(mask.strip("*•") and mask not in masked for mask in cell.masks):
        return "The value is masked and matches no identifier of the vehicle; enter the whole value or clear the cell."
    return None


# --- rows compared with each other -----------------------------------------------------------------------------------


def _refuse_double_vehicles(drafts: Sequence[_Draft]) -> None:
    rows: defaultdict[VehicleId, list[_Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.row.vehicle_id is not None:
            rows[draft.row.vehicle_id].append(draft)
    for vehicle_id, twins in rows.items():
        for draft in twins if len(twins) > 1 else ():
            lines = _lines(twins, draft)
            draft.errors.append(CellError("vehicle_id", f"{vehicle_id} is also on {lines}; keep one of the rows."))


def _refuse_double_identifiers(drafts: Sequence[_Draft]) -> None:
    claims: defaultdict[IdentifierKey, list[_Draft]] = defaultdict(list)
    for draft in drafts:
        had = {_key(ref) for ref in draft.had}
        for key in draft.identifiers.keys() - had:
            claims[key].append(draft)
    for key, claimants in claims.items():
        for draft in claimants if len(claimants) > 1 else ():
            masked = draft.identifiers[key].ref.masked
            message = f"{masked} is also on {_lines(claimants, draft)}; an identifier belongs to one vehicle."
            draft.errors.append(CellError(key[0].value, message))


def _lines(drafts: Sequence[_Draft], but: _Draft) -> str:
    others = [str(draft.row.line) for draft in drafts if draft is not but]
    return f"line {', '.join(others[:5])}" + (" and more" if len(others) > 5 else "")


def _refuse_taken(
    registry: VehicleRegistry, drafts: Sequence[_Draft], by_vehicle: dict[VehicleId, _Draft], mode: ImportMode
) -> None:
    """Refuse an identifier of another vehicle unless the same plan releases it there. A row with errors releases
    nothing, so one error can cause others."""
    found = True
    while found:
        found = False
        for draft in drafts:
            if draft.errors or draft.row.vehicle_id is None:
                continue
            for key, planned in draft.identifiers.items():
                holder = registry.holders.get(key)
                if holder is None or holder == draft.row.vehicle_id:
                    continue
                if message := _keeps(holder, key, planned.ref, by_vehicle.get(holder), mode):
                    draft.errors.append(CellError(key[0].value, message))
                    found = True


def _keeps(
    holder: VehicleId, key: IdentifierKey, ref: IdentifierRef, draft: _Draft | None, mode: ImportMode
) -> str | None:
    if draft is None:
        if mode is ImportMode.REPLACE:
            return None
        return f"{ref.masked} belongs to vehicle {holder}; remove it there first, or leave it out here."
    if draft.errors:
        return f"{ref.masked} belongs to vehicle {holder}, whose row on line {draft.row.line} has errors."
    if key in draft.identifiers:
        return f"{ref.masked} belongs to vehicle {holder}, which keeps it on line {draft.row.line}."
    return None


# --- the plan row ----------------------------------------------------------------------------------------------------


def _planned(draft: _Draft) -> PlanRow:
    row, current = draft.row, draft.current
    if draft.errors or draft.description is None:
        return PlanRow(line=row.line, action=Action.ERROR, vehicle_id=row.vehicle_id, errors=tuple(draft.errors))
    if current is not None and _is_as_it_was(draft, current):
        return PlanRow(line=row.line, action=Action.UNCHANGED, vehicle_id=row.vehicle_id)
    return PlanRow(
        line=row.line,
        action=Action.ADD if current is None else Action.CHANGE,
        vehicle_id=row.vehicle_id,
        base_version=0 if current is None else current.changed_at,
        description=draft.description,
        identifiers=tuple(draft.identifiers.values()),
        before=None if current is None else current.description,
        had=draft.had,
    )


def _key(ref: IdentifierRef) -> IdentifierKey:
    return (ref.kind, ref.pseudonym)
