"""Importing a dispatch sheet from a file: plan, review, apply exactly the plan; and exporting it."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from access_policy.application.commands.receive_booking import ReceiveBooking
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.application.context import Context
from access_policy.application.dispatch_import import applying
from access_policy.application.ports.identity import Role
from access_policy.application.registry_import.checks import ApplyOptions
from access_policy.domain.ids import ActorId, ChargerId, DepotId, TenantId
from access_policy.domain.reservations.events import (
    ReservationCancelled,
    ReservationChanged,
    ReservationConflictDetected,
    ReservationMade,
)
from access_policy.domain.reservations.reservation import PartnerRequest, Place, ReservationSource
from tests.support.http_api import HttpApi, http_api
from tests.unit.http.conftest import GIVEN, SECOND_CHARGER, STRANGER

HEADER = "assignment_id,block_id,vehicle_id,charger_id,group,from,until,departure,needed_kwh,needed_soc,note"
EVENING = "2026-12-01 18:00,2026-12-01 20:00"
ONE = f"a-1,b-1,bus-7,bay-1,,{EVENING},2026-12-02 05:30,180,,Gate"
TWO = f"a-2,b-2,van-2,,Fast,{EVENING},,,80,"
GROUP = ("PUT", "/v1/depots/north/reservation-groups/fast", {"name": "Fast", "charger_ids": ["bay-1", "bay-2"]})


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path, given=(*GIVEN, SECOND_CHARGER, GROUP)) as api:
        yield api


async def plan(
    api: HttpApi, file: str | bytes, *, mode: str = "merge", depot: str = "north", **how: Any
) -> httpx.Response:
    content = file.encode() if isinstance(file, str) else file
    path = f"/v1/reservations/imports?depot_id={depot}&mode={mode}"
    return await api.send("POST", path, content=content, headers={"Content-Type": "text/csv"}, **how)


async def planned(api: HttpApi, *rows: str, header: str = HEADER, mode: str = "merge") -> dict[str, Any]:
    answer = await plan(api, "\n".join((header, *rows)) + "\n", mode=mode)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def apply(api: HttpApi, plan_id: str, body: Any = None, **how: Any) -> httpx.Response:
    """Again while it goes on (202), as a caller on a busy machine does."""
    path = f"/v1/reservations/imports/{plan_id}/apply"
    while (answer := await api.send("POST", path, body or {}, **how)).status_code == 202:
        continue
    return answer


async def imported(api: HttpApi, *rows: str, mode: str = "merge", **body: Any) -> dict[str, Any]:
    answer = await apply(api, (await planned(api, *rows, mode=mode))["plan_id"], body)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def said(api: HttpApi, *rows: str, kind: str = "errors", **how: Any) -> list[tuple[str, str]]:
    """Column and message of each error or warning."""
    shown = await planned(api, *rows, **how)
    return [(each["column"], each["message"]) for row in shown["rows"] for each in row[kind]]


async def export(api: HttpApi, query: str = "from=2026-12-01T00:00:00Z&until=2026-12-03T00:00:00Z", **how: Any) -> str:
    answer = await api.get(f"/v1/reservations/export?depot_id=north&bom=false&{query}", **how)
    assert answer.status_code == 200, answer.text
    return answer.text


async def reservation_of(api: HttpApi, assignment_id: str, *rows: str) -> str:
    """The id of the reservation, as a plan of the same rows shows it."""
    shown = await planned(api, *rows)
    return next(each["reservation_id"] for each in shown["rows"] if each["assignment_id"] == assignment_id)


async def by_hand(api: HttpApi, start: str, end: str, **changes: Any) -> dict[str, Any]:
    """An entry at bay 2."""
    body = {"depot_id": "north", "charger_id": "bay-2", "holder": {"vehicle_id": "van-2"}, "start": start, "end": end}
    made: dict[str, Any] = await api.done("POST", "/v1/reservations", {**body, **changes})
    return made


async def booked(api: HttpApi) -> str:
    """A partner's booking of bay 1, from 18:00 to 20:00 in Berlin."""
    draft = ReservationDraft(
        place=Place(charger_id=ChargerId("bay-1")),
        start=datetime(2026, 12, 1, 17, tzinfo=UTC),
        end=datetime(2026, 12, 1, 19, tzinfo=UTC),
        source=ReservationSource.OCPI,
        request=PartnerRequest(party="DE-HUB", request_id="q1", version=1),
        identifiers=(),
    )
    context = Context(tenant_id=TenantId("acme"), actor=ActorId("partner"), correlation_id="c")
    done = await api.container.commands.receive_booking()(
        context, ReceiveBooking(depot_id=DepotId("north"), draft=draft)
    )
    await api.settled()
    return str(done.created_id)


