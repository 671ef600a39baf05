"""`/v1/profiles`: the capability profiles that always exist and the tenant's own."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import msgspec
from fastapi.responses import Response
from pydantic import Field

from access_policy.adapters.ocpp.profiles.schema import ProfileDocument, body_of, without_effect
from access_policy.application.commands.put_profile import PutProfile, RemoveProfile
from access_policy.domain.capability_profiles.capabilities import CapabilityProfile, Evidence, mode_control_name
from access_policy.domain.capability_profiles.profile import ProfileFieldWithoutEffect, ProfileUnknown
from access_policy.entrypoints.http.auth import ADMINS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import ChangeCall, PutCall
from access_policy.entrypoints.http.dependencies import Handler, Profiles, provided
from access_policy.entrypoints.http.fields import Page, ResponseModel
from access_policy.entrypoints.http.responses import created
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["profiles"])


class ControlShown(ResponseModel):
    """The control; only the fields of its kind are set."""

    kind: Literal["device_variable", "configuration_key", "central", "remote_start", "unsupported"]
    component: Annotated[str, Field(default=None)]
    variable: Annotated[str, Field(default=None)]
    key: Annotated[str, Field(default=None)]
    also_called: Annotated[list[str], Field(default=None)]
    managed_value: Annotated[str, Field(default=None)]
    freevend_value: Annotated[str, Field(default=None)]
    tag_key: Annotated[str | None, Field(default=None)]
    tag_also_called: Annotated[list[str], Field(default=None)]
    tag: Annotated[str | None, Field(default=None)]
    needs_reboot: Annotated[bool, Field(default=None)]


class Profile(ResponseModel):
    """A capability profile. `mode_control` is the kind of `control`."""

    name: str
    title: str
    protocols: list[str]
    mode_control: str
    control: ControlShown
    vendors: list[str]
    tags_are: str
    base32_macs: bool
    has_cache: bool
    autocharge: Literal["yes", "no", "unknown"]
    personal_message: bool
    display_message: bool
    pending_at_boot: bool
    denial_error_codes: list[str]
    denial_window_s: float
    settle_s: float
    list_entries_max: int | None
    reserves: Literal["reported", "connectors", "charger", "none"]
    quirks: list[str]
    evidence: Evidence
    source: str

    @classmethod
    def of(cls, profile: CapabilityProfile, **more: Any) -> Self:
        """Show the definition's `mode_control` as `control`, and only its kind as `mode_control`."""
        body = body_of(profile)
        control = body.pop("mode_control")
        return cls(
            name=profile.name,
            **body,
            mode_control=mode_control_name(profile.mode_control),
            control=control,
            evidence=profile.evidence,
            source=profile.source,
            **more,
        )


class ProfilePut(Profile):
    version: int


@router.get(
    "/profiles",
    operation_id="list_profiles",
    dependencies=requires(READERS, some_depots=True),
    response_model_exclude_unset=True,
)
async def list_profiles(caller: Caller, profiles: Profiles) -> Page[Profile]:
    """List the capability profiles: those of the service and the tenant's own. Changes nothing."""
    return Page(items=[Profile.of(each) for each in profiles.all(caller.tenant_id)], next_cursor=None)


@router.get(
    "/profiles/{name}",
    operation_id="get_profile",
    dependencies=requires(READERS, some_depots=True),
    response_model_exclude_unset=True,
)
async def get_profile(caller: Caller, profiles: Profiles, name: str) -> Profile:
    """Return one capability profile. Changes nothing."""
    profile = profiles.get(caller.tenant_id, name)
    if profile is None:
        raise ProfileUnknown(f"There is no capability profile {name[:64]}; GET /v1/profiles lists all.")
    return Profile.of(profile)


@router.put(
    "/profiles/{name}",
    operation_id="put_profile",
    dependencies=requires(ADMINS),
    responses=created(ProfilePut),
    response_model_exclude_unset=True,
)
async def put_profile(
    name: str,
    body: ProfileDocument,
    call: PutCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_profile)],
) -> ProfilePut:
    """Create or replace one of the tenant's own profiles. The body may also be a profile as GET shows it. Chargers that
    use the profile follow the change at once. The service refuses a field that would have no effect."""
    for pointer, why in without_effect(body).items():
        raise ProfileFieldWithoutEffect(f"{pointer} {why}; leave it out.", pointer=pointer)
    profile = body.build(name, evidence=Evidence.OPERATOR, source="put by an operator")
    definition = msgspec.json.encode(body_of(profile), order="sorted").decode()
    done = await call(handler, PutProfile(name=name, definition=definition, expected_version=call.expected_version))
    return ProfilePut.of(profile, version=done.version)


@router.delete(
    "/profiles/{name}",
    operation_id="remove_profile",
    dependencies=requires(ADMINS),
    status_code=204,
    response_class=Response,
)
async def remove_profile(
    name: str, call: ChangeCall, handler: Annotated[Handler, provided(lambda c: c.commands.remove_profile)]
) -> None:
    """Remove the profile. The service refuses this while a charger uses it."""
    await call(handler, RemoveProfile(name=name, expected_version=call.expected_version))
