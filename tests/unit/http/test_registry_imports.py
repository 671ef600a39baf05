"""Importing a registry from a file: plan, review, apply exactly the plan; and exporting one."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from access_policy.application.ports.identity import Role
from access_policy.domain.vehicle_registry.events import (
    RegistryImportApplied,
    VehicleIdentifierAdded,
    VehicleIdentifierRemoved,
    VehicleReclassified,
    VehicleRegistered,
    VehicleRemoved,
)
from access_policy.entrypoints.http.middleware import IMPORT_MAX, IMPORT_PATHS
from access_policy.entrypoints.http.v1 import registry_imports
from tests.support.builders import NOON
from tests.support.http_api import HttpApi, http_api

HEADER = "vehicle_id,name,access_class,agreement_id,valid_from,valid_until,rfid,mac,emaid,pin,plate"
TRAM = "tram-1,Tram 1,own,,,,04-11-22-33-44-55-66,,,,"


async def plan(api: HttpApi, file: str | bytes, *, mode: str = "merge", **how: Any) -> httpx.Response:
    content = file.encode() if isinstance(file, str) else file
    headers = {"Content-Type": "text/csv", **how.pop("headers", {})}
    return await api.send("POST", f"/v1/registry/imports?mode={mode}", content=content, headers=headers, **how)


async def planned(api: HttpApi, *rows: str, header: str = HEADER, mode: str = "merge") -> dict[str, Any]:
    answer = await plan(api, "\n".join((header, *rows)) + "\n", mode=mode)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def apply(api: HttpApi, plan_id: str, body: Any = None, **how: Any) -> httpx.Response:
    return await api.send("POST", f"/v1/registry/imports/{plan_id}/apply", {} if body is None else body, **how)


async def export(api: HttpApi) -> str:
    answer = await api.get("/v1/registry/export")
    assert answer.status_code == 200
    return answer.text


async def identifiers(api: HttpApi, vehicle_id: str) -> list[str]:
    shown = (await api.get(f"/v1/vehicles/{vehicle_id}")).json()
    return [each.get("value", each["masked"]) for each in shown["identifiers"]]


# --- planning --------------------------------------------------------------------------------------------------------


async def test_a_plan_says_what_each_row_would_do_and_changes_nothing(api: HttpApi) -> None:
    before = await api.position()

    shown = await planned(api, TRAM, "bus-7,Bus seven,,,,,,,,,", "van-2,,,,,,,,,,", "cab-1,,own,,,,,,,,")

    assert shown["counts"] == {"add": 1, "change": 1, "remove": 0, "unchanged": 1, "error": 1}
    assert [(row["line"], row["action"], row["vehicle_id"]) for row in shown["rows"]] == [
        (2, "add", "tram-1"),
        (3, "change", "bus-7"),
        (4, "unchanged", "van-2"),
        (5, "error", "cab-1"),
    ]
    assert shown["rows"][1]["changes"] == {"name": {"before": "Bus 7", "after": "Bus seven"}}
    assert [error["column"] for error in shown["rows"][3]["errors"]] == ["name"]
    assert shown["state"] == "planned"
    assert await api.position() == before


async def test_a_plan_shows_identifiers_masked_only(api: HttpApi) -> None:
    answer = await plan(api, f"{HEADER}\n{TRAM}\n")

    assert answer.json()["rows"][0]["changes"]["rfid"] == {"before": [], "after": ["…5566"]}
    assert "04112233445566" not in answer.text


async def test_the_same_file_against_the_same_registry_is_the_same_plan(api: HttpApi) -> None:
    first, second = await planned(api, TRAM), await planned(api, TRAM)
    replacing = await planned(api, TRAM, mode="replace")
    await api.recorded(("PUT", "/v1/vehicles/tram-1", {"name": "Tram", "access_class": "own"}))
    later = await planned(api, TRAM)

    assert first["plan_id"] == second["plan_id"]
    assert len({first["plan_id"], replacing["plan_id"], later["plan_id"]}) == 3


async def test_a_plan_can_be_looked_at_later_by_action_and_not_by_another_tenant(api: HttpApi) -> None:
    made = await planned(api, TRAM, "bus-7,,,,,,,,,,")

    shown = (await api.get(f"/v1/registry/imports/{made['plan_id']}")).json()
    added = (await api.get(f"/v1/registry/imports/{made['plan_id']}?action=add")).json()
    other = await api.get(f"/v1/registry/imports/{made['plan_id']}", tenant="rival")

    assert shown == made
    assert [row["vehicle_id"] for row in added["rows"]] == ["tram-1"]
    assert other.status_code == 404


async def test_a_plan_expires_after_a_week(api: HttpApi) -> None:
    made = await planned(api, TRAM)
    api.container.clock().set(NOON + timedelta(days=7))  # type: ignore[attr-defined]

    assert (await api.get(f"/v1/registry/imports/{made['plan_id']}")).status_code == 404
    assert (await apply(api, made["plan_id"])).status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SERVICE])
async def test_only_operators_import_and_export(api: HttpApi, role: Role) -> None:
    made = await planned(api, TRAM)

    assert (await plan(api, f"{HEADER}\n{TRAM}\n", role=role)).status_code == 403
    assert (await api.get(f"/v1/registry/imports/{made['plan_id']}", role=role)).status_code == 403
    assert (await apply(api, made["plan_id"], role=role)).status_code == 403
    assert (await api.get("/v1/registry/export", role=role)).status_code == 403


# --- applying --------------------------------------------------------------------------------------------------------


async def test_applying_does_exactly_the_plan_and_says_so_in_one_event(api: HttpApi) -> None:
    made = await planned(api, TRAM, "bus-7,Bus seven,,,,,,,,,")
    before = await api.position()

    answer = await apply(api, made["plan_id"])

    events = await api.events_after(before)
    assert answer.status_code == 200
    assert answer.json()["state"] == "applied"
    assert answer.json()["result"]["applied"] == {"add": 1, "change": 1, "remove": 0}
    assert [type(event) for event in events] == [
        VehicleRegistered,
        VehicleIdentifierAdded,
        VehicleReclassified,
        RegistryImportApplied,
    ]
    assert events[-1].plan_id == made["plan_id"]
    assert (events[-1].added, events[-1].changed, events[-1].removed, events[-1].unchanged) == (1, 1, 0, 0)
    assert await identifiers(api, "tram-1") == ["04112233445566"]


async def test_every_event_of_an_import_names_the_plan_as_its_cause(api: HttpApi) -> None:
    made = await planned(api, TRAM)
    before = await api.position()
    await apply(api, made["plan_id"], headers={"X-Request-Id": "monday"})

    recorded = await api.container.stores.store().read_log(after=before, limit=100)

    assert {each.envelope.causation_id for each in recorded} == {made["plan_id"]}
    assert {each.envelope.correlation_id for each in recorded} == {"monday"}


async def test_applying_again_answers_the_first_result_and_changes_nothing_twice(api: HttpApi) -> None:
    made = await planned(api, TRAM)
    first = await apply(api, made["plan_id"])
    before = await api.position()

    second = await apply(api, made["plan_id"])

    assert second.json() == first.json()
    assert await api.position() == before
    assert (await api.get(f"/v1/registry/imports/{made['plan_id']}")).json()["rows"] == []


async def test_an_import_that_takes_long_is_answered_with_its_progress_and_ends_by_itself(
    api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_imports, "WAIT_S", 0.0)
    made = await planned(api, TRAM, "bus-7,Bus seven,,,,,,,,,")

    answer = await apply(api, made["plan_id"])
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == f"import {made['plan_id']}"))
    shown = (await api.get(f"/v1/registry/imports/{made['plan_id']}")).json()

    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["of"]) == ("applying", 2)
    assert (shown["state"], shown["done"], shown["of"]) == ("applied", 2, 2)


async def test_the_key_of_a_command_that_was_under_way_asks_for_its_end(
    api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, key = await planned(api, TRAM), {"Idempotency-Key": "k"}
    monkeypatch.setattr(registry_imports, "WAIT_S", 0.0)
    first = await apply(api, made["plan_id"], headers=key)
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == f"import {made['plan_id']}"))

    second, third = [await apply(api, made["plan_id"], headers=key) for _ in range(2)]

    assert [answer.status_code for answer in (first, second, third)] == [202, 200, 200]
    assert third.headers["Idempotent-Replayed"] == "true"


async def test_a_command_on_the_registry_waits_for_an_import_and_is_then_done(api: HttpApi) -> None:
    made = await planned(api, TRAM)

    applied, suspended = await asyncio.gather(
        apply(api, made["plan_id"]), api.send("POST", "/v1/vehicles/bus-7/suspend", {"reason": "sold"})
    )

    assert (applied.status_code, suspended.status_code) == (200, 200)


async def test_a_refused_plan_says_why_until_it_is_applied(api: HttpApi) -> None:
    made = await planned(api, TRAM, "cab-1,,own,,,,,,,,")
    await apply(api, made["plan_id"])

    shown = (await api.get(f"/v1/registry/imports/{made['plan_id']}")).json()

    assert shown["state"] == "planned"
    assert "1 row has errors" in shown["error"]


async def test_five_that_apply_one_plan_at_once_get_one_result(api: HttpApi) -> None:
    made = await planned(api, TRAM)
    before = await api.position()

    answers = await asyncio.gather(*(apply(api, made["plan_id"]) for _ in range(5)))

    assert {answer.status_code for answer in answers} == {200}
    assert len([e for e in await api.events_after(before) if isinstance(e, RegistryImportApplied)]) == 1


async def test_a_plan_like_one_that_was_applied_is_a_new_plan(api: HttpApi) -> None:
    first = await planned(api, TRAM)
    await apply(api, first["plan_id"])
    await api.send("DELETE", "/v1/vehicles/tram-1")

    again = await planned(api, TRAM)
    answer = await apply(api, again["plan_id"])

    assert again["plan_id"] != first["plan_id"]
    assert answer.status_code == 200
    assert await identifiers(api, "tram-1") == ["04112233445566"]


async def test_a_plan_whose_vehicle_was_changed_since_is_refused_naming_the_row_and_can_be_planned_anew(
    api: HttpApi,
) -> None:
    made = await planned(api, TRAM, "bus-7,Bus seven,,,,,,,,,")
    await api.recorded(("POST", "/v1/vehicles/bus-7/suspend", {"reason": "sold"}))
    before = await api.position()

    answer = await apply(api, made["plan_id"])

    assert answer.status_code == 409
    assert answer.json()["type"].endswith("import-plan-stale")
    assert [(row["line"], row["vehicle_id"]) for row in answer.json()["errors"]] == [(3, "bus-7")]
    assert await api.position() == before
    anew = await planned(api, TRAM, "bus-7,Bus seven,,,,,,,,,")
    assert (await apply(api, anew["plan_id"])).status_code == 200


async def test_changes_of_other_vehicles_do_not_matter_to_a_plan(api: HttpApi) -> None:
    made = await planned(api, TRAM, "van-2,,,,,,,,,,")
    await api.recorded(("POST", "/v1/vehicles/bus-7/suspend", {"reason": "sold"}))
    await api.recorded(("POST", "/v1/vehicles/van-2/suspend", {"reason": "a row that changes nothing"}))

    assert (await apply(api, made["plan_id"])).status_code == 200


async def test_a_plan_whose_identifier_was_taken_since_is_refused(api: HttpApi) -> None:
    made = await planned(api, TRAM)
    taking = {"name": "Thief", "access_class": "own", "identifiers": [{"kind": "rfid", "value": "04112233445566"}]}
    await api.recorded(("PUT", "/v1/vehicles/thief", taking))

    answer = await apply(api, made["plan_id"])

    assert answer.status_code == 409
    assert "thief" in answer.json()["errors"][0]["message"]


async def test_a_plan_with_errors_is_applied_only_when_partial_is_asked_for(api: HttpApi) -> None:
    made = await planned(api, TRAM, "cab-1,,own,,,,,,,,")

    refused = await apply(api, made["plan_id"])
    partial = await apply(api, made["plan_id"], {"partial": True})

    assert refused.status_code == 409
    assert [(row["line"], row["vehicle_id"]) for row in refused.json()["errors"]] == [(3, "cab-1")]
    assert partial.status_code == 200
    assert partial.json()["result"]["applied"]["add"] == 1
    assert [row["line"] for row in partial.json()["result"]["left_out"]] == [3]
    assert (await api.get("/v1/vehicles/cab-1")).status_code == 404


async def test_partial_also_leaves_out_rows_that_moved_on_and_those_that_depend_on_them(api: HttpApi) -> None:
    made = await planned(api, "bus-7,,,,,,-,,,,", "heir,Heir,own,,,,04A1B2C3D4E5F6,,,,", TRAM)
    await api.recorded(("POST", "/v1/vehicles/bus-7/suspend", {"reason": "sold"}))

    answer = await apply(api, made["plan_id"], {"partial": True})

    assert [row["vehicle_id"] for row in answer.json()["result"]["left_out"]] == ["bus-7", "heir"]
    assert await identifiers(api, "bus-7") == ["04A1B2C3D4E5F6"]
    assert (await api.get("/v1/vehicles/tram-1")).status_code == 200


async def test_an_identifier_moves_from_one_vehicle_to_another_within_a_file(api: HttpApi) -> None:
    made = await planned(api, "tram-1,Tram 1,own,,,,04A1B2C3D4E5F6,,,,", "bus-7,,,,,,04999999,,,,")

    answer = await apply(api, made["plan_id"])

    assert answer.status_code == 200
    assert await identifiers(api, "tram-1") == ["04A1B2C3D4E5F6"]
    assert await identifiers(api, "bus-7") == ["04999999"]


async def test_two_vehicles_swap_their_identifiers(api: HttpApi) -> None:
    await api.recorded(
        (
            "PUT",
            "/v1/vehicles/a",
            {"name": "A", "access_class": "own", "identifiers": [{"kind": "rfid", "value": "04AAAAAA"}]},
        ),
        (
            "PUT",
            "/v1/vehicles/b",
            {"name": "B", "access_class": "own", "identifiers": [{"kind": "rfid", "value": "04BBBBBB"}]},
        ),
    )
    made = await planned(api, "a,04BBBBBB", "b,04AAAAAA", header="vehicle_id,rfid")

    assert (await apply(api, made["plan_id"])).status_code == 200
    assert (await identifiers(api, "a"), await identifiers(api, "b")) == (["04BBBBBB"], ["04AAAAAA"])


async def test_an_imported_pin_is_known_and_kept_by_nobody(api: HttpApi) -> None:
    made = await planned(api, "bus-7,1234567", header="vehicle_id,pin")
    await apply(api, made["plan_id"])

    question = {"charger_id": "bay-1", "identifier": {"kind": "pin", "value": "1234567"}}
    decided = await api.send("POST", "/v1/access-decisions", question)

    assert decided.json()["vehicle_id"] == "bus-7"
    assert "1234567" not in await export(api)


# --- replacing -------------------------------------------------------------------------------------------------------


async def test_replace_removes_the_vehicles_that_the_file_does_not_have_and_forgets_their_values(api: HttpApi) -> None:
    before = await api.position()
    made = await planned(api, "van-2,,,,,,,,,,", mode="replace")

    answer = await apply(api, made["plan_id"])

    assert [(row["line"], row["action"], row["vehicle_id"]) for row in made["rows"]] == [
        (2, "unchanged", "van-2"),
        (None, "remove", "bus-7"),
    ]
    assert answer.status_code == 200
    assert VehicleRemoved in [type(event) for event in await api.events_after(before)]
    assert (await api.get("/v1/vehicles/bus-7")).status_code == 404
    added = [e for e in await api.events_after(0) if isinstance(e, VehicleIdentifierAdded) and e.vehicle_id == "bus-7"]
    assert await api.container.records.vault().unseal("acme", "bus-7", added[0].identifier.sealed) is None  # type: ignore[arg-type]


async def test_many_removals_need_their_exact_number(api: HttpApi) -> None:
    many = [("PUT", f"/v1/vehicles/car-{n}", {"name": f"Car {n}", "access_class": "own"}) for n in range(10)]
    await api.recorded(*many)
    made = await planned(api, "van-2,,,,,,,,,,", mode="replace")

    refused = [await apply(api, made["plan_id"], body) for body in ({}, {"confirm_removals": 10}, {"partial": True})]
    before = await api.position()
    applied = await apply(api, made["plan_id"], {"confirm_removals": 11})

    assert made["confirm_removals"] == 11
    assert [answer.status_code for answer in refused] == [409, 409, 409]
    assert "11 of 12 vehicles" in refused[0].json()["detail"]
    assert applied.status_code == 200
    assert sum(isinstance(event, VehicleRemoved) for event in await api.events_after(before)) == 11


async def test_a_row_that_does_not_say_its_vehicle_keeps_all_removals_back(api: HttpApi) -> None:
    made = await planned(api, "van-2,,,,,,,,,,", " ,Bus 7,own,,,,,,,,", mode="replace")

    answer = await apply(api, made["plan_id"], {"partial": True})

    assert answer.json()["result"]["applied"] == {"add": 0, "change": 0, "remove": 0}
    assert (await api.get("/v1/vehicles/bus-7")).status_code == 200


async def test_an_identifier_of_a_vehicle_that_is_removed_is_free_for_another_in_the_same_file(api: HttpApi) -> None:
    made = await planned(api, "heir,Heir,own,,,,04A1B2C3D4E5F6,,,,", "van-2,,,,,,,,,,", mode="replace")
    before = await api.position()

    answer = await apply(api, made["plan_id"])

    assert answer.status_code == 200
    kinds = [type(event) for event in await api.events_after(before)]
    assert kinds[:4] == [VehicleRegistered, VehicleIdentifierRemoved, VehicleIdentifierAdded, VehicleRemoved]
    assert await identifiers(api, "heir") == ["04A1B2C3D4E5F6"]


# --- odd bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", IMPORT_PATHS)
async def test_a_file_of_200_mb_is_refused_before_it_is_read(api: HttpApi, path: str) -> None:
    read = 0

    async def endless() -> Any:
        nonlocal read
        while read < 200 * 1024 * 1024:
            read += 1024 * 1024
            yield b"x" * 1024 * 1024

    headers = {"Authorization": f"Bearer {api.token()}", "Content-Type": "text/csv"}
    answer = await api.client.post(path, content=endless(), headers=headers)

    assert answer.status_code == 413
    assert "32 MiB" in answer.json()["detail"]
    assert read <= IMPORT_MAX + 1024 * 1024


async def test_a_large_body_of_somebody_without_a_token_is_not_kept(api: HttpApi) -> None:
    answer = await api.client.post("/v1/registry/imports", content=b"x" * (2 * 1024 * 1024))

    assert answer.status_code == 413


async def test_a_file_of_two_megabytes_is_taken(api: HttpApi) -> None:
    answer = await plan(api, f"{HEADER}\n{TRAM}\n" + "\n" * (2 * 1024 * 1024))

    assert answer.json()["counts"]["add"] == 1


@pytest.mark.parametrize(
    ("content_type", "content"), [("application/json", b"{}"), ("multipart/form-data; boundary=x", b"--x--")]
)
async def test_what_is_no_file_is_refused_with_the_way_to_send_one(
    api: HttpApi, content_type: str, content: bytes
) -> None:
    answer = await plan(api, content, headers={"Content-Type": content_type})

    assert answer.status_code == 422
    assert "text/csv" in answer.json()["detail"]


async def test_a_file_that_cannot_be_read_is_one_problem(api: HttpApi) -> None:
    answer = await plan(api, b"")

    assert answer.status_code == 422
    assert answer.json()["type"].endswith("import-file-unreadable")


# --- exporting -------------------------------------------------------------------------------------------------------


async def test_an_export_has_all_columns_and_imports_as_all_unchanged_in_both_modes(api: HttpApi) -> None:
    file = await export(api)

    rows = list(csv.DictReader(io.StringIO(file.removeprefix("\ufeff"), newline="")))
    assert file.splitlines()[0] == f"\ufeff{HEADER},other"
    assert [row["vehicle_id"] for row in rows] == ["bus-7", "van-2"]
    assert rows[0]["rfid"] == "04:A1:B2:C3:D4:E5:F6"
    assert (rows[1]["mac"], rows[1]["pin"], rows[1]["plate"]) == ("VID:1A2B3C4D5E6F", "****", "BAB1234")
    for mode in ("merge", "replace"):
        assert (await plan(api, file, mode=mode)).json()["counts"] == {
            "add": 0,
            "change": 0,
            "remove": 0,
            "unchanged": 2,
            "error": 0,
        }


async def test_an_export_of_more_than_a_page_has_every_vehicle(api: HttpApi) -> None:
    await apply(api, (await planned(api, *(f"car-{n:03},Car {n},own,,,,,,,," for n in range(450))))["plan_id"])

    file = await export(api)

    assert len(file.splitlines()) == 1 + 452
    assert (await plan(api, file, mode="replace")).json()["counts"]["unchanged"] == 452


@pytest.mark.parametrize(("query", "begins"), [("", b"\xef\xbb\xbfvehicle_id"), ("?bom=false", b"vehicle_id")])
async def test_an_export_begins_with_a_byte_order_mark_unless_it_is_declined_and_imports_as_unchanged(
    api: HttpApi, query: str, begins: bytes
) -> None:
    answer = await api.get(f"/v1/registry/export{query}")

    assert answer.content.startswith(begins)
    assert (await plan(api, answer.content)).json()["counts"]["unchanged"] == 2


async def test_an_import_that_waits_for_its_turn_shows_that_it_is_being_applied(
    api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_imports, "WAIT_S", 0.0)
    made = await planned(api, TRAM)
    path = f"/v1/registry/imports/{made['plan_id']}"

    async with api.container.commands.registries().locked("acme"):  # type: ignore[arg-type]
        first = await apply(api, made["plan_id"])
        waiting = (await api.get(path)).json()
    monkeypatch.setattr(registry_imports, "WAIT_S", 60.0)
    done = await apply(api, made["plan_id"])

    assert (first.status_code, first.json()["state"]) == (202, "applying")
    assert (waiting["state"], waiting["done"], waiting["error"]) == ("applying", 0, None)
    assert (done.status_code, done.json()["state"]) == (200, "applied")


async def test_a_name_that_a_spreadsheet_would_run_is_guarded_and_comes_back(api: HttpApi) -> None:
    await api.recorded(("PUT", "/v1/vehicles/x", {"name": '=HYPERLINK("http://x")', "access_class": "own"}))

    file = await export(api)

    assert "'=HYPERLINK" in file
    assert (await plan(api, file)).json()["counts"]["unchanged"] == 3


async def test_an_export_waits_for_all_that_is_stored_and_is_refused_where_that_does_not_come(
    tmp_path: Path, api: HttpApi
) -> None:
    async def never(position: int) -> None:
        pass

    async with http_api(tmp_path / "behind", settled=never) as behind:
        position = await behind.position()
        await behind.send("PUT", "/v1/depots/north", {"name": "North", "time_zone": "Europe/Berlin"})
        assert await behind.position() > position
        answer = await behind.get("/v1/registry/export")

    assert answer.status_code == 503


async def test_an_empty_registry_exports_its_header(empty_api: HttpApi) -> None:
    assert (await export(empty_api)).splitlines() == [f"\ufeff{HEADER},other"]
