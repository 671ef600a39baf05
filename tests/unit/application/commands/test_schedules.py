"""Commands on the schedules of a depot: each follower takes the change, with a result, also after an interruption."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import time
from typing import Any

from access_policy.application.commands.follow_schedule import FollowSchedule, FollowScheduleWithMany
from access_policy.application.commands.keeping_up import KeepingUp
from access_policy.application.commands.put_schedule import PutSchedule, SchedulePutDone
from access_policy.application.commands.remove_schedule import RemoveSchedule
from access_policy.application.commands.schedule_drafts import ScheduleDraft, ScheduledRule
from access_policy.application.commands.schedule_mode import ScheduleMode
from access_policy.application.context import Context
from access_policy.application.errors import VersionMismatch
from access_policy.domain.charger_access_policy.errors import ChargerUnknown, ScheduleElsewhere, TooManyRules
from access_policy.domain.charger_access_policy.events import ScheduleLeft, ScheduleTaken
from access_policy.domain.charger_access_policy.policy import RULES_MAX
from access_policy.domain.depots.depot import ScheduleInUse, SchedulePut, ScheduleRemoved, ScheduleUnknown
from access_policy.domain.ids import ChargePointId, ChargerId, DepotId, RuleId
from access_policy.domain.mode_schedule.schedules import ScheduleInvalid
from tests.support.builders import ANNA, BAY, NORTH
from tests.support.office import ACME, RIVAL, Office, draft, putting_charger, putting_depot

OTHER = ChargerId("bay-2")


def rules(**changes: Any) -> ScheduleDraft:
    return ScheduleDraft(name="Weekdays", rules=(ScheduledRule(draft=draft(**changes)),))


NEW = PutSchedule(depot_id=NORTH, draft=rules())


def bay(number: int, **changes: Any) -> Any:
    return putting_charger(
        charger_id=ChargerId(f"bay-{number}"), charge_point_id=ChargePointId(f"CP-{number}"), **changes
    )


async def created(office: Office, *charger_ids: ChargerId) -> SchedulePutDone:
    made: SchedulePutDone = await office.run(replace(NEW, charger_ids=charger_ids))
    return made


def amending(made: SchedulePutDone, **changes: Any) -> PutSchedule:
    return PutSchedule(schedule_id=made.schedule.schedule_id, draft=rules(**changes))


async def test_create_schedule_for_all_makes_each_charger_of_the_depot_follow_it(office: Office) -> None:
    await office.do(bay(2))
    await office.do(putting_depot(depot_id=DepotId("south")))
    await office.do(bay(3, depot_id=DepotId("south")))

    put = await office.do(replace(NEW, charger_ids=None))

    schedule = put.done.schedule
    assert put.events == [
        SchedulePut(depot_id=NORTH, schedule=schedule),
        ScheduleTaken(charger_id=BAY, schedule=schedule),
        ScheduleTaken(charger_id=OTHER, schedule=schedule),
    ]
    assert [(each.charger_id, each.refusal) for each in put.done.results] == [(BAY, None), (OTHER, None)]


async def test_amend_schedule_changes_its_followers_and_no_other_charger(office: Office) -> None:
    await office.do(bay(2))
    made = await created(office, BAY)

    put = await office.do(amending(made, start=time(21)))

    assert [type(each) for each in put.events] == [SchedulePut, ScheduleTaken]
    assert [(each.charger_id, each.changes) for each in put.done.results] == [(BAY, 1)]
    assert put.done.schedule.rules[0].rule_id == made.schedule.rules[0].rule_id
    assert (await office.do(amending(made, start=time(21)))).events == []


async def test_amend_schedule_keeps_a_rule_by_its_id_when_the_name_changes(office: Office) -> None:
    made = await created(office)
    rule_id = made.schedule.rules[0].rule_id
    renamed = ScheduleDraft(name="Weekdays", rules=(ScheduledRule(draft=draft(name="Later"), rule_id=rule_id),))

    put = await office.run(PutSchedule(schedule_id=made.schedule.schedule_id, draft=renamed))

    assert [(each.rule_id, each.name) for each in put.schedule.rules] == [(rule_id, "Later")]
    strange = ScheduleDraft(name="Weekdays", rules=(ScheduledRule(draft=draft(), rule_id=RuleId("none")),))
    refusal = await office.refused(PutSchedule(schedule_id=made.schedule.schedule_id, draft=strange), ScheduleInvalid)
    assert refusal.pointer == "/rules/0/rule_id"


async def test_amend_schedule_when_one_charger_refuses_changes_the_others_and_reports_why(office: Office) -> None:
    await office.do(bay(2))
    made = await created(office, BAY, OTHER)
    for number in range(RULES_MAX - 1):
        await office.run(ScheduleMode(charger_id=BAY, draft=draft(name=f"r{number}")))
    two = ScheduleDraft(
        name="Weekdays",
        rules=(ScheduledRule(draft=draft()), ScheduledRule(draft=draft(name="b", start=time(8), end=time(9)))),
    )

    put = await office.do(PutSchedule(schedule_id=made.schedule.schedule_id, draft=two))

    by_charger = {each.charger_id: each.refusal for each in put.done.results}
    assert isinstance(by_charger[BAY], TooManyRules)
    assert by_charger[OTHER] is None
    assert put.events[1:] == [ScheduleTaken(charger_id=OTHER, schedule=put.done.schedule)]


async def test_dry_run_shows_followers_and_new_ones_and_records_nothing(office: Office) -> None:
    await office.do(bay(2))
    await office.do(bay(3))
    made = await created(office, BAY)
    tried = replace(amending(made, start=time(20)), charger_ids=(OTHER, ChargerId("none")), dry_run=True)

    put = await office.do(tried)

    assert put.events == []
    results = {each.charger_id: each for each in put.done.results}
    assert list(results) == [BAY, OTHER, "none"]
    assert isinstance(results[ChargerId("none")].refusal, ChargerUnknown)
    preview = results[OTHER].preview
    assert preview is not None
    assert {each.cause.name for each in preview.after.segments} == {"baseline", "Weekdays: Nights"}
    assert {each.cause.name for each in preview.before.segments} == {"baseline"}


async def test_keeping_up_completes_an_interrupted_amendment_and_then_changes_nothing(office: Office) -> None:
    await office.do(bay(2))
    made = await created(office, BAY, OTHER)
    depot = await office.depots.get(ACME, NORTH)
    amended = replace(made.schedule, name="Workdays")
    context = _context()
    await office.depots.record(
        context, NORTH, depot.put_schedule(amended), expected_version=depot.version, now=office.clock.now()
    )  # and there the process ended
    await office.depot.follow()
    before = await office.store.last_position()

    await KeepingUp(office.depot.view, office.follow).check()

    recorded = await office.store.read_log(after=before, limit=10)
    assert [each.event for each in recorded] == [
        ScheduleTaken(charger_id=BAY, schedule=amended),
        ScheduleTaken(charger_id=OTHER, schedule=amended),
    ]
    assert {each.envelope.actor for each in recorded} == {"system"}
    await office.depot.follow()
    await KeepingUp(office.depot.view, office.follow).check()
    assert await office.store.last_position() == recorded[-1].position


async def test_of_many_amendments_and_followers_at_once_all_followers_end_with_the_depots_schedule(
    office: Office,
) -> None:
    for number in (2, 3, 4):
        await office.do(bay(number))
    made = await created(office, BAY)
    id_ = made.schedule.schedule_id
    amendments = [amending(made, start=time(hour)) for hour in range(18, 23)]
    joins = [FollowSchedule(schedule_id=id_, charger_id=ChargerId(f"bay-{number}")) for number in (2, 3, 4)]

    await asyncio.gather(*(office.run(each) for each in (*amendments, *joins)))

    depot = await office.depots.get(ACME, NORTH)
    for number in (1, 2, 3, 4):
        policy = await office.policies.get(ACME, ChargerId(f"bay-{number}"))
        assert policy.schedules == depot.schedules


async def test_follow_schedule_of_another_depot_or_tenant_is_refused(office: Office) -> None:
    await office.do(putting_depot(depot_id=DepotId("south")))
    await office.do(bay(2, depot_id=DepotId("south")))
    made = await created(office)
    follow = FollowSchedule(schedule_id=made.schedule.schedule_id, charger_id=OTHER)

    await office.refused(follow, ScheduleElsewhere)
    await office.refused(follow, ScheduleUnknown, tenant=RIVAL)


async def test_leave_schedule_with_many_leaves_it_once(office: Office) -> None:
    await office.do(bay(2))
    made = await created(office, BAY)
    leave = FollowScheduleWithMany(schedule_id=made.schedule.schedule_id, charger_ids=None, follows=False)

    done = await office.do(leave)

    assert done.events == [ScheduleLeft(charger_id=BAY, schedule_id=made.schedule.schedule_id)]
    assert [(each.charger_id, each.changes) for each in done.done] == [(BAY, 1), (OTHER, 0)]


async def test_remove_schedule_while_a_charger_follows_it_is_refused_and_names_the_charger(office: Office) -> None:
    made = await created(office, BAY)
    removing = RemoveSchedule(schedule_id=made.schedule.schedule_id)

    refusal = await office.refused(removing, ScheduleInUse)

    assert "followed by bay-1" in refusal.detail
    await office.run(FollowSchedule(schedule_id=made.schedule.schedule_id, charger_id=BAY, follows=False))
    assert (await office.do(removing)).events == [
        ScheduleRemoved(depot_id=NORTH, schedule_id=made.schedule.schedule_id)
    ]
    await office.refused(removing, ScheduleUnknown)


async def test_amend_schedule_with_an_old_version_is_refused(office: Office) -> None:
    made = await created(office)
    await office.run(amending(made, start=time(21)))

    await office.refused(replace(amending(made, start=time(20)), expected_version=made.version), VersionMismatch)


def _context() -> Context:
    return Context(tenant_id=ACME, actor=ANNA, correlation_id="a-request")
