"""Make a plan from rows and chargers. Planning reads what is stored and changes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from access_policy.application.charger_import.cells import CHARGERS, PASSWORD, ReadCharger
from access_policy.application.charger_import.plan import ChargerPlanRow, ColumnChange
from access_policy.application.commands.put_charger import PutCharger, PutChargerHandler
from access_policy.application.context import Context
from access_policy.application.event_loop import cooperatively
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargePointId, ChargerId
from access_policy.domain.vehicle_registry.import_plan import Action, CellError, ImportMode

REQUIRED = ("charge_point_id", "depot_id", "profile", "baseline_mode")
MASKED = "********"
SET_COLUMNS = tuple(column for column in CHARGERS.columns if column not in (CHARGERS.key, PASSWORD))

InService = Mapping[ChargerId, ChargerAccessPolicy]


@dataclass(slots=True)
class _Draft:
    """A row that becomes a plan row; `errors` accumulate."""

    row: ReadCharger
    current: ChargerAccessPolicy | None = None
    command: PutCharger | None = None
    changed: bool = False
    takes_from: ChargerId | None = None
    errors: list[CellError] = field(default_factory=list)

    @property
    def charger_id(self) -> ChargerId | None:
        return self.row.charger_id

    @property
    def gives_up(self) -> ChargePointId | None:
        """The charge point id that the charger has now and that the plan takes from it; None if it keeps its id."""
        if self.errors or self.current is None or self.command is None:
            return None
        had = self.current.settings.charge_point_id
        return None if had == self.command.charge_point_id else had


def set_values(policy: ChargerAccessPolicy) -> dict[str, str]:
    """Return a charger's settings by column, as a file spells them."""
    values = {column: getattr(policy.settings, column, None) for column in SET_COLUMNS}
    return {column: _spelt(value) for column, value in (values | {"enforcement": policy.enforcement}).items()}