async def collisions(api: HttpApi, after: int) -> list[tuple[str, str, str]]:
    events = await api.events_after(after)
    found = [each for each in events if isinstance(each, ReservationConflictDetected)]
    return [(each.reservation_id, each.kind.value, each.cause) for each in found]


# --- planning --------------------------------------------------------------------------------------------------------


async def test_dispatch_plan_shows_what_each_row_would_do_and_changes_nothing(api: HttpApi) -> None:
    await imported(api, ONE, TWO)
    before = await api.position()

    shown = await planned(
        api,
        "a-1,,,bay-2,,,,,,,",
        "a-2,,,,,,,,,,",
        "a-3,,bus-7,bay-1,,2026-12-01 21:00,2026-12-01 23:00,,,,",
        f"a-4,,bus-99,bay-9,,{EVENING},soon,,,",
    )

    assert shown["counts"] == {"add": 1, "change": 1, "remove": 0, "unchanged": 1, "error": 1}
    assert [(row["line"], row["action"], row["assignment_id"]) for row in shown["rows"]] == [
        (2, "change", "a-1"),
        (3, "unchanged", "a-2"),
        (4, "add", "a-3"),
        (5, "error", "a-4"),
    ]
    assert shown["rows"][0]["changes"] == {"charger_id": {"before": "bay-1", "after": "bay-2"}}
    assert shown["rows"][2]["changes"]["from"] == {"before": None, "after": "2026-12-01T21:00+01:00"}
    assert {each["column"] for each in shown["rows"][3]["errors"]} == {"vehicle_id", "charger_id", "departure"}
    assert await api.position() == before


async def test_same_sheet_against_the_same_reservations_is_the_same_plan_and_another_depots_is_not(
    api: HttpApi,
) -> None:
    first, second, replacing = await planned(api, ONE), await planned(api, ONE), await planned(api, ONE, mode="replace")

    assert first["plan_id"] == second["plan_id"] != replacing["plan_id"]
    assert first["plan_id"].startswith("reservations-")
    assert (await api.get(f"/v1/reservations/imports/{first['plan_id']}")).json() == first
    assert (await api.get(f"/v1/reservations/imports/{first['plan_id']}", tenant="rival")).status_code == 404
    assert (await api.get(f"/v1/registry/imports/{first['plan_id']}")).status_code == 404
    assert (await plan(api, f"{HEADER}\n{ONE}\n", depot="south")).status_code == 404


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        (f"a-1,,,bay-1,,{EVENING},,,,", "vehicle_id", "needs vehicle_id"),
        (f"a-1,,bus-7,,,{EVENING},,,,", "charger_id", "charger_id or group"),
        (f"a-1,,bus-7,bay-1,fast,{EVENING},,,,", "group", "keep one of them"),
        (f"a-1,,bus-7,,slow,{EVENING},,,,", "group", "the depot's groups are: fast"),
        (f"a-1,,bus-99,bay-1,,{EVENING},,,,", "vehicle_id", "register it first"),
        (f"a-1,,bus-7,bay-9,,{EVENING},,,,", "charger_id", "no charger bay-9"),
        ("a-1,,bus-7,bay-1,,01.12.2026 18:00,2026-12-01 20:00,,,,", "from", "2026-11-20 18:30"),
        ("a-1,,bus-7,bay-1,,2026-12-01 20:00,2026-12-01 18:00,,,,", "until", "ends before it begins"),
        ("a-1,,bus-7,bay-1,,2026-11-01 18:00,2026-11-01 20:00,,,,", "until", "over already"),
        (f"a-1,,bus-7,bay-1,,{EVENING},,lots,,", "needed_kwh", "a number"),
        (f"a-1,,bus-7,bay-1,,{EVENING},,,140,", "needed_soc", "at most 100"),
        (f",,bus-7,bay-1,,{EVENING},,,,", "assignment_id", "empty"),
        (f"a-1,,-,bay-1,,{EVENING},,,,", "vehicle_id", "cannot be cleared"),
        (f"4.12E+12,,bus-7,bay-1,,{EVENING},,,,", "assignment_id", "converted the value to a number"),
    ],
)
async def test_wrong_cell_is_an_error_that_says_what_to_do(api: HttpApi, row: str, column: str, message: str) -> None:
    found = await said(api, row)

    assert any(each == column and message in text for each, text in found), found


