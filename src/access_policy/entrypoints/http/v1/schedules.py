"""`/v1/schedules`: named schedules of a depot, which many chargers follow."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from access_policy.application.commands.follow_schedule import (
    FollowScheduleWithMany,
    FollowScheduleWithManyHandler,
    depot_of,
)
from access_policy.application.commands.put_schedule import PutSchedule, SchedulePutDone
from access_policy.application.commands.remove_schedule import RemoveSchedule
from access_policy.application.retrying import Handler as Retrying
from access_policy.domain.ids import DepotId, ScheduleId
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import Call, ChangeCall, CommandCall
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.depot_scope import require_depot
from access_policy.entrypoints.http.fields import Page
from access_policy.entrypoints.http.responses import LOG_POSITION, json_in_pieces, set_etag
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.plan_models import RuleSettings
from access_policy.entrypoints.http.v1.schedule_models import (
    FollowBody,
    Followed,
    NewScheduleBody,
    Schedule,
    ScheduleBody,
    ScheduleFollowedByMany,
    SchedulePutHead,
    SchedulePutShown,
    ScheduleSummary,
    follower_of,
    followers_shown,
)
from access_policy.entrypoints.http.v1.schedule_what_if import CountDifferent, Counting

router = api_router(tags=["schedule"])

PutHandler = Annotated[Retrying[PutSchedule, SchedulePutDone], provided(lambda c: c.commands.put_schedule)]


@router.post(
    "/schedules",
    operation_id="create_schedule",
    dependencies=requires(OPERATORS, some_depots=True),
    status_code=201,
    response_model=SchedulePutShown,
    responses={200: {"model": SchedulePutShown, "description": "A dry run"}, 404: {}},
)
async def create_schedule(body: NewScheduleBody, call: CommandCall, handler: PutHandler, count: Counting) -> Response:
    """Create a schedule of the depot, which `charger_ids` begin to follow. There is one result per charger: `ok`, or
    the problem because of which the charger does not follow it. With `dry_run` nothing is recorded, each result shows
    the timeline before and after, and `what_if` counts the attempts of the last `what_if_days` days that would have
    been decided differently."""
    command = PutSchedule(depot_id=DepotId(body.depot_id), **body.command())
    done = await handler(call.context, command)
    return await _put(call, body, done, count, status=200 if body.dry_run else 201)


@router.put(
    "/schedules/{schedule_id}",
    operation_id="put_schedule",
    dependencies=requires(OPERATORS),
    response_model=SchedulePutShown,
)
async def put_schedule(
    schedule_id: str, body: ScheduleBody, call: ChangeCall, handler: PutHandler, count: Counting
) -> Response:
    """Amend a schedule, and let `charger_ids` begin to follow it. All chargers that follow it take the change, each
    completely or not at all, with one result per charger. After a failure, send it again: chargers that already have
    the change keep it. A rule keeps its id if the body has its `rule_id`, or else its name."""
    command = PutSchedule(schedule_id=ScheduleId(schedule_id), expected_version=call.expected_version, **body.command())
    done = await handler(call.context, command)
    return await _put(call, body, done, count, status=200)


async def _put(
    call: Call, body: ScheduleBody, done: SchedulePutDone, count: CountDifferent, *, status: int
) -> Response:
    await call.settled(done.position)
    what_if = await count.of_put(call.caller, body, done)
    head = SchedulePutHead(
        dry_run=body.dry_run,
        schedule_id=done.schedule.schedule_id,
        depot_id=done.depot_id,
        name=done.schedule.name,
        rules=[RuleSettings.of(rule) for rule in done.schedule.rules],
        version=done.version or None,
        what_if=what_if,
    )
    answer = await json_in_pieces(head, "results", followers_shown(done.results), status=status)
    if done.version:
        set_etag(answer, done.version)
    answer.headers[LOG_POSITION] = str(done.position)
    return answer


@router.get(
    "/schedules", operation_id="list_schedules", dependencies=requires(READERS, some_depots=True), responses={404: {}}
)
async def list_schedules(
    caller: Caller,
    view: DecisionView,
    depot_id: Annotated[str | None, Query(description="Only schedules of this depot")] = None,
) -> Page[ScheduleSummary]:
    """List the schedules by depot and name."""
    if depot_id is not None:
        require_depot(caller.depots, depot_id)
    items = [
        ScheduleSummary.of(depot, each, view.followers_of(caller.tenant_id, each.schedule_id))
        for depot in view.depots_of(caller.tenant_id)
        if (depot_id is None or depot.depot_id == depot_id)
        and (caller.depots is None or depot.depot_id in caller.depots)
        for each in depot.schedules.values()
    ]
    return Page(items=sorted(items, key=lambda each: (each.depot_id, each.name)), next_cursor=None)


@router.get("/schedules/{schedule_id}", operation_id="get_schedule", dependencies=requires(READERS))
async def get_schedule(caller: Caller, view: DecisionView, schedule_id: str, response: Response) -> Schedule:
    """Get the schedule. `chargers` are its followers; `up_to_date` is false if a charger does not have the latest
    amendment yet."""
    depot_id = await depot_of(view, caller.tenant_id, ScheduleId(schedule_id))
    depot = view.depot(caller.tenant_id, depot_id)
    assert depot is not None  # it has the schedule
    schedule = depot.schedule(ScheduleId(schedule_id))
    shown = Schedule.of(depot, schedule, view.followers_of(caller.tenant_id, schedule.schedule_id))
    set_etag(response, shown.version)
    return shown


@router.delete(
    "/schedules/{schedule_id}",
    operation_id="remove_schedule",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def remove_schedule(
    schedule_id: str,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_schedule)],
) -> None:
    """Remove the schedule. 409 while a charger follows it; the problem names the chargers."""
    command = RemoveSchedule(schedule_id=ScheduleId(schedule_id), expected_version=call.expected_version)
    await call(handler, command)


@router.post(
    "/schedules/{schedule_id}/chargers",
    operation_id="follow_schedule_with_many",
    dependencies=requires(OPERATORS),
    response_model=ScheduleFollowedByMany,
)
async def follow_schedule_with_many(
    schedule_id: str,
    body: FollowBody,
    call: CommandCall,
    follow: Annotated[FollowScheduleWithManyHandler, provided(lambda c: c.commands.follow_schedule_with_many)],
    count: Counting,
) -> Response:
    """Let the chargers follow the schedule, or leave it (`follows` false), with one result per charger. `dry_run` and
    `what_if_days` as in `create_schedule`."""
    command = FollowScheduleWithMany(
        schedule_id=ScheduleId(schedule_id),
        charger_ids=body.chosen(),
        follows=body.follows,
        dry_run=body.dry_run,
        start=body.from_,
        end=body.until,
    )
    results = await follow(call.context, command)
    await call.settled(max((each.position for each in results), default=0))
    what_if = await count.of_following(call.caller, body, command.schedule_id, results)
    head = Followed(dry_run=body.dry_run, schedule_id=schedule_id, what_if=what_if)
    return await json_in_pieces(head, "results", followers_shown(results))


@router.put(
    "/schedules/{schedule_id}/chargers/{charger_id}",
    operation_id="follow_schedule",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def follow_schedule(
    schedule_id: str,
    charger_id: str,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.follow_schedule)],
) -> None:
    """Let the charger follow the schedule. `If-Match` and `ETag` are the charger's version."""
    await call(handler, follower_of(schedule_id, charger_id, call.expected_version, follows=True))


@router.delete(
    "/schedules/{schedule_id}/chargers/{charger_id}",
    operation_id="leave_schedule",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def leave_schedule(
    schedule_id: str,
    charger_id: str,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.follow_schedule)],
) -> None:
    """Let the charger leave the schedule. This changes nothing if it does not follow the schedule. `If-Match` and
    `ETag` are the charger's version."""
    await call(handler, follower_of(schedule_id, charger_id, call.expected_version, follows=False))
