"""`/v1/chargers/{charger_id}/enrolment-session`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi.responses import Response
from pydantic import Field

from access_policy.application.commands.arm_enrolment import ArmEnrolment, CancelEnrolment
from access_policy.application.ports.views import Row
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import Clock, Handler, Views, provided
from access_policy.entrypoints.http.fields import RequestModel, ResponseModel, UtcInstant
from access_policy.entrypoints.http.responses import not_found
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["enrolment"])

State = Literal["armed", "offered", "enrolled", "expired", "cancelled"]


class EnrolmentSessionBody(RequestModel):
    minutes: Annotated[int, Field(strict=True)] = 5
    kind: IdentifierKind | None = None


class OfferedIdentifier(ResponseModel):
    denied_id: str
    kind: IdentifierKind
    masked: str
    seen_at: UtcInstant
    attempt_id: str


class EnrolmentSession(ResponseModel):
    session_id: str
    charger_id: str
    state: State
    armed_at: UtcInstant
    armed_by: str
    expires_at: UtcInstant
    offered: OfferedIdentifier | None
    other_mac: Annotated[
        OfferedIdentifier | None,
        Field(
            description=(
                "Another, new MAC that was denied at the charger at most 30 minutes after the enrolled MAC was "
                "presented, while that has not been verified by a start. The vehicle probably changes its MAC at each "
                "connection, so a MAC cannot identify it: enrol a card or a PIN, or use Plug & Charge. Null if there is none."
            )
        ),
    ]
    denied_id: str | None
    vehicle_id: str | None

    @classmethod
    def of(cls, row: Row, now: datetime) -> EnrolmentSession:
        state = _state(row, now)
        offered = None
        if state in ("offered", "enrolled"):
            offered = OfferedIdentifier(
                denied_id=row["offered_pseudonym"],
                kind=row["offered_kind"],
                masked=row["offered_masked"],
                seen_at=row["offered_at"],
                attempt_id=row["offered_attempt_id"],
            )
        return cls(
            session_id=row["session_id"],
            charger_id=row["charger_id"],
            state=state,
            armed_at=row["armed_at"],
            armed_by=row["armed_by"],
            expires_at=row["expires_at"],
            offered=offered,
            other_mac=_denied_mac(row["other_mac"]) if state == "enrolled" else None,
            denied_id=None if offered is None else offered.denied_id,
            vehicle_id=row["enrolled_vehicle_id"] if state == "enrolled" else None,
        )


@router.post(
    "/chargers/{charger_id}/enrolment-session",
    operation_id="arm_enrolment",
    dependencies=requires(OPERATORS),
    status_code=201,
)
async def arm_enrolment(
    charger_id: str,
    body: EnrolmentSessionBody,
    call: CommandCall,
    views: Views,
    clock: Clock,
    handler: Annotated[Handler, provided(lambda c: c.commands.arm_enrolment)],
) -> EnrolmentSession:
    """Arm the charger: the next unknown identifier presented there is offered for enrolment. This replaces an earlier
    session of the charger. `kind: mac` is refused at a charger that does not support Autocharge."""
    command = ArmEnrolment(charger_id=ChargerId(charger_id), minutes=body.minutes, kind=body.kind)
    done = await handler(call.context, command)
    await call.settled(done.position)
    return await _session(views, call.caller.tenant_id, charger_id, clock.now())


@router.get(
    "/chargers/{charger_id}/enrolment-session", operation_id="get_enrolment_session", dependencies=requires(READERS)
)
async def get_enrolment_session(caller: Caller, views: Views, clock: Clock, charger_id: str) -> EnrolmentSession:
    """Return the charger's latest enrolment session. Changes nothing."""
    return await _session(views, caller.tenant_id, charger_id, clock.now())


@router.delete(
    "/chargers/{charger_id}/enrolment-session",
    operation_id="cancel_enrolment",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def cancel_enrolment(
    charger_id: str, call: CommandCall, handler: Annotated[Handler, provided(lambda c: c.commands.cancel_enrolment)]
) -> None:
    """End the charger's enrolment session. Cancelling one that is over changes nothing; 404 if none was ever armed."""
    await call(handler, CancelEnrolment(charger_id=ChargerId(charger_id)))


async def _session(views: Views, tenant_id: TenantId, charger_id: str, now: datetime) -> EnrolmentSession:
    row = await views.enrolment_session(tenant_id, ChargerId(charger_id))
    if row is None:
        raise not_found("enrolment session")
    return EnrolmentSession.of(row, now)


def _denied_mac(group: Row | None) -> OfferedIdentifier | None:
    if group is None:
        return None
    return OfferedIdentifier(
        denied_id=group["pseudonym"],
        kind=group["kind"],
        masked=group["masked"],
        seen_at=group["last_seen_at"],
        attempt_id=group["last_attempt_id"],
    )


def _state(row: Row, now: datetime) -> State:
    """Return the state of a session. An identifier presented after the session's end was not offered; one offered in
    time may be enrolled later."""
    if row["cancelled_at"] is not None:
        return "cancelled"
    if row["offered_at"] is not None and row["offered_at"] < row["expires_at"]:
        return "offered" if row["enrolled_vehicle_id"] is None else "enrolled"
    return "armed" if now < row["expires_at"] else "expired"