async def test_rows_that_want_the_same_charger_and_rows_of_one_assignment_are_errors(api: HttpApi) -> None:
    twice = await said(api, ONE, f"a-9,,van-2,bay-1,,{EVENING},,,,")
    same = await said(api, ONE, ONE.replace("bay-1", "bay-2"))
    full = await said(api, ONE, TWO, f"a-3,,bus-7,,fast,{EVENING},,,,")

    assert [column for column, _ in twice] == ["charger_id"]
    assert [column for column, _ in same] == ["assignment_id", "assignment_id"]
    assert [column for column, _ in full] == ["group"]


async def test_assignment_id_used_on_two_days_is_two_assignments(api: HttpApi) -> None:
    next_day = "a-1,b-1,bus-7,bay-1,,2026-12-02 18:00,2026-12-02 20:00,,180,,"

    shown = await planned(api, ONE, next_day)

    assert shown["counts"]["add"] == 2


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        ("a-1,,bus-7,bay-1,,2027-03-28 02:30,2027-03-28 06:00,,,,", "from", "03:30 is assumed"),
        ("a-1,,bus-7,bay-1,,2027-10-31 02:30,2027-10-31 06:00,,,,", "from", "occurs twice"),
        ("a-1,,bus-7,bay-1,,2027-03-27 22:00,2027-03-28 06:00,,,,", "until", "lasts 420 minutes"),
        (f"a-1,,bus-7,bay-1,,{EVENING},2026-12-01 19:00,,,", "departure", "before the end"),
    ],
)
async def test_row_that_can_be_applied_but_should_be_looked_at_has_a_warning(
    api: HttpApi, row: str, column: str, message: str
) -> None:
    found = await said(api, row, kind="warnings")

    assert any(each == column and message in text for each, text in found), found


async def test_row_that_collides_with_a_booking_names_it_and_not_its_holder(api: HttpApi) -> None:
    booking = await booked(api)

    row = (await planned(api, ONE))["rows"][0]

    assert (row["action"], row["bookings"]) == ("error", [booking])
    assert row["errors"][0]["column"] == "charger_id"
    assert "partner has booked" in row["errors"][0]["message"]


async def test_excel_workbook_semicolons_and_unknown_columns_are_refused(api: HttpApi) -> None:
    for file, message in (
        (b"PK\x03\x04rest", "not a CSV file"),
        (HEADER.replace(",", ";").encode(), "separated by ';'"),
        (b"assignment_id,vehicle\na-1,bus-7\n", "unknown columns"),
    ):
        answer = await plan(api, file)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (422, "import-file-unreadable")
        assert message in answer.json()["detail"]


# --- applying --------------------------------------------------------------------------------------------------------


async def test_applied_plan_makes_reservations_of_the_sheet_with_the_depots_terms(api: HttpApi) -> None:
    result = await imported(api, ONE, TWO)

    shown = (await api.get(f"/v1/reservations/{await reservation_of(api, 'a-1', ONE, TWO)}")).json()
    assert (result["state"], result["result"]["applied"]) == ("applied", {"add": 2, "change": 0, "remove": 0})
    assert (result["done"], result["of"]) == (2, 2)
    assert (shown["source"], shown["ad_hoc"], shown["charger_id"]) == ("dispatch", False, "bay-1")
    assert (shown["start"], shown["end"]) == ("2026-12-01T17:00:00Z", "2026-12-01T19:00:00Z")
    assert shown["holder"] == {"vehicle_id": "bus-7", "identifiers": [], "withheld": []}
    assert shown["assignment"] == {
        "assignment_id": "a-1",
        "block_id": "b-1",
        "departure": "2026-12-02T04:30:00Z",
        "needed_kwh": 180,
        "needed_soc": None,
    }
    assert (await planned(api, ONE, TWO))["counts"]["unchanged"] == 2


