"""Who may call what: one reviewed table. An operation that is not in it cannot be served (a test lists them all)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from access_policy.application.context import Context
from access_policy.application.ports.identity import Identity, Role, TokenRefused
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.services import HttpServices

READERS = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.SERVICE})
OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})

ROLES: dict[str, frozenset[Role]] = {
    "metrics": frozenset({Role.INSTALLATION}),
    "put_depot": ADMINS,
    "get_depot": READERS,
    "list_depots": READERS,
    "put_calendar": OPERATORS,
    "get_calendar": READERS,
    "list_calendars": READERS,
    "remove_calendar": OPERATORS,
    "put_charger": ADMINS,
    "get_charger": READERS,
    "list_chargers": READERS,
    "retire_charger": ADMINS,
    "rotate_password": ADMINS,
    "get_timeline": READERS,
    "schedule_mode": OPERATORS,
    "amend_mode_rule": OPERATORS,
    "withdraw_mode_rule": OPERATORS,
    "schedule_mode_for_many": OPERATORS,
    "copy_policy": OPERATORS,
    "add_exception": OPERATORS,
    "remove_exception": OPERATORS,
    "override_mode": OPERATORS,
    "lift_override": OPERATORS,
    "put_agreement": OPERATORS,
    "get_agreement": READERS,
    "list_agreements": READERS,
    "end_agreement": OPERATORS,
    "put_vehicle": OPERATORS,
    "get_vehicle": READERS,
    "list_vehicles": READERS,
    "remove_vehicle": OPERATORS,
    "suspend_vehicle": OPERATORS,
    "reinstate_vehicle": OPERATORS,
    "decide_access": frozenset({Role.SERVICE, Role.ADMIN, Role.OPERATOR}),  # an operator may only dry-run
    "end_session": OPERATORS,
    "list_access_events": READERS,
    "get_access_event": READERS,
    "list_faults": READERS,
    "list_pin_lockouts": READERS,
    "report_access": READERS,
    "report_mode_compliance": READERS,
    "list_mode_changes": READERS,
    "ask_what_if": OPERATORS,
    "list_denied_identifiers": READERS,  # values are for operators
    "enrol_identifier": OPERATORS,
    "arm_enrolment": OPERATORS,
    "get_enrolment_session": READERS,
    "cancel_enrolment": OPERATORS,
    "plan_registry_import": OPERATORS,
    "get_registry_import": OPERATORS,
    "apply_registry_import": OPERATORS,
    "export_registry": OPERATORS,
    "list_profiles": READERS,
    "get_profile": READERS,
    "put_profile": ADMINS,
    "remove_profile": ADMINS,
    "probe_charger": OPERATORS,
    "take_event": frozenset({Role.SERVICE, Role.ADMIN}),
}

bearer = HTTPBearer(auto_error=False, description="A token for a tenant and a role")


def services_of(request: Request) -> HttpServices:
    found: HttpServices = request.app.state.services
    return found


def identity_of(request: Request, _: Annotated[object, Depends(bearer)]) -> Identity:
    """The caller, allowed to use this operation. 401 without a valid token, 403 with too small a role."""
    identity = authenticated(request)
    operation = request.scope["route"].operation_id
    if identity.role not in ROLES[operation]:
        needed = ", ".join(sorted(ROLES[operation]))
        raise ApiProblem(HTTPStatus.FORBIDDEN, "role-too-small", f"This needs one of the roles {needed}.")
    return identity


def authenticated(request: Request) -> Identity:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized("Send a token as 'Authorization: Bearer …'.")
    try:
        return services_of(request).tokens.verify(token.strip())
    except TokenRefused as refused:
        raise _unauthorized("The token is not valid here or not valid any more; get a new one.") from refused


def _unauthorized(detail: str) -> ApiProblem:
    challenge = {"WWW-Authenticate": 'Bearer realm="access-policy"'}
    return ApiProblem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers=challenge)


Services = Annotated[HttpServices, Depends(services_of)]
Caller = Annotated[Identity, Depends(identity_of)]


def context_of(request: Request, caller: Identity) -> Context:
    return Context(
        tenant_id=caller.tenant_id,
        actor=caller.subject,
        correlation_id=request.state.request_id,
        command_seed=getattr(request.state, "command_seed", None),
    )