def _spelt(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class ChargerPlanner:
    put_charger: PutChargerHandler

    async def __call__(
        self, context: Context, read: Sequence[ReadCharger], in_service: InService, mode: ImportMode
    ) -> tuple[ChargerPlanRow, ...]:
        """Return one plan row per row of the file, in order; in `replace` mode the chargers to retire follow, by id."""
        drafts = [_Draft(row, errors=list(row.errors)) for row in read]
        _refuse_double_chargers(drafts)
        async for draft in cooperatively(drafts):
            await self._draft(context, draft)
        named = {draft.charger_id for draft in drafts if draft.charger_id is not None}
        removed = sorted(set(in_service) - named) if mode is ImportMode.REPLACE else []
        await self._check_charge_points(context, drafts, frozenset(removed))
        rows = [_planned(draft) for draft in drafts]
        return (*rows, *_removals(in_service, removed))

    async def _draft(self, context: Context, draft: _Draft) -> None:
        charger_id = draft.charger_id
        if charger_id is None:
            return
        current = draft.current = await self.put_charger.policies.find(context.tenant_id, charger_id)
        values = dict(draft.row.values)
        if current is not None:
            kept = {column: getattr(current.settings, column, None) for column in SET_COLUMNS}
            values = {**kept, "enforcement": current.enforcement, **values}
        wrong = {error.column for error in draft.errors}
        missing = [column for column in REQUIRED if column not in values]
        draft.errors += [
            CellError(column, f"A new charger needs {column}; fill in the cell.")
            for column in missing
            if column not in wrong
        ]
        if missing:
            return
        base = 0 if current is None else current.changed_at
        draft.command = PutCharger(charger_id=charger_id, expected_version=base, **values)
        try:
            events = await self.put_charger.decided(context, draft.command, current)
            draft.changed = bool(events) or PASSWORD in values
        except Refused as refusal:
            column = (refusal.pointer or "").strip("/") or CHARGERS.key
            if column not in wrong:
                draft.errors.append(CellError(column, refusal.detail))

    async def _check_charge_points(
        self, context: Context, drafts: Sequence[_Draft], removed: Collection[ChargerId]
    ) -> None:
        """Refuse a charge point id of another charger unless the same plan releases it there first."""
        _refuse_double_charge_points(drafts)
        async for draft in cooperatively(drafts):
            if draft.command is None or draft.charger_id is None:
                continue
            claim = await self.put_charger.claims.get(draft.command.charge_point_id)
            try:
                claim.claim(context.tenant_id, draft.charger_id)
            except Refused as refusal:
                draft.takes_from = _ours(context, claim.holder)
                if draft.takes_from is None:
                    draft.errors.append(CellError("charge_point_id", refusal.detail))
        _refuse_taken(drafts, removed)
        _refuse_circles(drafts)
        _refuse_taken(drafts, removed)


def _ours(context: Context, holder: tuple[str, ChargerId] | None) -> ChargerId | None:
    return holder[1] if holder is not None and holder[0] == context.tenant_id else None


# --- rows compared with each other -----------------------------------------------------------------------------------


def _refuse_double_chargers(drafts: Sequence[_Draft]) -> None:
    rows: defaultdict[ChargerId, list[_Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.charger_id is not None:
            rows[draft.charger_id].append(draft)
    for charger_id, twins in rows.items():
        for draft in twins if len(twins) > 1 else ():
            message = f"{charger_id} is also on {_lines(twins, draft)}; keep one of the rows."
            draft.errors.append(CellError(CHARGERS.key, message))


def _refuse_double_charge_points(drafts: Sequence[_Draft]) -> None:
    claims: defaultdict[ChargePointId, list[_Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.command is not None:
            claims[draft.command.charge_point_id].append(draft)
    for id_, claimants in claims.items():
        if len({draft.charger_id for draft in claimants}) < 2:
            continue
        for draft in claimants:
            message = f"{id_} is also on {_lines(claimants, draft)}; a charge point id belongs to one charger."
            draft.errors.append(CellError("charge_point_id", message))


def _lines(drafts: Sequence[_Draft], but: _Draft) -> str:
    others = [str(draft.row.line) for draft in drafts if draft is not but]
    return f"line {', '.join(others[:5])}" + (" and more" if len(others) > 5 else "")


def _refuse_taken(drafts: Sequence[_Draft], removed: Collection[ChargerId]) -> None:
    """Refuse ids that their holder keeps. A row with errors releases nothing, so one error can cause others."""
    by_charger = {draft.charger_id: draft for draft in drafts}
    found = True
    while found:
        found = False
        for draft in drafts:
            holder = draft.takes_from
            if draft.errors or draft.command is None or holder is None or holder in removed:
                continue
            other = by_charger.get(holder)
            if other is None or other.gives_up != draft.command.charge_point_id:
                message = f"{draft.command.charge_point_id} belongs to charger {holder}, which keeps it; change it there first."
                draft.errors.append(CellError("charge_point_id", message))
                found = True


def _refuse_circles(drafts: Sequence[_Draft]) -> None:
    """Refuse circular exchanges: chargers change one after the other, so one of those that exchange ids must first take
    a free id."""
    by_charger = {draft.charger_id: draft for draft in drafts if draft.charger_id is not None and not draft.errors}
    while True:
        after = {
            charger_id: {draft.takes_from}
            for charger_id, draft in by_charger.items()
            if draft.takes_from in by_charger and not draft.errors
        }
        try:
            TopologicalSorter(after).prepare()
            return
        except CycleError as error:
            circle = sorted(set(error.args[1]))
            message = (
                f"{' and '.join(circle)} exchange their charge point ids; give one of them a free id first, "
                "and exchange them with a second file."
            )
            for charger_id in circle:
                by_charger[charger_id].errors.append(CellError("charge_point_id", message))


# --- the plan row ----------------------------------------------------------------------------------------------------


def _planned(draft: _Draft) -> ChargerPlanRow:
    line, current, command = draft.row.line, draft.current, draft.command
    if draft.errors or command is None:
        return ChargerPlanRow(line=line, action=Action.ERROR, charger_id=draft.charger_id, errors=tuple(draft.errors))
    if not draft.changed:
        return ChargerPlanRow(line=line, action=Action.UNCHANGED, charger_id=draft.charger_id)
    return ChargerPlanRow(
        line=line,
        action=Action.ADD if current is None else Action.CHANGE,
        charger_id=draft.charger_id,
        base_version=0 if current is None else current.changed_at,
        command=command,
        takes_from=draft.takes_from,
        changes=tuple(_changes(current, command)),
    )


def _changes(current: ChargerAccessPolicy | None, command: PutCharger) -> Iterator[ColumnChange]:
    before: Mapping[str, str] = {} if current is None else set_values(current)
    for column in SET_COLUMNS:
        value = getattr(command, column)
        after = before.get(column) if value is None else _spelt(value)
        if before.get(column) != after:
            yield ColumnChange(column, before.get(column), after)
    if command.password is not None:
        yield ColumnChange(PASSWORD, None, MASKED)


def _removals(in_service: InService, removed: Sequence[ChargerId]) -> Iterator[ChargerPlanRow]:
    for charger_id in removed:
        policy = in_service[charger_id]
        yield ChargerPlanRow(
            line=None,
            action=Action.REMOVE,
            charger_id=charger_id,
            base_version=policy.changed_at,
            changes=tuple(ColumnChange(column, value, None) for column, value in set_values(policy).items()),
        )