async def test_plan_is_applied_once_and_its_events_name_it_as_their_cause(api: HttpApi) -> None:
    shown = await planned(api, ONE, TWO)
    before = await api.position()

    answers = [await apply(api, shown["plan_id"]) for _ in range(2)]

    log = await api.container.stores.store().read_log(after=before, limit=10)
    assert [type(each.event) for each in log] == [ReservationMade, ReservationMade]
    assert {each.envelope.causation_id for each in log} == {shown["plan_id"]}
    assert answers[0].json() == answers[1].json()


async def test_vehicles_that_exchange_chargers_are_changed_together(api: HttpApi) -> None:
    other = TWO.replace("Fast", "").replace("van-2,,", "van-2,bay-2,")
    await imported(api, ONE, other)

    result = await imported(api, "a-1,,,bay-2,,,,,,,", "a-2,,,bay-1,,,,,,,")

    assert result["result"]["applied"]["change"] == 2
    places = {row["assignment_id"]: row["charger_id"] for row in csv.DictReader(io.StringIO(await export(api)))}
    assert places == {"a-1": "bay-2", "a-2": "bay-1"}


async def test_cleared_cells_are_emptied_and_other_cells_stay(api: HttpApi) -> None:
    await imported(api, ONE)

    await imported(api, "a-1,,,,,,,-,-,90,-")

    shown = (await api.get(f"/v1/reservations/{await reservation_of(api, 'a-1', ONE)}")).json()
    assert shown["assignment"] == {
        "assignment_id": "a-1",
        "block_id": "b-1",
        "departure": None,
        "needed_kwh": None,
        "needed_soc": 90,
    }
    assert shown["note"] == ""


async def test_sheet_with_errors_is_applied_in_part_on_request_and_a_collision_becomes_a_conflict(api: HttpApi) -> None:
    booking = await booked(api)
    shown = await planned(api, ONE, f"a-9,,van-2,bay-2,,{EVENING},,,,")
    before = await api.position()

    refused = await apply(api, shown["plan_id"])
    nothing = await api.events_after(before)
    partial = await apply(api, shown["plan_id"], {"partial": True})

    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "import-has-errors")
    assert nothing == []
    assert partial.json()["result"]["applied"] == {"add": 1, "change": 0, "remove": 0}
    assert [row["line"] for row in partial.json()["result"]["left_out"]] == [2]
    conflicts = [each for each in await api.events_after(before) if isinstance(each, ReservationConflictDetected)]
    assert [(each.reservation_id, each.kind) for each in conflicts] == [(booking, "plan")]


async def test_rows_changed_since_the_plan_are_refused_or_left_out(api: HttpApi) -> None:
    await imported(api, ONE)
    shown = await planned(api, "a-1,,,bay-2,,,,,,,", "a-9,,van-2,bay-1,,2026-12-01 21:00,2026-12-01 22:00,,,,")
    await api.done(
        "PUT",
        f"/v1/reservations/{shown['rows'][0]['reservation_id']}",
        {
            "charger_id": "bay-1",
            "holder": {"vehicle_id": "van-2"},
            "start": "2026-12-01T17:00:00Z",
            "end": "2026-12-01T19:00:00Z",
        },
    )
    before = await api.position()

    stale = await apply(api, shown["plan_id"])
    unchanged = await api.position() == before
    partial = await apply(api, shown["plan_id"], {"partial": True})

    assert (stale.status_code, stale.json()["type"].rpartition(":")[2]) == (409, "import-plan-stale")
    assert "a-1 was changed since" in stale.json()["errors"][0]["message"]
    assert unchanged
    assert partial.json()["result"]["applied"] == {"add": 1, "change": 0, "remove": 0}


