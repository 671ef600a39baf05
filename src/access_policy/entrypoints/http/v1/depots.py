"""`/v1/depots`."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from fastapi import Response
from pydantic import Field, StringConstraints

from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.ports.views import Row
from access_policy.domain.depots.depot import EXCLUSIVE_KINDS, SESSION_MAX_AGE_HOURS, DepotSettings
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import DepotId
from access_policy.entrypoints.http.auth import ADMINS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import PutCall
from access_policy.entrypoints.http.dependencies import Handler, Views, provided
from access_policy.entrypoints.http.fields import Page, RequestModel, ResponseModel, Text, Version
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.responses import created, not_found, set_etag
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["depots"])


class DepotBody(RequestModel):
    """All settings of the depot; a field that is left out gets its default. An empty `identifier_kinds` means all kinds."""

    name: Text
    time_zone: Text
    language: Text = "en"
    longest_override_days: int = Field(default=7, strict=True)
    session_max_age_hours: int = Field(
        default=SESSION_MAX_AGE_HOURS,
        strict=True,
        description="A session without energy for this long is ended as lost",
    )
    identifier_kinds: frozenset[IdentifierKind] = frozenset()
    exclusive_kinds: frozenset[IdentifierKind] = EXCLUSIVE_KINDS
    partner_reports_include_denials: bool = Field(
        default=False,
        strict=True,
        description="Whether a report for the partner of an agreement (`agreement_id`) also counts denied attempts here",
    )
    digest_at: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = Field(
        default=None, description="The local time, such as 06:30, at which DepotDigestMade summarises the last 24 hours"
    )

    def settings(self) -> DepotSettings:
        digest_at = None if self.digest_at is None else time.fromisoformat(self.digest_at)
        return DepotSettings(**{**dict(self), "digest_at": digest_at})


class Depot(ResponseModel):
    depot_id: str
    name: str
    time_zone: str
    language: str
    longest_override_days: int
    session_max_age_hours: int
    identifier_kinds: list[IdentifierKind]
    exclusive_kinds: list[IdentifierKind]
    partner_reports_include_denials: bool
    digest_at: str | None
    version: Version


@router.put("/depots/{depot_id}", operation_id="put_depot", dependencies=requires(ADMINS), responses=created(Depot))
async def put_depot(
    depot_id: str, body: DepotBody, call: PutCall, handler: Annotated[Handler, provided(lambda c: c.commands.put_depot)]
) -> Depot:
    """Register a depot, or replace the settings of the one with this id. Its chargers follow a new time zone. Settings
    that are already recorded record nothing."""
    settings = body.settings()
    command = PutDepot(depot_id=DepotId(depot_id), settings=settings, expected_version=call.expected_version)
    done = await call(handler, command)
    return Depot(
        depot_id=depot_id,
        name=settings.name,
        time_zone=settings.time_zone,
        language=settings.language,
        longest_override_days=settings.longest_override_days,
        session_max_age_hours=settings.session_max_age_hours,
        identifier_kinds=sorted(settings.identifier_kinds),
        exclusive_kinds=sorted(settings.exclusive_kinds),
        partner_reports_include_denials=settings.partner_reports_include_denials,
        digest_at=None if settings.digest_at is None else f"{settings.digest_at:%H:%M}",
        version=done.version,
    )


@router.get("/depots/{depot_id}", operation_id="get_depot", dependencies=requires(READERS))
async def get_depot(caller: Caller, views: Views, depot_id: str, response: Response) -> Depot:
    """Return one depot, with its version as `ETag`. Changes nothing."""
    row = await views.depot(caller.tenant_id, DepotId(depot_id))
    if row is None:
        raise not_found("depot")
    set_etag(response, row["version"])
    return _depot(row)


@router.get("/depots", operation_id="list_depots", dependencies=requires(READERS, some_depots=True))
async def list_depots(caller: Caller, views: Views, cursor: Cursor = None, limit: Limit = 50) -> Page[Depot]:
    """List the depots by id. Changes nothing."""
    found = await views.depots(caller.tenant_id, cursor=cursor, limit=limit)
    return Page(items=[_depot(row) for row in found.items], next_cursor=found.next_cursor)


def _depot(row: Row) -> Depot:
    return Depot(**{name: row[name] for name in Depot.model_fields})
