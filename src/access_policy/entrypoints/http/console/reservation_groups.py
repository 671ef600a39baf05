"""The reservation groups of a depot, and the settings of its reservations."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response

from access_policy.application.commands.put_reservation_group import PutReservationGroup
from access_policy.application.commands.put_reservation_settings import PutReservationSettings
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.domain.ids import ChargerId, DepotId, ReservationGroupId
from access_policy.domain.reservations import reservation as reservations
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.plan import PLAN
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.v1.reservation_groups import ReservationGroupBody
from access_policy.entrypoints.http.v1.reservation_settings import (
    DefaultTermsShown,
    ReservationSettingsBody,
    ReservationSettingsShown,
)

router: APIRouter = pages_router()

GROUPS: Final = PLAN + "/groups"
SETTINGS: Final = PLAN + "/settings"
MINUTES: Final = (
    ("early_start_min", "The holder may start before the window"),
    ("late_stop_min", "The holder may stay after the window"),
    ("no_show_after_min", "Lost if the holder has not arrived after the start"),
    ("change_until_min", "A partner may change it until before the start"),
    ("cancel_until_min", "A partner may cancel it until before the start"),
    ("shortest_min", "Shortest window"),
    ("longest_min", "Longest window"),
)


@router.get(GROUPS, dependencies=visitors(READERS))
async def groups(
    here: Here, view: DecisionView, group_id: Annotated[str | None, Query(max_length=64)] = None
) -> Response:
    """List the groups. `group_id`: the one to change in the form."""
    here = here.at_one_depot()
    book = None if here.depot_id is None else view.book(here.caller.tenant_id, here.depot_id)
    known = None if book is None or group_id is None else book.groups.get(ReservationGroupId(group_id))
    if known is None or book is None:
        return await _groups(here, view, Form.of({"group_id": "", "name": "", "charger_ids": []}))
    values: dict[str, str | list[str]] = {
        "group_id": known.group_id,
        "name": known.name,
        "charger_ids": [*sorted(known.charger_ids)],
    }
    return await _groups(here, view, Form.of(values, book.group_changed_at[known.group_id]))


@router.post(GROUPS, dependencies=visitors(OPERATORS))
async def put_group(
    here: Here,
    view: DecisionView,
    sent: Sent,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_reservation_group)],
) -> Response:
    here = here.at_one_depot()
    try:
        body = sent.body(
            ReservationGroupBody, ignored=("group_id", "charger_ids"), charger_ids=sent.texts("charger_ids")
        )
        group = reservations.ReservationGroup(
            group_id=ReservationGroupId(sent.text("group_id")),
            name=body.name,
            charger_ids=frozenset(ChargerId(each) for each in body.charger_ids),
        )
        depot_id = DepotId(here.depot_id or "")
        await call(handler, PutReservationGroup(depot_id=depot_id, group=group, expected_version=sent.version or 0))
    except REFUSALS as error:
        return await _groups(here, view, sent.refused(error), status=422)
    return here.done(here.url(GROUPS), f"The group {body.name} is saved.")


async def _groups(here: Visit, view: View, form: Form, *, status: int = 200) -> Response:
    known, chargers = [], list[str]()
    if here.depot_id is not None:
        known = sorted(view.book(here.caller.tenant_id, here.depot_id).groups.values(), key=lambda each: each.name)
        chargers = sorted(await view.charger_ids(here.caller.tenant_id, here.depot_id))
    return here.page(
        "reservation_groups.html",
        status=status,
        form=form,
        groups=known,
        chargers=chargers,
        base=GROUPS,
        plan=PLAN,
        is_new=form.version is None,
    )


@router.get(SETTINGS, dependencies=visitors(READERS))
async def settings(here: Here, view: DecisionView) -> Response:
    here = here.at_one_depot()
    return _settings(here, _form_of(here, view))


@router.post(SETTINGS, dependencies=visitors(OPERATORS))
async def put_settings(
    here: Here,
    view: DecisionView,
    sent: Sent,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_reservation_settings)],
) -> Response:
    here = here.at_one_depot()
    try:
        numbers = ("horizon_days", *(f"terms/{name}" for name, _ in MINUTES))
        body = sent.body(ReservationSettingsBody, numbers=numbers, flags=("terms/release_on_stop",))
        command = PutReservationSettings(
            depot_id=DepotId(here.depot_id or ""), settings=body.settings(), expected_version=sent.version
        )
        await call(handler, command)
    except REFUSALS as error:
        return _settings(here, sent.refused(error, _form_of(here, view).values), status=422)
    return here.done(here.url(SETTINGS), "The settings are saved.")


def _form_of(here: Visit, view: View) -> Form:
    if here.depot_id is None:
        return Form.of({})
    shown = ReservationSettingsShown.of(view.book(here.caller.tenant_id, here.depot_id))
    terms = {name: getattr(shown.terms, name) for name in DefaultTermsShown.model_fields}
    values: dict[str, str | list[str]] = {
        f"terms/{name}": "" if value is None else str(value) for name, value in terms.items()
    }
    values["terms/release_on_stop"] = "yes" if shown.terms.release_on_stop else ""
    values |= {"day_starts_at": shown.day_starts_at, "horizon_days": str(shown.horizon_days)}
    return Form.of(values, shown.version)


def _settings(here: Visit, form: Form, *, status: int = 200) -> Response:
    return here.page("reservation_settings.html", status=status, form=form, minutes=MINUTES, base=SETTINGS, plan=PLAN)
