"""The chargers that follow a schedule: choose them after a preview, and withdraw the schedule from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from access_policy.application.commands.changed_one import ChangedOne
from access_policy.application.commands.follow_schedule import FollowScheduleWithMany, FollowScheduleWithManyHandler
from access_policy.application.commands.remove_schedule import RemoveSchedule
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.application.errors import check_version
from access_policy.application.what_if.proposal import Proposal
from access_policy.domain.ids import ChargerId
from access_policy.domain.plurals import counted
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import Call, CommandCall
from access_policy.entrypoints.http.console.board_reading import groups_of
from access_policy.entrypoints.http.console.consequences import WHAT_IF_DAYS, Count
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.one_schedule import SCHEDULES, At, AtSchedule
from access_policy.entrypoints.http.console.overrides import refused_in_words
from access_policy.entrypoints.http.console.pictures import Window
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.schedule_preview import PreviewShown, preview_of, week_of
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, container_of, provided
from access_policy.entrypoints.http.v1.schedule_what_if import following

router: APIRouter = pages_router()


@dataclass(frozen=True, slots=True)
class Change:
    """Chargers that begin to follow the schedule, and those that leave it."""

    beginning: frozenset[ChargerId]
    leaving: frozenset[ChargerId]


@dataclass(frozen=True, slots=True)
class Changing:
    """The parts of the request that a change of the followers needs."""

    call: Call
    view: View
    follow: FollowScheduleWithManyHandler
    count: Count

    async def made(self, at: AtSchedule, change: Change) -> list[ChangedOne]:
        began, left = [await self._one(at, *each, None) for each in _directions(change)]
        return began + left

    async def preview(self, at: AtSchedule, change: Change) -> PreviewShown:
        window = week_of(at.here)
        began, left = [await self._one(at, *each, window) for each in _directions(change)]
        this = at.stored.schedule_id
        both = (following(this, at.stored, began), following(this, None, left))
        concerned = both[0].charger_ids | both[1].charger_ids
        found = await self.count(at.here.caller.tenant_id, Proposal(schedules=both), concerned, days=WHAT_IF_DAYS)
        return await preview_of(at.here, window, began + left, found)

    async def _one(
        self, at: AtSchedule, chosen: frozenset[ChargerId], follows: bool, shown: Window | None
    ) -> list[ChangedOne]:
        if not chosen:
            return []
        command = FollowScheduleWithMany(
            schedule_id=at.stored.schedule_id,
            charger_ids=tuple(sorted(chosen)),
            follows=follows,
            dry_run=shown is not None,
            start=None if shown is None else shown.start,
            end=None if shown is None else shown.end,
        )
        return await self.follow(self.call.context, command)


def _directions(change: Change) -> Sequence[tuple[frozenset[ChargerId], bool]]:
    return ((change.beginning, True), (change.leaving, False))


async def _changing(request: Request, call: CommandCall, view: DecisionView, count: Count) -> Changing:
    return Changing(call, view, container_of(request).commands.follow_schedule_with_many(), count)


ChangingFollowers = Annotated[Changing, Depends(_changing)]


@router.post(SCHEDULES + "/{schedule_id}/chargers", dependencies=visitors(OPERATORS))
async def follow(at: At, sent: Sent, changing: ChangingFollowers) -> Response:
    """Make exactly the ticked chargers follow the schedule. `action` is the button: `preview` records nothing."""
    wanted = frozenset(ChargerId(each) for each in sent.texts("charger_ids"))
    present = frozenset(at.followers)
    change = Change(wanted - present, present - wanted)
    if sent.text("action") == "preview":
        return at.here.page(
            "schedule_followers.html",
            at=at,
            chosen=wanted,
            change=change,
            groups=groups_of(await changing.view.charger_ids(at.here.caller.tenant_id, at.depot.depot_id)),
            preview=await changing.preview(at, change),
        )
    results = await changing.made(at, change)
    await changing.call.settled(max((each.position for each in results), default=0))
    text = f"{counted(len(wanted), 'charger')} {'follows' if len(wanted) == 1 else 'follow'} {at.stored.name}."
    return at.here.done(at.url(), text + refused_in_words(results))


@router.get(SCHEDULES + "/{schedule_id}/withdraw", dependencies=visitors(OPERATORS))
async def ask(at: At, changing: ChangingFollowers) -> Response:
    return await _question(at, changing, Form.of({}, at.version))


@router.post(SCHEDULES + "/{schedule_id}/withdraw", dependencies=visitors(OPERATORS))
async def withdraw(
    at: At,
    sent: Sent,
    changing: ChangingFollowers,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_schedule)],
) -> Response:
    """Withdraw the schedule after all chargers have left it. If a charger cannot leave it, the schedule remains."""
    try:
        check_version(sent.version, at.version)
        await changing.made(at, _all_leave(at))
        await changing.call(handler, RemoveSchedule(schedule_id=at.stored.schedule_id, expected_version=sent.version))
    except REFUSALS as error:
        return await _question(at, changing, sent.refused(error, {}), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    left = f", and {counted(len(at.followers), 'charger')} left it" if at.followers else ""
    return at.here.done(at.here.url(SCHEDULES), f"{at.stored.name} is withdrawn{left}.")


def _all_leave(at: AtSchedule) -> Change:
    return Change(frozenset(), frozenset(at.followers))


async def _question(at: AtSchedule, changing: Changing, form: Form, **how: Any) -> Response:
    preview = await changing.preview(at, _all_leave(at))
    return at.here.page("schedule_withdraw.html", at=at, form=form, preview=preview, **how)
