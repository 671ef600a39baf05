"""`/v1/profiles`."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.application.capability_profiles import CapabilityProfile, mode_control_name
from access_policy.entrypoints.http.answers import answer
from access_policy.entrypoints.http.auth import Caller, Services

router = APIRouter(tags=["profiles"])


@router.get("/profiles", operation_id="list_profiles")
async def list_profiles(caller: Caller, services: Services) -> Response:
    return answer({"items": [_shown(profile) for profile in services.profiles.all()], "next_cursor": None})


def _shown(profile: CapabilityProfile) -> dict[str, object]:
    return {
        "name": profile.name,
        "title": profile.title,
        "protocols": profile.protocols,
        "mode_control": mode_control_name(profile.mode_control),
        "personal_message": profile.personal_message,
        "source": profile.source,
    }