async def test_place_booked_since_the_plan_is_refused(api: HttpApi) -> None:
    shown = await planned(api, ONE)
    booking = await booked(api)
    before = await api.position()

    stale = await apply(api, shown["plan_id"])
    again = await apply(api, shown["plan_id"])

    assert (stale.status_code, stale.json()["type"].rpartition(":")[2]) == (409, "import-plan-stale")
    assert "partner has booked" in stale.json()["errors"][0]["message"]
    assert booking in stale.json()["errors"][0]["message"]
    assert again.status_code == 409
    assert await collisions(api, before) == [(booking, "plan", "assignment a-1")], "once"


async def test_place_booked_since_the_plan_is_left_out_of_a_partial_application_as_a_conflict(api: HttpApi) -> None:
    shown = await planned(api, ONE, f"a-9,,van-2,bay-2,,{EVENING},,,,")
    booking = await booked(api)
    before = await api.position()

    partial = await apply(api, shown["plan_id"], {"partial": True})

    assert partial.json()["result"]["applied"] == {"add": 1, "change": 0, "remove": 0}
    assert [row["line"] for row in partial.json()["result"]["left_out"]] == [2]
    assert await collisions(api, before) == [(booking, "plan", "assignment a-1")]


async def test_charger_retired_since_the_plan_is_refused(api: HttpApi) -> None:
    shown = await planned(api, f"a-1,,bus-7,bay-2,,{EVENING},,,,")
    assert (await api.send("DELETE", "/v1/chargers/bay-2")).is_success

    stale = await apply(api, shown["plan_id"])

    assert stale.json()["type"].rpartition(":")[2] == "import-plan-stale"


# --- removing --------------------------------------------------------------------------------------------------------


async def test_replace_cancels_only_entries_of_the_days_in_the_file_and_no_booking(api: HttpApi) -> None:
    tomorrow = "a-8,,van-2,bay-2,,2026-12-02 18:00,2026-12-02 20:00,,,,"
    await imported(api, ONE, TWO.replace("Fast", "").replace("van-2,,", "van-2,bay-2,"), tomorrow)

    shown = await planned(api, ONE, mode="replace")
    result = (await apply(api, shown["plan_id"])).json()

    removed = [row for row in shown["rows"] if row["action"] == "remove"]
    assert [(row["line"], row["assignment_id"], row["guard"]) for row in removed] == [(None, "a-2", None)]
    assert removed[0]["changes"]["vehicle_id"] == {"before": "van-2", "after": None}
    assert result["result"]["applied"] == {"add": 0, "change": 0, "remove": 1}
    keys = [row["assignment_id"] for row in csv.DictReader(io.StringIO(await export(api)))]
    assert keys == ["a-1", "a-8"]


async def test_replace_lists_and_cancels_an_entry_made_by_hand_before_the_first_plan_of_its_day(api: HttpApi) -> None:
    early = await by_hand(api, "2026-12-01T08:00:00Z", "2026-12-01T10:00:00Z")

    shown = await planned(api, ONE, mode="replace")
    applied = await apply(api, shown["plan_id"])

    removal = shown["rows"][-1]
    assert (removal["action"], removal["reservation_id"]) == ("remove", early["reservation_id"])
    assert applied.json()["result"]["applied"]["remove"] == 1


async def test_ad_hoc_entry_stays_unless_the_application_names_it(api: HttpApi) -> None:
    await imported(api, ONE)
    made = await by_hand(api, "2026-12-01T21:00:00Z", "2026-12-01T22:00:00Z")
    assert made["ad_hoc"] is True

    kept = await imported(api, ONE, mode="replace")
    again = await planned(api, ONE, mode="replace")
    unknown = await apply(api, again["plan_id"], {"entries": ["r-9"]})
    removed = await apply(api, again["plan_id"], {"entries": [made["reservation_id"]]})

    assert kept["result"]["applied"]["remove"] == 0
    assert "made or changed by hand" in kept["result"]["left_out"][0]["message"]
    assert [row["guard"] for row in again["rows"] if row["action"] == "remove"] == ["ad_hoc"]
    assert (unknown.status_code, unknown.json()["type"].rpartition(":")[2]) == (422, "import-entries-not-in-plan")
    assert removed.json()["result"]["applied"]["remove"] == 1


