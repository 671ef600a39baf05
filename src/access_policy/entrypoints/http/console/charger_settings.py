"""The settings of one charger: edit them, and explain its capability profile."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.identity import Identity
from access_policy.application.what_if.proposal import Proposal
from access_policy.application.what_if.recent import Counted
from access_policy.domain.capability_profiles.profile import ProfileUnknown
from access_policy.domain.ids import ChargerId
from access_policy.entrypoints.http.auth import ADMINS, READERS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.chargers import CHARGERS
from access_policy.entrypoints.http.console.consequences import WHAT_IF_DAYS, Count
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.one_charger import At, AtCharger
from access_policy.entrypoints.http.console.profile_words import ProfileMeaning
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import Handler, Profiles, provided
from access_policy.entrypoints.http.v1.charger_models import Charger
from access_policy.entrypoints.http.v1.charger_reader import Chargers
from access_policy.entrypoints.http.v1.chargers import ChargerBody

router: APIRouter = pages_router()

MEANING: Final = "/console/profile-meaning"
FIELDS: Final = (
    "charge_point_id",
    "depot_id",
    "profile",
    "baseline_mode",
    "enforcement",
    "connectors",
    "on_window_start",
    "on_store_outage",
    "offline_starts",
)
RESERVATION_ONLY: Final = "reservation_only"  # a box to tick


@router.get(CHARGERS + "/{charger_id}/settings", dependencies=visitors(ADMINS))
async def settings(at: At, profiles: Profiles, profile: Annotated[str, Query(max_length=64)] = "") -> HTMLResponse:
    """Show the form. `profile`: preselect this profile, such as one that a probe proposed; submitting the form saves
    it."""
    form = Form.of(values_of(at.charger), at.charger.version)
    if profile:
        form = replace(form, values={**form.values, "profile": profile})
    return _drawn(at, profiles, form)


@router.post(CHARGERS + "/{charger_id}/settings", dependencies=visitors(ADMINS))
async def save(
    at: At,
    sent: Sent,
    profiles: Profiles,
    chargers: Chargers,
    count: Count,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_charger)],
) -> Response:
    """Save the settings. `action` is the button that was pressed: `count` records nothing."""
    charger_id = at.charger.charger_id
    try:
        body = sent.body(ChargerBody, numbers=("connectors",), flags=(RESERVATION_ONLY,), ignored=("action",))
        if sent.text("action") == "count":
            return _drawn(at, profiles, sent, counted=await _counted(at, body, count))
        await call(handler, body.command(charger_id, expected_version=sent.version))
    except REFUSALS as error:
        stored = await chargers.charger(at.here.caller.tenant_id, ChargerId(charger_id))
        form = sent.refused(error, values_of(stored))
        return _drawn(replace(at, charger=stored), profiles, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    chosen = body.depot_id if at.here.depot is not None else None  # the charger may have moved to another depot
    return at.here.done(at.url(depot_id=chosen), f"{charger_id} is saved.")


async def _counted(at: AtCharger, body: ChargerBody, count: Count) -> Counted:
    proposal = Proposal(enforcement=body.enforcement, baseline_mode=body.baseline_mode)
    only = frozenset({ChargerId(at.charger.charger_id)})
    return await count(at.here.caller.tenant_id, proposal, only, days=WHAT_IF_DAYS)


@router.get(MEANING, dependencies=visitors(READERS))
async def meaning(here: Here, profiles: Profiles, profile: Annotated[str, Query(max_length=64)]) -> HTMLResponse:
    """Return the part of a form that depends on the chosen profile. Raises `ProfileUnknown`."""
    found = meaning_of(profiles, here.caller, profile)
    if found is None:
        raise ProfileUnknown(f"There is no capability profile {profile}.")
    return here.page("profile_meaning.html", meaning=found, meaning_url=MEANING)


def values_of(charger: Charger) -> dict[str, str | list[str]]:
    ticked: dict[str, str | list[str]] = {RESERVATION_ONLY: "yes" if charger.reservation_only else ""}
    return {name: str(getattr(charger, name)) for name in FIELDS} | ticked


def meaning_of(profiles: CapabilityProfiles, caller: Identity, name: str) -> ProfileMeaning | None:
    found = profiles.get(caller.tenant_id, name)
    return None if found is None else ProfileMeaning.of(found)


def choices(here: Visit, profiles: CapabilityProfiles, form: Form) -> dict[str, Any]:
    """Return the options of a charger's fields: the visitor's depots, and all profiles by title."""
    known = profiles.all(here.caller.tenant_id)
    by_title = sorted(known, key=lambda each: (each.title.casefold(), each.name))
    chosen = form.text("profile") or (by_title[0].name if by_title else "")
    return {
        "depots": [(each.depot_id, each.settings.name) for each in here.depots],
        "profiles": [(each.name, each.title) for each in by_title],
        "meaning": meaning_of(profiles, here.caller, chosen),
        "meaning_url": MEANING,
    }


def _drawn(
    at: AtCharger,
    profiles: CapabilityProfiles,
    form: Form,
    *,
    counted: Counted | None = None,
    status: int = HTTPStatus.OK,
) -> HTMLResponse:
    return at.here.page(
        "charger_settings.html",
        status=status,
        charger=at.charger,
        form=form,
        counted=counted,
        action=at.url("/settings"),
        back=at.url(),
        links={name: at.url(f"/{name}") for name in ("probe", "password", "retire")},
        **choices(at.here, profiles, form),
    )
