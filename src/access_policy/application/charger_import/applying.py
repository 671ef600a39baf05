"""Apply a plan: check all its chargers first, then change one after the other, each atomically.

Each event names the plan as its cause, so that a later run, after a crash, can distinguish the plan's own changes from
others and complete the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from access_policy.application.charger_import.plan import ChargerImportPlan, ChargerPlanRow
from access_policy.application.commands.put_charger import PutChargerHandler
from access_policy.application.commands.retire_charger import RetireCharger, RetireChargerHandler
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy, VersionMismatch
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.event_store import EventStore
from access_policy.application.ports.import_plans import ImportPlans
from access_policy.application.registry_import.checks import (
    ROWS_NAMED,
    ApplyOptions,
    check_removals,
    errors_in_words,
    refused_row,
)
from access_policy.application.registry_import.errors import ImportHasErrors, ImportPlanStale
from access_policy.application.registry_import.runs import Progress
from access_policy.application.retrying import retrying
from access_policy.application.streams import policy_stream
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId
from access_policy.domain.plurals import counted
from access_policy.domain.vehicle_registry.import_plan import (
    Action,
    Application,
    ImportResult,
    PlanRecord,
    PlanState,
    RefusedRow,
)

CHARGERS_A_NOTE = 20  # between two progress updates of the record
_ANEW = "plan the file again"


class _ChangedByOthers(Refused):
    code = "charger-changed"


@dataclass(frozen=True, slots=True)
class ChargerPlanApplier:
    put_charger: PutChargerHandler
    retire_charger: RetireChargerHandler
    store: EventStore
    plans: ImportPlans[ChargerImportPlan]

    async def __call__(
        self, context: Context, record: PlanRecord, plan: ChargerImportPlan, options: ApplyOptions, progress: Progress
    ) -> PlanRecord:
        """Apply the plan and return its record; the result names the chargers that were refused.

        Raises `ImportHasErrors`, `ImportPlanStale` or `RemovalsNotConfirmed` before anything is changed, or
        `StoreUnavailable`; after the last, call again to resume.
        """
        if record.application is None:
            record = await self._begin(context, record, plan, options)
        application = record.application
        assert application is not None
        context = replace(
            context,
            actor=application.actor,
            correlation_id=application.correlation_id,
            causation_id=record.plan_id,
        )
        out = {row.vehicle_id for row in application.left_out}
        rows = in_order([row for row in plan.rows if row.touched is not None and row.touched not in out])
        refused: list[RefusedRow] = []
        applied: Counter[Action] = Counter()
        done = 0
        async for row in cooperatively(rows):
            progress(done, len(rows))
            try:
                await retrying(self._one)(context, row)
                applied[row.action] += 1
            except (Refused, TooBusy, VersionMismatch) as refusal:
                refused.append(refused_row(row, _said(row, refusal)))
            done += 1
            if done % CHARGERS_A_NOTE == 0:
                await self.plans.update(replace(record, done=done))
        return await self._end(record, applied, (*application.left_out, *refused))

    # --- before ------------------------------------------------------------------------------------------------------

    async def _begin(
        self, context: Context, record: PlanRecord, plan: ChargerImportPlan, options: ApplyOptions
    ) -> PlanRecord:
        left_out = await self._left_out(context, record, plan, options)
        application = Application(
            actor=context.actor,
            correlation_id=context.correlation_id,
            after_version=await self.store.last_position(),
            partial=options.partial,
            left_out=left_out,
        )
        out = {row.vehicle_id for row in left_out}
        of = sum(row.touched is not None and row.touched not in out for row in plan.rows)
        begun = replace(record, state=PlanState.APPLYING, application=application, of=of, done=0, error=None)
        await self.plans.update(begun)
        return begun

    async def _left_out(
        self, context: Context, record: PlanRecord, plan: ChargerImportPlan, options: ApplyOptions
    ) -> tuple[RefusedRow, ...]:
        wrong = tuple(refused_row(row, errors_in_words(row)) for row in plan.rows if row.action is Action.ERROR)
        if wrong and not options.partial:
            raise ImportHasErrors(
                f"{counted(len(wrong), 'row has', 'rows have')} errors: correct the file and plan it again, or send partial "
                "to apply the other rows.",
                wrong[:ROWS_NAMED],
                names="charger_id",
            )
        unnamed = any(row.charger_id is None for row in plan.rows)
        refused: dict[ChargerId | None, RefusedRow] = {}
        async for row in cooperatively([row for row in plan.rows if row.touched is not None]):
            said = await self._no_longer(context, row)
            if said is None and unnamed and row.action is Action.REMOVE:
                said = f"A row with errors does not name its charger and could mean this one; correct it and {_ANEW}."
            if said is not None:
                refused[row.charger_id] = refused_row(row, said)
        if refused and not options.partial:
            raise ImportPlanStale(
                f"{counted(len(refused), 'row no longer applies', 'rows no longer apply')}: a charger changed after the "
                f"plan was made; {_ANEW}.",
                tuple(refused.values())[:ROWS_NAMED],
                names="charger_id",
            )
        removals = sum(row.action is Action.REMOVE and row.charger_id not in refused for row in plan.rows)
        check_removals(removals, record.vehicles, "chargers", options)
        return (*wrong, *refused.values())

    async def _no_longer(self, context: Context, row: ChargerPlanRow) -> str | None:
        """Return why the row cannot be applied as planned, in words; None if it can."""
        assert row.charger_id is not None
        policy = await self.put_charger.policies.find(context.tenant_id, row.charger_id)
        now = 0 if policy is None else policy.changed_at
        if now != row.base_version:
            return (
                f"{row.charger_id} was registered since; {_ANEW}."
                if row.base_version == 0
                else f"{row.charger_id} was changed since (version {now}, planned at {row.base_version}); {_ANEW}."
            )
        if row.command is None:
            return None
        try:
            await self.put_charger.decided(context, row.command, policy)
            claim = await self.put_charger.claims.get(row.command.charge_point_id)
            if claim.holder != (context.tenant_id, row.takes_from):
                claim.claim(context.tenant_id, row.charger_id)
        except Refused as refusal:
            return refusal.detail
        return None

    # --- one charger -------------------------------------------------------------------------------------------------

    async def _one(self, context: Context, row: ChargerPlanRow) -> None:
        """Change the charger, unless the plan already did. Raises the commands' refusals, `VersionMismatch`."""
        assert row.charger_id is not None
        policy = await self.put_charger.policies.find(context.tenant_id, row.charger_id)
        if row.command is None:
            if policy is not None and policy.retired_at is None:
                await self._must_be_as_planned(context, row, policy)
                await self.retire_charger(
                    context, RetireCharger(charger_id=row.charger_id, expected_version=row.base_version)
                )
            return
        command = row.command
        if policy is not None and policy.changed_at != row.base_version:
            if await self.put_charger.decided(context, command, policy):
                await self._must_be_as_planned(context, row, policy)
                return
            command = replace(command, expected_version=policy.changed_at)  # as planned; its password may be missing
        await self.put_charger(context, command)

    async def _must_be_as_planned(self, context: Context, row: ChargerPlanRow, policy: ChargerAccessPolicy) -> None:
        """Pass if the charger has not changed, or the plan changed it before others did."""
        if policy.changed_at == row.base_version:
            return
        since = await self.store.load(
            policy_stream(context.tenant_id, policy.charger_id), after_version=row.base_version
        )
        if not any(each.envelope.causation_id == context.causation_id for each in since):
            raise _ChangedByOthers(f"{row.charger_id} was changed by others during the import; {_ANEW}.")

    # --- after -------------------------------------------------------------------------------------------------------

    async def _end(self, record: PlanRecord, applied: Counter[Action], left_out: tuple[RefusedRow, ...]) -> PlanRecord:
        now = self.put_charger.clock.now()
        result = ImportResult(
            applied={action.value: applied[action] for action in (Action.ADD, Action.CHANGE, Action.REMOVE)},
            left_out=left_out,
            registry_version=await self.store.last_position(),
            applied_at=now,
        )
        ended = record.applied(result)
        await self.plans.end(ended)
        return ended


def in_order(rows: Iterable[ChargerPlanRow]) -> list[ChargerPlanRow]:
    """Return the rows ordered so that a charger that releases a charge point id comes before the one that takes it;
    otherwise as in the file."""
    by_charger = {row.charger_id: row for row in rows}
    ordered: dict[ChargerId | None, ChargerPlanRow] = {}
    for row in by_charger.values():
        chain: list[ChargerPlanRow] = []
        each: ChargerPlanRow | None = row
        while each is not None and each.charger_id not in ordered:
            chain.append(each)
            each = by_charger.get(each.takes_from) if each.takes_from is not None else None
        for link in reversed(chain):
            ordered[link.charger_id] = link
    return list(ordered.values())


def _said(row: ChargerPlanRow, refusal: Refused | TooBusy | VersionMismatch) -> str:
    if isinstance(refusal, VersionMismatch):
        return f"{row.charger_id} was changed by others during the import; {_ANEW}."
    return str(refusal)
