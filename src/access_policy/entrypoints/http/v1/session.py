"""`/v1/session`."""

from __future__ import annotations

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.http.auth import Caller, requires
from access_policy.entrypoints.http.fields import ResponseModel
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["session"])


class Session(ResponseModel):
    """The caller. `tenant_id` is null for the role `installation`; `depot_ids` null: all depots of the tenant."""

    subject: str
    tenant_id: str | None
    role: Role
    depot_ids: list[str] | None


@router.get("/session", operation_id="show_session", dependencies=requires(frozenset(Role), some_depots=True))
async def show_session(caller: Caller) -> Session:
    """Show the caller, identified by a token or by the session in the cookie, and the caller's permissions."""
    return Session(
        subject=caller.subject,
        tenant_id=caller.tenant_id or None,
        role=caller.role,
        depot_ids=None if caller.depots is None else sorted(caller.depots),
    )