async def test_entry_that_has_begun_stays_unless_the_application_names_it(api: HttpApi) -> None:
    begun = "a-1,,bus-7,bay-1,,2026-11-18 12:00,2026-11-18 23:00,,,,"  # it is 13:00 in Berlin
    await imported(api, begun)

    shown = await planned(api, "a-1,,van-2,,,,,,,,")
    kept = await apply(api, shown["plan_id"])
    named = await apply(
        api, (await planned(api, "a-1,,van-2,,,,,,,,"))["plan_id"], {"entries": [shown["rows"][0]["reservation_id"]]}
    )

    assert shown["rows"][0]["guard"] == "begun"
    assert "has begun" in kept.json()["result"]["left_out"][0]["message"]
    assert named.json()["result"]["applied"]["change"] == 1


async def test_many_removals_need_their_number(api: HttpApi) -> None:
    hours = [f"a-{n},,bus-7,bay-1,,2026-12-01 {n:02}:00,2026-12-01 {n:02}:30,,,," for n in range(8, 20)]
    await imported(api, *hours)

    shown = await planned(api, hours[0], mode="replace")
    refused = await apply(api, shown["plan_id"])
    confirmed = await apply(api, shown["plan_id"], {"confirm_removals": 11})

    assert shown["confirm_removals"] == 11
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "import-removals-not-confirmed")
    assert confirmed.json()["result"]["applied"]["remove"] == 11


async def test_row_that_does_not_name_its_assignment_keeps_all_entries(api: HttpApi) -> None:
    await imported(api, ONE)

    shown = await planned(api, f",,bus-7,bay-2,,{EVENING},,,,", mode="replace")

    assert shown["counts"]["remove"] == 0


# --- export ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["merge", "replace"])
async def test_export_imports_as_unchanged_with_entries_made_by_hand_among_it(api: HttpApi, mode: str) -> None:
    await imported(api, ONE, TWO)
    card = {"holder": {"identifiers": [STRANGER]}}
    await by_hand(api, "2026-12-01T21:00:30Z", "2026-12-01T21:30:00Z", note="=1+1", **card)
    await by_hand(api, "2026-12-02T01:30:00Z", "2026-12-02T01:59:00Z", **card)

    file = await export(api)
    shown = (await plan(api, file, mode=mode)).json()

    assert shown["counts"] == {"add": 0, "change": 0, "remove": 0, "unchanged": 4, "error": 0}, shown["rows"]
    assert "'=1+1" in file


async def test_export_names_entries_that_share_an_assignment_by_their_own_ids(api: HttpApi) -> None:
    for hour in (18, 20):
        window = (f"2026-12-01T{hour}:00:00Z", f"2026-12-01T{hour}:30:00Z")
        await by_hand(api, *window, assignment={"assignment_id": "a-1"})

    file = await export(api)

    assert "a-1," not in file
    assert (await plan(api, file, mode="replace")).json()["counts"]["unchanged"] == 2


async def test_export_has_whole_operating_days_and_neither_bookings_nor_cancelled_entries(api: HttpApi) -> None:
    await imported(
        api,
        "a-1,,bus-7,bay-2,,2026-12-02 02:00,2026-12-02 02:30,,,,",
        "a-2,,bus-7,bay-2,,2026-12-02 03:00,2026-12-02 03:30,,,,",
    )
    await booked(api)
    made = await by_hand(api, "2026-12-01T21:00:00Z", "2026-12-01T22:00:00Z")
    await api.send("DELETE", f"/v1/reservations/{made['reservation_id']}?reason=moved")

    file = await export(api, "from=2026-12-01T12:00:00Z&until=2026-12-01T13:00:00Z")

    assert [row["assignment_id"] for row in csv.DictReader(io.StringIO(file))] == ["a-1"]


# --- callers ---------------------------------------------------------------------------------------------------------


