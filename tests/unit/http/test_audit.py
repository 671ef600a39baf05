"""`/v1/audit`: changes with old and new values, readings of identifier values, and their export."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request

import access_policy
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import Role
from access_policy.domain.audit.readings import IdentifierValuesShown
from access_policy.entrypoints.http.origins import FORWARDED_ADDRESS, address_of
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import CHARGER, DEPOT, NIGHTS, STRANGER


async def entries(api: HttpApi, query: str = "", **how: Any) -> list[Any]:
    await api.settled()
    answer = await api.get(f"/v1/audit?{query}", **how)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_audit_amended_depot_shows_old_and_new_values_and_the_request(api: HttpApi) -> None:
    headers = {"X-Request-Id": "req-1", "Idempotency-Key": "key-1"}
    await api.send("PUT", "/v1/depots/north", {**DEPOT, "name": "South", "language": "de"}, headers=headers)

    (entry, registered) = await entries(api, "subject_kind=depot")

    assert entry["changes"] == [
        {"field": "name", "old": "North", "new": "South"},
        {"field": "language", "old": "en", "new": "de"},
    ]
    assert entry["event"] == "depot_amended"
    assert entry["actor"] == "tester"
    assert entry["request"] == {
        "request_id": "req-1",
        "operation": "put_depot",
        "address": "127.0.0.1",
        "idempotency_key": "key-1",
    }
    assert {"field": "time zone", "old": None, "new": "Europe/Berlin"} in registered["changes"]


async def test_audit_withdrawn_rule_shows_all_it_had_as_old_values(api: HttpApi) -> None:
    rule = (await api.send("POST", "/v1/chargers/bay-1/mode-rules", NIGHTS)).json()["rule_id"]
    await api.send("DELETE", f"/v1/chargers/bay-1/mode-rules/{rule}")

    (entry,) = await entries(api, "operation=withdraw_mode_rule")

    assert entry["part"] == f"rule {rule}"
    assert {"field": "mode", "old": "managed", "new": None} in entry["changes"]
    assert {each["new"] for each in entry["changes"]} == {None}


async def test_audit_thing_made_again_has_no_old_values(api: HttpApi) -> None:
    await api.send("DELETE", "/v1/vehicles/bus-7")
    await api.send("PUT", "/v1/vehicles/bus-7", {"name": "Bus 7", "access_class": "own"})

    again, *_ = await entries(api, "operation=vehicle_registered&subject_id=bus-7")

    assert {"field": "name", "old": None, "new": "Bus 7"} in again["changes"]


async def test_audit_filters_by_time_actor_subject_and_operation(api: HttpApi) -> None:
    clock: Any = api.container.clock()
    clock.forward(hours=1)
    at = clock.now()
    await api.send("PUT", "/v1/chargers/bay-1", {**CHARGER, "baseline_mode": "freevend"})
    since = at.isoformat().replace("+00:00", "Z")
    until = (at + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")

    assert [each["event"] for each in await entries(api, f"from={since}&until={until}")] == ["charger_amended"]
    assert len(await entries(api, f"until={since}")) > 5
    assert await entries(api, "actor=nobody") == []
    assert {each["actor"] for each in await entries(api, "actor=tester")} == {"tester"}
    by_subject = await entries(api, "subject_kind=charger&subject_id=bay-1")
    assert [each["event"] for each in by_subject] == ["charger_amended", "charger_registered"]
    assert [each["subject_id"] for each in await entries(api, "operation=put_charger&limit=1")] == ["bay-1"]


async def test_audit_pages_hold_each_entry_once(api: HttpApi) -> None:
    everything = await entries(api, "limit=200")
    paged, cursor = [], ""
    while cursor is not None:
        page = (await api.get(f"/v1/audit?limit=3{cursor and f'&cursor={cursor}'}")).json()
        paged += page["items"]
        cursor = page["next_cursor"]

    assert paged == everything


@pytest.mark.parametrize(
    ("path", "shown_in", "values"),
    [
        ("/v1/vehicles/bus-7", "vehicle", 1),
        ("/v1/vehicles", "vehicle_list", 3),
        ("/v1/registry/export", "registry_export", 3),
    ],
)
async def test_values_shown_to_an_operator_are_recorded(api: HttpApi, path: str, shown_in: str, values: int) -> None:
    before = await api.position()
    answer = await api.get(path, role=Role.OPERATOR)

    (shown,) = await api.events_after(before)
    (entry, *_) = await entries(api, "kind=read")

    assert answer.is_success
    assert isinstance(shown, IdentifierValuesShown)
    assert (shown.shown_in, shown.values) == (shown_in, values)
    assert "bus-7" in shown.vehicle_ids
    assert {"field": "identifier values shown", "old": None, "new": str(values)} in entry["changes"]
    assert entry["request"]["address"] == "127.0.0.1"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.SERVICE])
async def test_vehicles_without_values_record_no_reading(api: HttpApi, role: Role) -> None:
    before = await api.position()
    answer = await api.get("/v1/vehicles", role=role)

    assert "value" not in answer.json()["items"][0]["identifiers"][0]
    assert await api.events_after(before) == []


async def test_vehicles_reading_that_cannot_be_recorded_leaves_values_out(api: HttpApi) -> None:
    store = api.container.stores.store()

    async def unavailable(_: object) -> int:
        raise StoreUnavailable("down")

    store.append = unavailable  # type: ignore[method-assign]
    one, many, export = [await api.get(path) for path in ("/v1/vehicles/bus-7", "/v1/vehicles", "/v1/registry/export")]

    assert "value" not in one.json()["identifiers"][0]
    assert all("value" not in each for vehicle in many.json()["items"] for each in vehicle["identifiers"])
    assert export.status_code == 503
    assert "04A1B2C3D4E5F6" not in one.text + many.text + export.text


async def test_export_has_the_entries_of_the_list_as_csv_and_json_lines(api: HttpApi) -> None:
    await api.send("PUT", "/v1/depots/north", {**DEPOT, "name": "=South"})
    listed = await entries(api, "limit=200")

    as_csv = await api.get("/v1/audit/export", role=Role.AUDITOR)
    as_lines = await api.get("/v1/audit/export?format=jsonl", role=Role.AUDITOR)
    rows = list(csv.DictReader(io.StringIO(as_csv.text.removeprefix("\ufeff"))))
    lines = [json.loads(line) for line in as_lines.text.splitlines()]

    assert [row["event_id"] for row in rows] == [line["event_id"] for line in lines]
    assert [line["event_id"] for line in lines] == [each["event_id"] for each in listed]
    assert [line["changes"] for line in lines] == [each["changes"] for each in listed]
    assert rows[0]["changes"] == "name North becomes =South"


async def test_export_of_nothing_has_a_header_only(empty_api: HttpApi) -> None:
    as_csv = await empty_api.get("/v1/audit/export?bom=false")

    assert as_csv.text.startswith("recorded_at,kind,event")
    assert len(as_csv.text.splitlines()) == 1
    assert (await empty_api.get("/v1/audit/export?format=jsonl")).text == ""


async def test_audit_of_another_tenant_shows_nothing(api: HttpApi) -> None:
    assert await entries(api, tenant="other") == []
    assert (await api.get("/v1/audit/export?format=jsonl", tenant="other")).text == ""


async def test_denied_identifiers_shown_with_values_are_recorded_by_pseudonym(api: HttpApi) -> None:
    decided = {"charger_id": "bay-1", "identifier": STRANGER}
    await api.send("POST", "/v1/access-decisions", decided)
    await api.settled()
    before = await api.position()
    (group,) = (await api.get("/v1/denied-identifiers", role=Role.OPERATOR)).json()["items"]
    await api.get("/v1/denied-identifiers", role=Role.VIEWER)

    (shown,) = await api.events_after(before)

    assert group["value"] == "04FFFFFFFFFFFF"
    assert (shown.shown_in, shown.values, shown.pseudonyms) == ("denied_identifiers", 1, (group["denied_id"],))


def test_values_are_unsealed_only_where_a_reading_is_recorded_or_a_charger_receives_them() -> None:
    """A new place where values leave the service records them, or has a reason here."""
    recorded = {"entrypoints/http/v1/vehicle_models.py", "application/queries/registry_export.py"}
    to_chargers = {
        "application/charger_reservations/holders.py",  # ReserveNow names the holder's identifier
        "application/local_lists/wanted_lists.py",
    }
    root = Path(access_policy.__file__).parent

    found = {
        str(file.relative_to(root)) for file in root.rglob("*.py") if re.search(r"\.unseal(_many)?\(", file.read_text())
    }

    assert found - {"adapters/records/vehicle_vault.py"} == recorded | to_chargers


@pytest.mark.parametrize(
    ("peer", "claimed", "address"),
    [
        (("192.0.2.7", 5), None, "192.0.2.7"),
        (None, "192.0.2.7", "192.0.2.7"),
        (("198.51.100.1", 5), "192.0.2.7", "192.0.2.7 by 198.51.100.1"),
        (("198.51.100.1", 5), "<script>", "198.51.100.1"),
        (None, None, "unknown"),
    ],
)
def test_address_of_a_request_never_hides_the_peer(
    peer: tuple[str, int] | None, claimed: str | None, address: str
) -> None:
    headers = [] if claimed is None else [(FORWARDED_ADDRESS.lower().encode(), claimed.encode())]

    assert address_of(Request({"type": "http", "client": peer, "headers": headers})) == address
