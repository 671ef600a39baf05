"""Importing chargers from a file: plan, review, apply exactly the plan; and exporting them."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from access_policy.application.context import Context
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import Role
from access_policy.domain.charger_access_policy.events import ChargerAmended, ChargerRegistered, EnforcementChanged
from access_policy.domain.ids import ActorId, ChargePointId, TenantId
from tests.support.http_api import HttpApi, http_api

HEADER = (
    "charger_id,charge_point_id,depot_id,profile,baseline_mode,enforcement,connectors,"
    "on_window_start,on_store_outage,offline_starts,password"
)
NEW = "bay-9,CP-9,north,ocpp16-central,managed,,2,,,,"
SETTINGS = {"depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"}
GIVEN = (
    ("PUT", "/v1/depots/north", {"name": "North", "time_zone": "Europe/Berlin"}),
    ("PUT", "/v1/chargers/bay-1", {"charge_point_id": "CP-1", **SETTINGS, "password": "correct horse"}),
    ("PUT", "/v1/chargers/bay-2", {"charge_point_id": "=CP-2", **SETTINGS, "connectors": 2}),
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path, given=GIVEN) as api:
        yield api


async def plan(api: HttpApi, file: str | bytes, *, mode: str = "merge", **how: Any) -> httpx.Response:
    content = file.encode() if isinstance(file, str) else file
    headers = {"Content-Type": "text/csv"}
    return await api.send("POST", f"/v1/chargers/imports?mode={mode}", content=content, headers=headers, **how)


async def planned(api: HttpApi, *rows: str, header: str = HEADER, mode: str = "merge") -> dict[str, Any]:
    answer = await plan(api, "\n".join((header, *rows)) + "\n", mode=mode)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def apply(api: HttpApi, plan_id: str, body: Any = None, **how: Any) -> httpx.Response:
    return await api.send("POST", f"/v1/chargers/imports/{plan_id}/apply", {} if body is None else body, **how)


async def errors_of(api: HttpApi, *rows: str, header: str = HEADER, mode: str = "merge") -> list[dict[str, Any]]:
    shown = await planned(api, *rows, header=header, mode=mode)
    return [error for row in shown["rows"] for error in row["errors"]]


async def export(api: HttpApi, **how: Any) -> str:
    answer = await api.get("/v1/chargers/export", **how)
    assert answer.status_code == 200, answer.text
    return answer.text


async def opens(api: HttpApi, charge_point_id: str, charger_id: str, password: str) -> bool:
    credentials = api.container.records.credentials()
    holder = (TenantId("acme"), charger_id)
    return bool(await credentials.verify(ChargePointId(charge_point_id), holder, password.encode()))


# --- planning --------------------------------------------------------------------------------------------------------


async def test_charger_plan_shows_what_each_row_would_do_and_changes_nothing(api: HttpApi) -> None:
    before = await api.position()

    shown = await planned(
        api, NEW, "bay-1,,,,freevend,observe,,,,,", "bay-2,,,,,,,,,,", "bay-8,,,,managed,,,,,,", mode="replace"
    )

    assert shown["counts"] == {"add": 1, "change": 1, "remove": 0, "unchanged": 1, "error": 1}
    assert [(row["line"], row["action"], row["charger_id"]) for row in shown["rows"]] == [
        (2, "add", "bay-9"),
        (3, "change", "bay-1"),
        (4, "unchanged", "bay-2"),
        (5, "error", "bay-8"),
    ]
    assert shown["rows"][1]["changes"] == {
        "baseline_mode": {"before": "managed", "after": "freevend"},
        "enforcement": {"before": "enforce", "after": "observe"},
    }
    assert [error["column"] for error in shown["rows"][3]["errors"]] == ["charge_point_id", "depot_id", "profile"]
    assert await api.position() == before


async def test_charger_plan_never_shows_a_password(api: HttpApi) -> None:
    answer = await plan(api, f"{HEADER}\nbay-1,,,,,,,,,,battery staple\nbay-2,,,,,,,,,,staple\n")

    first, second = answer.json()["rows"]
    assert first["changes"] == {"password": {"before": None, "after": "********"}}
    assert second["errors"][0]["column"] == "password"
    assert "staple" not in answer.text


async def test_same_charger_file_against_the_same_chargers_is_the_same_plan(api: HttpApi) -> None:
    first, second, replacing = await planned(api, NEW), await planned(api, NEW), await planned(api, NEW, mode="replace")

    assert first["plan_id"] == second["plan_id"] != replacing["plan_id"]
    assert (await api.get(f"/v1/chargers/imports/{first['plan_id']}")).json() == first
    assert (await api.get(f"/v1/chargers/imports/{first['plan_id']}", tenant="rival")).status_code == 404
    assert (await api.get(f"/v1/registry/imports/{first['plan_id']}")).status_code == 404


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [
        ("bay-1,4.12E+12,,,,,,,,,", "charge_point_id", "converted the value to a number"),
        ("bay-1,,south,,,,,,,,", "depot_id", "no depot south"),
        ("bay-1,,,nothing,,,,,,,", "profile", "no capability profile"),
        ("bay-1,,,,open,,,,,,", "baseline_mode", "must be 'freevend' or 'managed'"),
        ("bay-1,,,,,,2.0,,,,", "connectors", "whole number from 1 to 100"),
        ("bay-1,,,,,,-,,,,", "connectors", "cannot be cleared"),
        ("bay-1,=CP-2,,,,,,,,,", "charge_point_id", "belongs to charger bay-2, which keeps it"),
        ("bay/1,,,,,,,,,,", "charger_id", "holds a character"),
        ("bay-1,CP-1,north", None, "The row has 3 cells and the header 11"),
        ("bay-1,CP 1 \x07,,,,,,,,,", "charge_point_id", "printable characters"),
    ],
)
async def test_charger_plan_wrong_cell_is_an_error_that_says_what_to_do(
    api: HttpApi, row: str, column: str | None, said: str
) -> None:
    errors = await errors_of(api, row)

    assert [error["column"] for error in errors] == [column]
    assert said in errors[0]["message"]


async def test_charger_plan_of_a_retired_charger_is_an_error(api: HttpApi) -> None:
    await api.done("DELETE", "/v1/chargers/bay-1", None)

    errors = await errors_of(api, "bay-1,CP-1,north,ocpp16-central,managed,,,,,,")

    assert "was retired" in errors[0]["message"]


async def test_charger_plan_of_another_tenants_charge_point_id_is_an_error_without_its_name(api: HttpApi) -> None:
    depot = {"name": "Theirs", "time_zone": "Europe/Berlin"}
    for path, body in (
        ("/v1/depots/north", depot),
        ("/v1/chargers/secret-bay", {"charge_point_id": "CP-9", **SETTINGS}),
    ):
        assert (await api.send("PUT", path, body, tenant="rival")).is_success

    errors = await errors_of(api, NEW)

    assert "belongs to another charger" in errors[0]["message"]


async def test_charger_plan_double_chargers_and_charge_points_are_errors_on_both_lines(api: HttpApi) -> None:
    doubles = await errors_of(api, NEW, NEW)
    twins = await errors_of(api, NEW, NEW.replace("bay-9", "bay-8"))

    assert ["line 3" in doubles[0]["message"], "line 2" in doubles[1]["message"]] == [True, True]
    assert ["line 3" in twins[0]["message"], "line 2" in twins[1]["message"]] == [True, True]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "The file is empty"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"charger_id;profile\nbay-1;x\n", "separated by ';'"),
        (b"charger_id,vehicle_id\nbay-1,x\n", "unknown columns: 'vehicle_id'"),
        (b"profile\nx\n", "no column charger_id, which identifies the charger"),
        (b"charger_id\n", "no rows"),
        (b"charger_id\nB\xe4y\n", "Line 2 is not UTF-8"),
    ],
)
async def test_charger_file_unreadable_is_refused_with_what_to_do(api: HttpApi, file: bytes, said: str) -> None:
    answer = await plan(api, file)

    assert answer.status_code == 422
    assert answer.json()["type"].endswith("import-file-unreadable")
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("case", ["18-trailing-commas-in-rows.csv", "18-trailing-empty-columns.csv"])
async def test_charger_file_with_the_empty_columns_of_spreadsheets_is_read(api: HttpApi, case: str) -> None:
    ends = {"18-trailing-commas-in-rows.csv": ("", ",,"), "18-trailing-empty-columns.csv": (",,", ",,")}
    header_end, row_end = ends[case]

    shown = await planned(api, f"bay-1,freevend{row_end}", header=f"charger_id,baseline_mode{header_end}")

    assert shown["counts"]["change"] == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
async def test_charger_file_in_each_encoding_is_read(api: HttpApi, encoding: str) -> None:
    answer = await plan(api, f"sep=,\r\n{HEADER}\r\nbäy,CP-9,north,ocpp16-central,managed,,,,,,\r\n".encode(encoding))

    assert answer.json()["rows"][0]["charger_id"] == "bäy"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.SERVICE])
async def test_charger_import_by_others_than_admins_is_refused(api: HttpApi, role: Role) -> None:
    made = await planned(api, NEW)

    assert (await plan(api, f"{HEADER}\n{NEW}\n", role=role)).status_code == 403
    assert (await api.get(f"/v1/chargers/imports/{made['plan_id']}", role=role)).status_code == 403
    assert (await apply(api, made["plan_id"], role=role)).status_code == 403
    assert (await apply(api, made["plan_id"], depots=("north",))).status_code == 403


# --- applying --------------------------------------------------------------------------------------------------------


async def test_charger_plan_applied_does_exactly_the_plan_and_names_it_as_the_cause(api: HttpApi) -> None:
    made = await planned(api, NEW, "bay-1,,,,freevend,observe,,,,,", "bay-2,,,,,,,,,,battery staple")
    before = await api.position()

    answer = await apply(api, made["plan_id"])

    log = await api.container.stores.store().read_log(after=before, limit=100)
    ours = [each for each in log if isinstance(each.event, ChargerRegistered | ChargerAmended | EnforcementChanged)]
    assert answer.status_code == 200
    assert answer.json()["result"]["applied"] == {"add": 1, "change": 2, "remove": 0}
    assert answer.json()["result"]["left_out"] == []
    assert [type(each.event) for each in ours] == [ChargerRegistered, ChargerAmended, EnforcementChanged]
    assert {each.envelope.causation_id for each in ours} == {made["plan_id"]}
    assert (await api.get("/v1/chargers/bay-9")).json()["connectors"] == 2
    assert await opens(api, "=CP-2", "bay-2", "battery staple")
    assert await opens(api, "CP-1", "bay-1", "correct horse")


async def test_charger_plan_applied_again_returns_the_first_result(api: HttpApi) -> None:
    made = await planned(api, NEW)
    first = await apply(api, made["plan_id"])
    await api.done("DELETE", "/v1/chargers/bay-9", None)
    before = await api.position()

    again = await apply(api, made["plan_id"])

    assert again.json() == first.json()
    assert await api.position() == before


async def test_charger_plan_with_errors_is_refused_and_applies_in_part_on_demand(api: HttpApi) -> None:
    made = await planned(api, NEW, "bay-1,,,,open,,,,,,")

    refused = await apply(api, made["plan_id"])
    partial = await apply(api, made["plan_id"], {"partial": True})

    assert refused.status_code == 409
    assert refused.json()["errors"][0]["charger_id"] == "bay-1"
    assert partial.json()["result"]["applied"]["add"] == 1
    assert [each["charger_id"] for each in partial.json()["result"]["left_out"]] == ["bay-1"]


async def test_charger_plan_is_refused_after_a_relevant_change_only(api: HttpApi) -> None:
    made = await planned(api, NEW, "bay-1,,,,freevend,,,,,,")
    await api.done("PUT", "/v1/chargers/bay-2", {"charge_point_id": "=CP-2", **SETTINGS, "connectors": 3})
    other = await planned(api, "bay-2,,,,freevend,,,,,,")
    await api.done("PUT", "/v1/chargers/bay-2", {"charge_point_id": "=CP-2", **SETTINGS, "connectors": 4})
    before = await api.position()

    stale = await apply(api, other["plan_id"])
    fresh = await apply(api, made["plan_id"])

    assert stale.status_code == 409
    assert stale.json()["type"].endswith("import-plan-stale")
    assert fresh.status_code == 200
    assert await api.position() > before


async def test_charger_plan_whose_charge_point_id_was_taken_since_is_refused(api: HttpApi) -> None:
    made = await planned(api, NEW)
    await api.done("PUT", "/v1/chargers/bay-7", {"charge_point_id": "CP-9", **SETTINGS})

    assert (await apply(api, made["plan_id"])).status_code == 409
    assert (await api.get("/v1/chargers/bay-9")).status_code == 404


async def test_charger_plan_that_hands_charge_point_ids_on_applies_the_giver_first(api: HttpApi) -> None:
    made = await planned(
        api, "bay-9,CP-1,north,ocpp16-central,managed,,,,,,", "bay-1,'=CP-2,,,,,,,,,", "bay-2,CP-3,,,,,,,,,"
    )

    answer = await apply(api, made["plan_id"])

    assert answer.json()["result"]["left_out"] == []
    shown = {each["charger_id"]: each["charge_point_id"] for each in (await api.get("/v1/chargers")).json()["items"]}
    assert shown == {"bay-1": "=CP-2", "bay-2": "CP-3", "bay-9": "CP-1"}


async def test_charger_plan_that_exchanges_charge_point_ids_is_an_error(api: HttpApi) -> None:
    errors = await errors_of(api, "bay-1,'=CP-2,,,,,,,,,", "bay-2,CP-1,,,,,,,,,")

    assert "bay-1 and bay-2 exchange their charge point ids" in errors[0]["message"]


async def test_charger_replace_retires_those_that_are_missing_and_hands_their_ids_on(api: HttpApi) -> None:
    made = await planned(api, "bay-1,,,,,,,,,,", "bay-3,'=CP-2,north,ocpp16-central,managed,,,,,,", mode="replace")

    answer = await apply(api, made["plan_id"])

    assert made["rows"][-1] | {"changes": {}} == {
        "line": None, "action": "remove", "charger_id": "bay-2", "changes": {}, "errors": [],
    }  # fmt: skip
    assert answer.json()["result"]["applied"] == {"add": 1, "change": 0, "remove": 1}
    assert "bay-2" not in await export(api)


async def test_charger_replace_that_retires_many_needs_their_number(api: HttpApi) -> None:
    for number in range(10, 16):
        await api.done("PUT", f"/v1/chargers/bay-{number}", {"charge_point_id": f"CP-{number}", **SETTINGS})
    made = await planned(api, "bay-1,,,,,,,,,,", "bay-2,,,,,,,,,,", mode="replace")

    refused = await apply(api, made["plan_id"])
    wrong = await apply(api, made["plan_id"], {"confirm_removals": 5})
    right = await apply(api, made["plan_id"], {"confirm_removals": 6})

    assert made["confirm_removals"] == 6
    assert refused.json()["type"].endswith("import-removals-not-confirmed")
    assert "6 of 8 chargers would be removed" in wrong.json()["detail"]
    assert right.json()["result"]["applied"]["remove"] == 6


async def test_charger_replace_with_a_row_that_names_no_charger_keeps_all(api: HttpApi) -> None:
    made = await planned(api, "bay-1,,,,,,,,,,", ",,,,,,,,,,x", mode="replace")

    answer = await apply(api, made["plan_id"], {"partial": True})

    assert answer.json()["result"]["applied"]["remove"] == 0
    assert "could mean this one" in answer.json()["result"]["left_out"][-1]["message"]


# --- a crash in the middle -------------------------------------------------------------------------------------------


class FailsAt:
    """The command, which fails before or after it has recorded the charger number `number`."""

    def __init__(self, handler: Any, number: int) -> None:
        self._handler = handler
        self._left = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)

    async def __call__(self, context: Context, command: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            raise StoreUnavailable("the store is down")
        return await self._handler(context, command)


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_charger_plan_interrupted_anywhere_is_completed_by_applying_it_again(api: HttpApi, number: int) -> None:
    imports = api.container.commands.charger_imports()
    working = imports._applier
    rows = [NEW.replace("9", str(each)) for each in (6, 7, 8)]
    made = await planned(api, *(f"{row}secret-{number}-pass" for row in rows))
    imports._applier = replace(working, put_charger=FailsAt(working.put_charger, number))

    broken = await apply(api, made["plan_id"])
    state = (await api.get(f"/v1/chargers/imports/{made['plan_id']}")).json()
    if number == 3:  # others change what the plan has changed before: that stays
        await api.done("PUT", "/v1/chargers/bay-6", {"charge_point_id": "CP-6", **SETTINGS, "connectors": 7})
    imports._applier = working
    answer = await apply(api, made["plan_id"])

    assert broken.status_code == 503
    assert state["state"] == "applying"
    assert answer.json()["result"]["applied"]["add"] == 3
    assert answer.json()["result"]["left_out"] == []
    shown = {each["charger_id"]: each for each in (await api.get("/v1/chargers")).json()["items"]}
    assert {"bay-6", "bay-7", "bay-8"} <= shown.keys()
    assert (await api.get("/v1/chargers/bay-6")).json()["connectors"] == (7 if number == 3 else 2)
    assert await opens(api, "CP-8", "bay-8", f"secret-{number}-pass")


async def test_charger_plan_interrupted_before_a_password_sets_it_when_applied_again(
    api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await planned(api, f"{NEW}battery staple")
    credentials = api.container.records.credentials()

    async def down(*_: Any) -> None:
        raise StoreUnavailable("the store is down")

    with monkeypatch.context() as patched:
        patched.setattr(type(credentials), "set_password", down)
        broken = await apply(api, made["plan_id"])
    await apply(api, made["plan_id"])

    assert broken.status_code == 503
    assert await opens(api, "CP-9", "bay-9", "battery staple")


async def test_charger_plan_whose_charger_others_change_meanwhile_reports_that_charger(api: HttpApi) -> None:
    imports = api.container.commands.charger_imports()
    working = imports._applier
    made = await planned(api, NEW, "bay-1,,,,freevend,,,,,,", "bay-2,,,,freevend,,,,,,")
    imports._applier = replace(working, put_charger=FailsAt(working.put_charger, 2))
    await apply(api, made["plan_id"])
    await api.done("PUT", "/v1/chargers/bay-1", {"charge_point_id": "CP-1", **SETTINGS, "connectors": 5})
    imports._applier = working

    result = (await apply(api, made["plan_id"])).json()["result"]

    assert result["applied"] == {"add": 1, "change": 1, "remove": 0}
    assert [each["charger_id"] for each in result["left_out"]] == ["bay-1"]
    assert "changed by others" in result["left_out"][0]["message"]
    assert (await api.get("/v1/chargers/bay-1")).json()["baseline_mode"] == "managed"


async def test_charger_plan_left_by_a_process_is_resumed_at_the_start(api: HttpApi) -> None:
    imports = api.container.commands.charger_imports()
    working = imports._applier
    made = await planned(api, NEW, "bay-1,,,,freevend,,,,,,")
    imports._applier = replace(working, put_charger=FailsAt(working.put_charger, 2))
    await apply(api, made["plan_id"])
    imports._applier = working

    await api.container.commands.registry_imports().resume()
    await imports.resume()
    await asyncio.gather(*(each.task for each in imports._under_way.values()))

    assert (await api.get(f"/v1/chargers/imports/{made['plan_id']}")).json()["state"] == "applied"


# --- export ----------------------------------------------------------------------------------------------------------


async def test_charger_export_imports_as_all_unchanged_and_has_no_passwords(api: HttpApi) -> None:
    exported = await export(api)

    shown = (await plan(api, exported, mode="replace")).json()

    assert shown["counts"] == {"add": 0, "change": 0, "remove": 0, "unchanged": 2, "error": 0}
    rows = list(csv.DictReader(io.StringIO(exported.removeprefix("\ufeff"))))
    assert [row["password"] for row in rows] == ["", ""]
    assert rows[1]["charge_point_id"] == "'=CP-2"


async def test_charger_export_of_a_caller_of_some_depots_has_their_chargers_only(api: HttpApi) -> None:
    await api.done("PUT", "/v1/depots/south", {"name": "South", "time_zone": "Europe/Berlin"})
    await api.done("PUT", "/v1/chargers/bay-s", {"charge_point_id": "CP-S", **SETTINGS, "depot_id": "south"})

    exported = await export(api, depots=("south",))

    assert "bay-s" in exported
    assert "bay-1" not in exported


async def test_charger_import_context_keeps_the_actor_of_the_application(api: HttpApi) -> None:
    made = await planned(api, NEW)
    before = await api.position()

    await apply(api, made["plan_id"])

    log = await api.container.stores.store().read_log(after=before, limit=100)
    actors = {each.envelope.actor for each in log if isinstance(each.event, ChargerRegistered)}
    assert len(actors) == 1
    assert ActorId("system") not in actors


async def test_charger_for_reservations_only_is_imported_and_exported(api: HttpApi) -> None:
    header = "charger_id,reservation_only"
    wrong = await errors_of(api, "bay-1,perhaps", header=header)
    assert wrong[0]["message"] == "reservation_only must be 'true' or 'false'."

    shown = await planned(api, "bay-1,TRUE", "bay-2,no", header=header)
    assert [(row["action"], row["changes"]) for row in shown["rows"]] == [
        ("change", {"reservation_only": {"before": "false", "after": "true"}}),
        ("unchanged", {}),
    ]
    await apply(api, shown["plan_id"])
    await api.settled()
    exported = list(csv.DictReader(io.StringIO((await api.get("/v1/chargers/export")).text)))

    assert [row["reservation_only"] for row in exported] == ["true", "false"]
    assert (await api.get("/v1/chargers/bay-1")).json()["reservation_only"] is True
