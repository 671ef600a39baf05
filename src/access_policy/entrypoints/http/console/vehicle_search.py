"""Find vehicles by anything that an operator may know about them: id, part of the name, any spelling of an identifier,
agreement."""

from __future__ import annotations

from collections.abc import Sequence

from access_policy.application.ports.views import Page, Row
from access_policy.domain.ids import VehicleId
from access_policy.entrypoints.http.console.here import Visit
from access_policy.entrypoints.http.v1.vehicle_models import VehicleReader


async def find_vehicles(
    here: Visit, vehicles: VehicleReader, text: str, *, access_class: str | None, cursor: str | None, limit: int
) -> Page:
    """Return exact matches first, then the others by id. An empty text finds all vehicles."""
    tenant_id, views = here.caller.tenant_id, vehicles.views
    named = await views.vehicles(tenant_id, name=text or None, access_class=access_class, cursor=cursor, limit=limit)
    if not text or cursor is not None:
        return named
    exact: list[Row] = []
    if (by_id := await views.vehicle(tenant_id, VehicleId(text))) is not None:
        exact.append(by_id)
    pseudonyms = vehicles.spellings(tenant_id, text)
    if pseudonyms:
        exact += (await views.vehicles(tenant_id, pseudonyms=pseudonyms, limit=limit)).items
    exact += (await views.vehicles(tenant_id, agreement_id=text, limit=limit)).items
    of_class = [row for row in exact if access_class in (None, row["access_class"])]
    return Page(_once([*of_class, *named.items]), named.next_cursor)


def _once(rows: Sequence[Row]) -> list[Row]:
    return list({row["vehicle_id"]: row for row in rows}.values())
