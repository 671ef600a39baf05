"""`/v1/api-keys`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Request
from fastapi.responses import Response

from access_policy.application.commands.create_api_key import CreateApiKey, CreateApiKeyHandler
from access_policy.application.commands.revoke_api_key import RevokeApiKey, RevokeApiKeyHandler
from access_policy.application.ports import api_keys
from access_policy.application.ports.identity import Role
from access_policy.domain.ids import DepotId
from access_policy.entrypoints.http.auth import ADMINS, Caller, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import Clock, provided
from access_policy.entrypoints.http.fields import Instant, Page, RequestModel, ResponseModel, Text, UtcInstant
from access_policy.entrypoints.http.idempotency_keys import keep_instead
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["API keys"])

State = Literal["valid", "expired", "revoked"]
RoleOfKey = Literal["viewer", "operator", "admin", "service", "auditor"]
Keys = Annotated[api_keys.ApiKeys, provided(lambda c: c.records.api_keys)]


class ApiKeyBody(RequestModel):
    """Without `depot_ids` the key is valid for all depots of the tenant; without `expires_at` it expires in 90 days."""

    name: Text
    role: RoleOfKey
    depot_ids: list[Text] | None = None
    expires_at: Instant | None = None


class ApiKey(ResponseModel):
    key_id: str
    name: str
    role: RoleOfKey
    depot_ids: list[str] | None
    state: State
    created_at: UtcInstant
    created_by: str
    expires_at: UtcInstant
    last_used_at: UtcInstant | None
    revoked_at: UtcInstant | None
    revoked_by: str | None


class CreatedApiKey(ApiKey):
    """A new API key. `key` is the key itself; null in the response to a repeated request, because it is shown only
    once."""

    key: str | None


@router.post(
    "/api-keys", operation_id="create_api_key", dependencies=requires(ADMINS, some_depots=True), status_code=201
)
async def create_api_key(
    request: Request,
    response: Response,
    body: ApiKeyBody,
    call: CommandCall,
    clock: Clock,
    handler: Annotated[CreateApiKeyHandler, provided(lambda c: c.commands.create_api_key)],
) -> CreatedApiKey:
    """Create a key for a machine, which sends it as its bearer token. The service stores only a hash and cannot show
    the key again: the response to a repetition with the same `Idempotency-Key` does not contain it."""
    command = CreateApiKey(
        name=body.name,
        role=Role(body.role),
        depots=None if body.depot_ids is None else frozenset(map(DepotId, body.depot_ids)),
        caller_depots=call.caller.depots,
        expires_at=body.expires_at,
    )
    created = await handler(call.context, command)
    shown = CreatedApiKey(**_fields(created.key, clock), key=created.text)
    keep_instead(request, shown.model_copy(update={"key": None}).model_dump_json().encode())
    response.headers["Cache-Control"] = "no-store"
    return shown


@router.get("/api-keys", operation_id="list_api_keys", dependencies=requires({*ADMINS, Role.AUDITOR}, some_depots=True))
async def list_api_keys(caller: Caller, keys: Keys, clock: Clock) -> Page[ApiKey]:
    """List all keys of the tenant, newest first, including expired and revoked ones. `last_used_at` is up to two
    minutes old."""
    found = await keys.of_tenant(caller.tenant_id)
    items = [ApiKey(**_fields(each, clock)) for each in found if each.is_within(caller.depots)]
    return Page[ApiKey](items=items, next_cursor=None)


@router.delete(
    "/api-keys/{key_id}",
    operation_id="revoke_api_key",
    dependencies=requires(ADMINS, some_depots=True),
    status_code=204,
    response_class=Response,
)
async def revoke_api_key(
    key_id: str,
    call: CommandCall,
    handler: Annotated[RevokeApiKeyHandler, provided(lambda c: c.commands.revoke_api_key)],
) -> None:
    """Revoke the key: no process accepts it from now on. Revoking it again changes nothing."""
    await handler(call.context, RevokeApiKey(key_id=key_id, caller_depots=call.caller.depots))


def _fields(key: api_keys.ApiKey, clock: Clock) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "role": key.role.value,
        "depot_ids": None if key.depots is None else sorted(key.depots),
        "state": _state(key, clock),
        "created_at": key.created_at,
        "created_by": key.created_by,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
        "revoked_by": key.revoked_by,
    }


def _state(key: api_keys.ApiKey, clock: Clock) -> State:
    if key.revoked_at is not None:
        return "revoked"
    return "valid" if key.is_valid(clock.now()) else "expired"