async def test_caller_of_another_depot_neither_plans_nor_sees_nor_applies(api: HttpApi) -> None:
    shown = await planned(api, ONE)
    path = f"/v1/reservations/imports/{shown['plan_id']}"
    here, there = {"depots": ["north"]}, {"depots": ["south"]}

    answers = [
        (
            await plan(api, f"{HEADER}\n{ONE}\n", **who),
            await api.get(path, **who),
            await apply(api, shown["plan_id"], **who),
        )
        for who in (there, here)
    ]

    assert [[each.status_code for each in three] for three in answers] == [[404, 404, 404], [201, 200, 200]]
    assert (await plan(api, f"{HEADER}\n{ONE}\n", role=Role.VIEWER)).status_code == 403


async def test_history_of_the_sheet_is_in_the_events_of_each_change(api: HttpApi) -> None:
    await imported(api, ONE)
    before = await api.position()

    await imported(api, "a-1,,van-2,,,,,,,,")
    await imported(api, "a-9,,bus-7,bay-2,,2026-12-01 21:00,2026-12-01 22:00,,,,", mode="replace", entries=[])

    events = await api.events_after(before)
    assert [type(each) for each in events] == [ReservationChanged, ReservationCancelled, ReservationMade]
    assert events[1].reason == "Not in the dispatch sheet"


# --- crashes and races -----------------------------------------------------------------------------------------------


class Crash(Exception):
    pass


async def test_import_that_stopped_between_two_appends_is_resumed_and_keeps_what_others_changed(
    api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "EVENTS_AN_APPEND", 1)
    shown = await planned(
        api, ONE, f"a-2,,van-2,bay-2,,{EVENING},,,,", "a-3,,bus-7,bay-1,,2026-12-01 21:00,2026-12-01 22:00,,,,"
    )
    books = api.container.deciding.books()
    record, appended = books.record, 0

    async def crashes(*args: Any, **how: Any) -> Any:
        nonlocal appended
        appended += 1
        if appended == 3:
            raise Crash
        return await record(*args, **how)

    monkeypatch.setattr(books, "record", crashes)
    with pytest.raises(Crash):
        await api.container.commands.dispatch_imports().apply(
            Context(tenant_id=TenantId("acme"), actor=ActorId("tester"), correlation_id="c"),
            shown["plan_id"],
            ApplyOptions(),
            wait_s=60,
        )
    first = shown["rows"][0]["reservation_id"]
    noted = {"charger_id": "bay-1", "holder": {"vehicle_id": "van-2"}, "note": "By hand"}
    monkeypatch.setattr(books, "record", record)
    await api.settled()
    await api.done(
        "PUT", f"/v1/reservations/{first}", {**noted, "start": "2026-12-01T17:00:00Z", "end": "2026-12-01T19:00:00Z"}
    )
    stopped = (await api.get(f"/v1/reservations/imports/{shown['plan_id']}")).json()

    resumed = (await apply(api, shown["plan_id"])).json()

    assert (stopped["state"], stopped["done"], stopped["of"]) == ("applying", 2, 3)
    assert (resumed["state"], resumed["result"]["applied"]["add"]) == ("applied", 3)
    assert (await api.get(f"/v1/reservations/{first}")).json()["note"] == "By hand"


async def test_place_taken_while_the_import_was_stopped_ends_the_plan_as_failed(
    api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = await planned(api, ONE)
    books = api.container.deciding.books()
    record = books.record

    async def crashes(*args: Any, **how: Any) -> Any:
        raise Crash

    monkeypatch.setattr(books, "record", crashes)
    context = Context(tenant_id=TenantId("acme"), actor=ActorId("tester"), correlation_id="c")
    with pytest.raises(Crash):
        await api.container.commands.dispatch_imports().apply(context, shown["plan_id"], ApplyOptions(), wait_s=60)
    monkeypatch.setattr(books, "record", record)
    await booked(api)

    failed = await apply(api, shown["plan_id"])

    assert (failed.status_code, failed.json()["type"].rpartition(":")[2]) == (409, "import-failed")
    assert (await api.get(f"/v1/reservations/imports/{shown['plan_id']}")).json()["state"] == "failed"
