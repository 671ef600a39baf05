"""`/v1/chargers`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, Field, StringConstraints

from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.retire_charger import RetireCharger
from access_policy.application.commands.rotate_password import RotatePassword, RotatePasswordHandler
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.views import PAGE_MAX
from access_policy.application.queries.charger_sync import Sync
from access_policy.domain.access_mode import AccessMode, Enforcement, OfflineStarts, OnStoreOutage, OnWindowStart
from access_policy.domain.ids import ChargePointId, ChargerId, DepotId
from access_policy.entrypoints.http.auth import ADMINS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import ChangeCall, CommandCall, PutCall
from access_policy.entrypoints.http.dependencies import Handler, Process, Views, provided
from access_policy.entrypoints.http.fields import (
    TEXT_MAX,
    Instant,
    Page,
    RequestModel,
    Text,
    without_control_characters,
)
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.responses import PASSED_ON, created, set_etag
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.charger_models import Charger, ChargerNowOrThen, ChargerStatus
from access_policy.entrypoints.http.v1.charger_reader import Chargers

router = api_router(tags=["chargers"])

SHOWN_AT_A_TIME = 20  # chargers, each with its timeline, in one iteration of the event loop
PAGES_SEARCHED = 10  # of the read model, for one page of chargers with a `sync`


class ChargerBody(RequestModel):
    """A field that is left out keeps its value, or gets its default for a new charger."""

    charge_point_id: Annotated[str, StringConstraints(max_length=TEXT_MAX)]
    depot_id: Text
    profile: Text
    baseline_mode: AccessMode
    enforcement: Enforcement | None = None
    connectors: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    on_window_start: OnWindowStart | None = None
    on_store_outage: OnStoreOutage | None = None
    offline_starts: OfflineStarts | None = None
    reservation_only: Annotated[bool, Field(strict=True)] | None = None
    password: (
        Annotated[str, StringConstraints(min_length=8, max_length=64), AfterValidator(without_control_characters)]
        | None
    ) = None

    def command(self, charger_id: str, *, expected_version: int | None) -> PutCharger:
        return PutCharger(
            charger_id=ChargerId(charger_id),
            charge_point_id=ChargePointId(self.charge_point_id),
            depot_id=DepotId(self.depot_id),
            profile=self.profile,
            baseline_mode=self.baseline_mode,
            enforcement=self.enforcement,
            connectors=self.connectors,
            on_window_start=self.on_window_start,
            on_store_outage=self.on_store_outage,
            offline_starts=self.offline_starts,
            reservation_only=self.reservation_only,
            password=self.password,
            expected_version=expected_version,
        )


@router.put(
    "/chargers/{charger_id}", operation_id="put_charger", dependencies=requires(ADMINS), responses=created(Charger)
)
async def put_charger(
    charger_id: str,
    body: ChargerBody,
    call: PutCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_charger)],
    chargers: Chargers,
) -> Charger:
    """Register a charger, or replace the settings of the one with this id. An optional field that is left out keeps its
    value. Settings that are already recorded record nothing. 409 if another charger has the charge point id."""
    command = body.command(charger_id, expected_version=call.expected_version)
    done = await call(handler, command)
    shown = await chargers.charger(call.caller.tenant_id, command.charger_id)
    return shown.model_copy(update={"version": done.version})


@router.get("/chargers/{charger_id}", operation_id="get_charger", dependencies=requires(READERS))
async def get_charger(
    caller: Caller,
    chargers: Chargers,
    charger_id: str,
    response: Response,
    as_of: Annotated[Instant | None, Query()] = None,
) -> ChargerNowOrThen:
    """Get the charger; with `as_of`, as it was recorded at that instant."""
    if as_of is not None:
        return ChargerNowOrThen(await chargers.charger_as_of(caller.tenant_id, ChargerId(charger_id), as_of))
    shown = await chargers.charger(caller.tenant_id, ChargerId(charger_id))
    set_etag(response, shown.version)
    return ChargerNowOrThen(shown)


@router.get("/chargers", operation_id="list_chargers", dependencies=requires(READERS, some_depots=True))
async def list_chargers(
    caller: Caller,
    views: Views,
    chargers: Chargers,
    depot_id: Annotated[str | None, Query(max_length=64)] = None,
    sync: Annotated[Sync | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ChargerStatus]:
    """List chargers by id, at most `limit` per page. `sync` filters by the present state and searches up to 2,000
    chargers for one page: such a page may have fewer items than `limit`, and `next_cursor` continues from there."""
    items: list[ChargerStatus] = []
    for _ in range(PAGES_SEARCHED):
        size = limit if sync is None else PAGE_MAX
        found = await views.chargers(caller.tenant_id, depot_id=depot_id, cursor=cursor, limit=size)
        cursor = found.next_cursor
        charging = await chargers.charging(caller.tenant_id, found.items)
        async for number, row in cooperatively(list(enumerate(found.items, 1)), at_a_time=SHOWN_AT_A_TIME):
            shown = await chargers.status(caller.tenant_id, row, charging)
            if shown is not None and sync in (None, shown.sync):
                items.append(shown)
            if len(items) == limit and number < len(found.items):
                return Page(items=items, next_cursor=views.cursor_after_charger(row["charger_id"]))
        if sync is None or cursor is None or len(items) == limit:
            break
    return Page(items=items, next_cursor=cursor)


@router.delete(
    "/chargers/{charger_id}",
    operation_id="retire_charger",
    dependencies=requires(ADMINS),
    status_code=204,
    response_class=Response,
)
async def retire_charger(
    charger_id: str, call: ChangeCall, handler: Annotated[Handler, provided(lambda c: c.commands.retire_charger)]
) -> None:
    """Take the charger out of service permanently. Its charge point id becomes free and its password is deleted; what it
    recorded stays. Retiring it again changes nothing."""
    await call(handler, RetireCharger(charger_id=ChargerId(charger_id), expected_version=call.expected_version))


@router.post(
    "/chargers/{charger_id}/rotate-password",
    operation_id="rotate_password",
    dependencies=requires(ADMINS),
    responses=PASSED_ON,
    status_code=204,
    response_model=None,
    response_class=Response,
)
async def rotate_password(
    request: Request,
    charger_id: str,
    call: CommandCall,
    process: Process,
    rotate: Annotated[RotatePasswordHandler, provided(lambda c: c.commands.rotate_password)],
) -> Response | None:
    """Give the charger a new password over its connection. The old password stays valid until the charger has used the new
    one. The service never shows the new password."""
    passed_on = await process.peers.answer_or_refusal(request, (call.caller.tenant_id, ChargerId(charger_id)))
    if passed_on is None:
        await rotate(call.context, RotatePassword(charger_id=ChargerId(charger_id)))
    return passed_on
