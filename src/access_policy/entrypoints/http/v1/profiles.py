"""`/v1/profiles`: those that always exist and the tenant's own; and `/v1/chargers/{id}/probe`, which proposes one."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from access_policy.adapters.ocpp.profiles.schema import ProfileDocument, body_of, without_effect
from access_policy.application.commands.put_profile import PutProfile, RemoveProfile
from access_policy.application.queries.probe import Candidate, Probed
from access_policy.domain.capability_profiles.capabilities import CapabilityProfile, Evidence, mode_control_name
from access_policy.domain.capability_profiles.profile import ProfileFieldWithoutEffect, ProfileUnknown
from access_policy.domain.ids import ChargerId
from access_policy.entrypoints.http.answers import (
    IfMatch,
    IfNoneMatch,
    answer,
    done,
    expected_version,
    nothing_left,
)
from access_policy.entrypoints.http.auth import Caller, Services, context_of

router = APIRouter(tags=["profiles"])


@router.get("/profiles", operation_id="list_profiles")
async def list_profiles(caller: Caller, services: Services) -> Response:
    return answer({"items": [_shown(each) for each in services.profiles.all(caller.tenant_id)], "next_cursor": None})


@router.get("/profiles/{name}", operation_id="get_profile")
async def get_profile(caller: Caller, services: Services, name: str) -> Response:
    profile = services.profiles.get(caller.tenant_id, name)
    if profile is None:
        raise ProfileUnknown(f"There is no capability profile {name[:64]}; GET /v1/profiles lists all.")
    return answer(_shown(profile))


@router.put("/profiles/{name}", operation_id="put_profile")
async def put_profile(
    request: Request,
    caller: Caller,
    services: Services,
    name: str,
    body: ProfileDocument,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A profile of the tenant's own, also in the shape in which a profile is shown. Chargers that have it follow the change
    at once. A field that could have no effect is refused."""
    for pointer, why in without_effect(body).items():
        raise ProfileFieldWithoutEffect(f"{pointer} {why}; leave it out.", pointer=pointer)
    profile = body.build(name, evidence=Evidence.OPERATOR, source="put by an operator")
    definition = msgspec.json.encode(body_of(profile), order="sorted").decode()
    command = PutProfile(name=name, definition=definition, expected_version=expected_version(if_match, if_none_match))
    result = await services.put_profile(context_of(request, caller), command)
    await services.settled(result.position)
    return done(result, _shown(profile), status=201 if result.created else 200)


@router.delete("/profiles/{name}", operation_id="remove_profile", status_code=204)
async def remove_profile(
    request: Request, caller: Caller, services: Services, name: str, if_match: IfMatch = None
) -> Response:
    """Refused while a charger has it."""
    command = RemoveProfile(name=name, expected_version=expected_version(if_match))
    result = await services.remove_profile(context_of(request, caller), command)
    await services.settled(result.position)
    return nothing_left(result)


@router.post("/chargers/{charger_id}/probe", operation_id="probe_charger")
async def probe_charger(request: Request, caller: Caller, services: Services, charger_id: str) -> Response:
    """Read a connected charger's settings, change none, and propose profiles, the best first."""
    key = (caller.tenant_id, ChargerId(charger_id))
    passed_on = await services.peers.answer(request, key)
    return passed_on if passed_on is not None else answer(_probed(await services.probe(key)))


def _probed(found: Probed) -> dict[str, Any]:
    best = found.candidates[0] if found.candidates else None
    return {
        "protocol": found.protocol,
        "vendor": found.vendor,
        "model": found.model,
        "firmware": found.firmware,
        "all_told": found.all_told,
        "proposed": None if best is None else best.profile.name,
        "candidates": [_candidate(each) for each in found.candidates],
        "settings": [{"name": each.name, "value": each.value, "writable": each.writable} for each in found.settings],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    profile = candidate.profile
    return {
        "profile": profile.name,
        "title": profile.title,
        "mode_control": mode_control_name(profile.mode_control),
        "fit": candidate.fit,
        "evidence": profile.evidence,
        "because": candidate.because,
        "quirks": profile.quirks,
    }


def _shown(profile: CapabilityProfile) -> dict[str, Any]:
    """`mode_control` is the kind in a word, `control` all of it."""
    body = body_of(profile)
    control = body.pop("mode_control")
    return {
        "name": profile.name,
        **body,
        "mode_control": mode_control_name(profile.mode_control),
        "control": control,
        "evidence": profile.evidence,
        "source": profile.source,
    }
