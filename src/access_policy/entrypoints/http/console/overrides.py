"""Overrides of a depot's chargers: those that are running, how long they still run, and a new one for many chargers at
once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response

from access_policy.application.commands.lift_override import LiftOverride
from access_policy.application.commands.override_many import (
    LiftMany,
    LiftManyHandler,
    OverriddenOne,
    OverrideMany,
    OverrideManyHandler,
)
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.application.event_loop import cooperatively
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import ChargerId, DepotId, OverrideId
from access_policy.domain.mode_schedule.timeline import Override
from access_policy.domain.plurals import counted
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console import ends, times, words
from access_policy.entrypoints.http.console.at_risk import overtaken
from access_policy.entrypoints.http.console.board_reading import prefix_of
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.override_preview import OverridePreview, preview_of
from access_policy.entrypoints.http.console.overrides_running import running_overrides
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, Views, provided
from access_policy.entrypoints.http.v1.depot_overrides import OverrideManyBody
from access_policy.entrypoints.http.v1.plan_reader import Plan
from access_policy.entrypoints.http.v1.reservation_models import Reservation

router: APIRouter = pages_router()

OVERRIDES: Final = "/console/overrides"
REFUSED_SHOWN: Final = 3  # chargers whose refusal is shown after the change


@dataclass(frozen=True, slots=True)
class Choice:
    charger_id: str
    mode: AccessMode


@router.get(OVERRIDES, dependencies=visitors(READERS))
async def overrides(here: Here, view: DecisionView, views: Views) -> Response:
    return here.page("overrides.html", running=await running_overrides(here, view, views))


@router.get(OVERRIDES + "/new", dependencies=visitors(OPERATORS))
async def new(
    here: Here, view: DecisionView, charger_ids: Annotated[list[str] | None, Query(max_length=500)] = None
) -> Response:
    """Show the form. `charger_ids`: chargers already chosen on the board."""
    here = here.at_one_depot()
    first = ends.choices(here.now, here.zone)[0][0]
    values: dict[str, str | list[str]] = {
        "charger_ids": charger_ids or [],
        "mode": "freevend",
        "ends": first,
        "reason": "",
    }
    return await _form(here, view, Form.of(values))


@router.post(OVERRIDES + "/new", dependencies=visitors(OPERATORS))
async def make(
    here: Here,
    view: DecisionView,
    sent: Sent,
    call: CommandCall,
    plan: Plan,
    handler: Annotated[OverrideManyHandler, provided(lambda c: c.commands.override_many)],
) -> Response:
    """Preview or make the override. `action` is the button that was pressed: `preview` records nothing."""
    here = here.at_one_depot()
    sent = replace(sent, values={"charger_ids": [], "reason": "", "ends": "", "until": "", **sent.values})
    preview = sent.text("action") == "preview"
    try:
        body = _body(here, sent, [each.charger_id for each in await _choices(here, view)])
        _, results = await handler(call.context, _command(here, body, dry_run=preview))
        if all(each.refusal for each in results):
            raise invalid({"charger_ids": str(results[0].refusal)})
    except REFUSALS as error:
        return await _form(here, view, sent.refused(error), status=422)
    if preview:
        effects = [(each.charger_id, each.effect.override) for each in results if each.effect is not None]
        endangered = await overtaken(here, plan, results)
        return await _form(here, view, sent, preview_of(results), endangered, narrowed_among(here, view, effects))
    await call.settled(max(each.position for each in results))
    made = [(each.charger_id, each.override) for each in results if each.override is not None and not each.refusal]
    gated = gate_in_words(narrowed_among(here, view, made))
    return here.done(here.url(OVERRIDES), _said(here, body.mode, results) + gated)


def _command(here: Visit, body: OverrideManyBody, *, dry_run: bool) -> OverrideMany:
    return OverrideMany(
        depot_id=DepotId(here.depot_id or ""),
        charger_ids=body.chosen(),
        mode=body.mode,
        reason=body.reason,
        until=body.until,
        lasts=body.for_,
        dry_run=dry_run,
    )


def _body(here: Visit, sent: Form, charger_ids: Sequence[str]) -> OverrideManyBody:
    groups = frozenset(sent.texts("group"))
    chosen = [*sent.texts("charger_ids"), *(each for each in charger_ids if prefix_of(each) in groups)]
    if not chosen:
        raise invalid({"charger_ids": "Choose at least one charger."})
    own = ("charger_ids", "group", "ends", "until", "action")
    return sent.body(
        OverrideManyBody, ignored=own, charger_ids=list(dict.fromkeys(chosen)), **ends.end_of(sent, here.zone)
    )


async def _form(
    here: Visit,
    view: View,
    form: Form,
    preview: OverridePreview | None = None,
    endangered: Sequence[Reservation] = (),
    narrowed: Sequence[ChargerId] = (),
    *,
    status: int = 200,
) -> Response:
    """Render the form. `endangered`: the reservations that the previewed override would put at risk; `narrowed`: the
    chargers that it would not open all the time because power is short."""
    groups: dict[str, list[Choice]] = {}
    for each in await _choices(here, view):
        groups.setdefault(prefix_of(each.charger_id), []).append(each)
    options = ends.choices(here.now, here.zone)
    return here.page(
        "override_form.html",
        status=status,
        form=form,
        groups=groups,
        ends=options,
        typed=ends.TYPED,
        preview=preview,
        endangered=endangered,
        narrowed=narrowed,
    )


async def _choices(here: Visit, view: View) -> list[Choice]:
    found = []
    if here.depot_id is not None:
        ids = await view.charger_ids(here.caller.tenant_id, here.depot_id)
        async for charger_id in cooperatively(sorted(ids)):
            mode = view.charger(here.caller.tenant_id, charger_id).expected(here.now).mode
            found.append(Choice(charger_id, mode))
    return found


def _said(here: Visit, mode: AccessMode, results: Sequence[OverriddenOne]) -> str:
    made = [each.override for each in results if each.override is not None and each.refusal is None]
    until = {each.ends_at for each in made}
    end = f" until {times.day_and_clock(until.pop(), here.zone, here.now)}" if len(until) == 1 else ""
    verb = "is" if len(made) == 1 else "are"
    text = f"{counted(len(made), 'charger')} {verb} {words.mode_in_words(mode).lower()}{end}."
    return text + refused_in_words(results)


def narrowed_among(here: Visit, view: View, made: Iterable[tuple[ChargerId, Override]]) -> list[ChargerId]:
    """Return the chargers at which an energy gate narrows the access that the override opens."""
    found = []
    for charger_id, override in made:
        policy = view.charger(here.caller.tenant_id, charger_id).policy
        if override.mode is AccessMode.FREEVEND and policy.narrowed_between(override.starts_at, override.ends_at):
            found.append(charger_id)
    return found


def gate_in_words(narrowed: Sequence[ChargerId]) -> str:
    """Return ` Power is short: the energy gate still applies at bay-1, bay-2.`; empty without such chargers."""
    if not narrowed:
        return ""
    named = ", ".join(narrowed[:REFUSED_SHOWN])
    more = f" and {len(narrowed) - REFUSED_SHOWN} more" if len(narrowed) > REFUSED_SHOWN else ""
    return f" Power is short: the energy gate still applies at {named}{more}."


def refused_in_words(results: Iterable[Any]) -> str:
    """Return ` 2 refused it: bay-1 (…); bay-2 (…).`; empty if none did."""
    refused = [each for each in results if each.refusal is not None]
    if not refused:
        return ""
    named = "; ".join(f"{each.charger_id} ({each.refusal})" for each in refused[:REFUSED_SHOWN])
    return f" {len(refused)} refused it: {named}{'; and more' if len(refused) > REFUSED_SHOWN else ''}"


@router.post(OVERRIDES + "/{override_id}/lift", dependencies=visitors(OPERATORS))
async def lift(
    here: Here,
    override_id: str,
    sent: Sent,
    call: CommandCall,
    lift_many: Annotated[LiftManyHandler, provided(lambda c: c.commands.lift_many)],
    lift_one: Annotated[Handler, provided(lambda c: c.commands.lift_override)],
) -> Response:
    """Lift an override at the charger `charger_id`, or at all chargers of the depot if none is given."""
    override, charger_id = OverrideId(override_id), sent.text("charger_id")
    if charger_id:
        await call(lift_one, LiftOverride(charger_id=ChargerId(charger_id), override_id=override))
        return here.done(here.url(OVERRIDES), f"The override is lifted at {charger_id}.")
    results = await lift_many(call.context, LiftMany(depot_id=DepotId(sent.text("depot_id")), override_id=override))
    await call.settled(max(each.position for each in results))
    lifted = sum(each.refusal is None for each in results)
    text = f"The override is lifted at {counted(lifted, 'charger')}."
    return here.done(here.url(OVERRIDES), text + refused_in_words(results))
