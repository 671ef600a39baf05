"""Each answer of the API that shows identifier values to a person records a reading; no other answer shows any.

The operations that could show values are derived from the OpenAPI document: their answers have a schema with an identifier and
its value, or are files. A new one fails the first test until it has a place here; each is then called.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from access_policy.application.audit.readings import Readings
from access_policy.application.ports.identity import Role
from access_policy.domain.audit.readings import IdentifierValuesShown
from tests.support.http_api import HttpApi, http_api
from tests.support.marked_tenant import MarkedTenant
from tests.support.operations import roles_of

TENANT, KNOWN, SECRET = "acme-depots", "zqknown", "zqsecret"
CARD, DENIED = "04A1B2C3D4E5F6", f"{SECRET}-tag"
VALUES: Final = re.compile(f"{CARD}|{CARD[::-1]}|{DENIED}", re.IGNORECASE)
"""Of the tenant's identifiers, without the separators that some spellings have."""

RECORDED: Final = frozenset({"get_vehicle", "list_vehicles", "list_denied_identifiers", "export_registry"})
WITHOUT_VALUES: Final = {
    "put_vehicle": "the answer to a command, which is kept for its repetition",
    "suspend_vehicle": "the answer to a command",
    "reinstate_vehicle": "the answer to a command",
    "enrol_identifier": "the answer to a command",
    "report_access": "a file with masked identifiers",
    "report_mode_compliance": "a file without identifiers",
    "report_reservations": "a file without identifiers",
    "report_energy": "a file without identifiers",
    "report_unenrolled_identifiers": "masked identifiers",
    "export_chargers": "a file without identifiers of vehicles",
    "export_reservations": "a file without identifiers of vehicles",
    "export_audit": "a file with masked identifiers",
    "metrics": "numbers of the installation",
    "stream": "items of other lists, with masked identifiers",
}
QUERIES: Final = {
    "stream": "follow=false&last_event_id=0",
    "get_timeline": "from=2026-11-01T00:00:00Z&until=2026-11-30T00:00:00Z",
    "get_availability": "from=2026-11-18T00:00:00Z&until=2026-11-30T00:00:00Z",
    "report_access": "from=2026-11-01T00:00:00Z&until=2026-11-30T00:00:00Z&group_by=charger,reason",
    "report_mode_compliance": "from=2026-11-01T00:00:00Z&until=2026-11-30T00:00:00Z&group_by=charger",
    "report_reservations": "from=2026-11-01T00:00:00Z&until=2026-11-30T00:00:00Z&group_by=charger",
    "report_energy": "from=2026-11-01T00:00:00Z&until=2026-11-30T00:00:00Z&part=lineage",
    "list_operating_envelopes": "depot_id=zqknown-depot",
    "report_unenrolled_identifiers": "from=2026-11-01T00:00:00Z&until=2026-11-30T00:00:00Z",
    "export_reservations": "depot_id=zqknown-depot",
}


def could_show_values(document: dict[str, Any]) -> set[str]:
    return {
        operation["operationId"]
        for _, _, operation in operations(document)
        for code, answer in operation["responses"].items()
        if code.startswith("2")
        for media_type, content in answer.get("content", {}).items()
        if media_type != "application/json" or shows_values(document, content.get("schema", {}), set())
    }


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def shows_values(document: dict[str, Any], schema: Any, seen: set[str]) -> bool:
    """Whether the schema, or one that it refers to, has an identifier (its kind, or its mask) beside a value."""
    match schema:
        case {"$ref": str(ref)}:
            name = ref.rpartition("/")[2]
            if name in seen:
                return False
            seen.add(name)
            return shows_values(document, document["components"]["schemas"][name], seen)
        case {"properties": {"value": _, **others}} if {"kind", "masked"} & others.keys():
            return True
        case dict():
            return any(shows_values(document, each, seen) for each in schema.values())
        case list():
            return any(shows_values(document, each, seen) for each in schema)
        case _:
            return False


@dataclass
class World:
    api: HttpApi
    tenant: MarkedTenant

    async def asked(self, method: str, path: str, query: str = "", body: Any = None) -> tuple[bool, int]:
        """Whether the answer shows a value, and the number of values in the readings that were recorded."""
        before = await self.api.position()
        url = path.format(**{"event_id": "none", **self.tenant.ids}) + (f"?{query}" if query else "")
        answer: httpx.Response = await self.api.send(method, url, body, tenant=TENANT)
        assert answer.is_success or answer.status_code in (404, 409), f"{url} {answer.text}"
        events = await self.api.events_after(before)
        readings = [each for each in events if isinstance(each, IdentifierValuesShown)]
        return VALUES.search(answer.text.replace(":", "")) is not None, sum(each.values for each in readings)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with http_api(tmp_path) as api:

        async def send(method: str, path: str, body: Any = None, **how: Any) -> httpx.Response:
            return await api.send(method, path, body, tenant=TENANT, **how)

        tenant = MarkedTenant(TENANT, KNOWN, SECRET, send, card=CARD)
        await tenant.seed(api.container.stores.store())
        await api.settled()
        yield World(api, tenant)


async def every_read(world: World) -> dict[str, tuple[bool, int]]:
    document = (await world.api.client.get("/openapi.json")).json()
    return {
        operation["operationId"]: await world.asked(method, path, QUERIES.get(operation["operationId"], ""))
        for method, path, operation in operations(document)
        if method == "GET" and path.startswith("/v1/") and Role.ADMIN in roles_of(operation["operationId"])
    }


async def test_operations_that_could_show_values_are_known(empty_api: HttpApi) -> None:
    document = (await empty_api.client.get("/openapi.json")).json()

    assert could_show_values(document) == RECORDED | WITHOUT_VALUES.keys()


async def test_reads_show_values_exactly_where_a_reading_is_recorded(world: World) -> None:
    asked = await every_read(world)

    assert {name for name, (is_shown, _) in asked.items() if is_shown} == RECORDED
    assert {name for name, (_, values) in asked.items() if values} == RECORDED


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/vehicles/{vehicle_id}", {"name": "Bus", "access_class": "own", "identifiers": None}),
        ("POST", "/v1/vehicles/{vehicle_id}/suspend", {"reason": "lost"}),
        ("POST", "/v1/vehicles/{vehicle_id}/reinstate", {"reason": "found"}),
        ("POST", "/v1/denied-identifiers/{denied_id}/enrol", {"vehicle_id": f"{KNOWN}-vehicle"}),
    ],
)
async def test_answers_to_commands_show_no_values(world: World, method: str, path: str, body: Any) -> None:
    assert await world.asked(method, path, body=body) == (False, 0)


async def test_read_that_shows_values_without_a_reading_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of all reads can fail: one records nothing."""

    async def records_nothing(*_: Any, **__: Any) -> None:
        return

    monkeypatch.setattr(Readings, "record", records_nothing)

    assert {
        name for name, (is_shown, values) in (await every_read(world)).items() if is_shown and not values
    } == RECORDED


def test_new_schema_with_a_value_is_found() -> None:
    """The first test can fail: also for a schema behind a list and a reference to itself."""
    card = {"properties": {"masked": {"type": "string"}, "value": {"type": "string"}}}
    page = {"properties": {"items": {"items": {"$ref": "#/components/schemas/Card"}}, "next": {"$ref": "#/x/Page"}}}
    document = {"components": {"schemas": {"Card": card, "Page": page}}, "paths": {}}
    answer = {"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/x/Page"}}}}}}
    document["paths"] = {"/v1/cards": {"get": {"operationId": "list_cards", **answer}}}

    assert could_show_values(document) == {"list_cards"}
