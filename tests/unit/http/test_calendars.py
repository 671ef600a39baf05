"""Holiday calendars of a depot over HTTP: as JSON, from .ics files, in rules and exceptions, and as they were."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from access_policy.application.context import Context
from access_policy.application.ports.identity import Role
from access_policy.domain.charger_access_policy.events import HolidayCalendarDropped, HolidayCalendarTaken
from access_policy.domain.depots.depot import HolidayCalendarPut, HolidayCalendarRemoved
from access_policy.domain.ids import ActorId, TenantId
from access_policy.entrypoints.http.v1.calendar_bodies import CalendarBody
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import CHARGER, DEPOT, NIGHTS

PATH = "/v1/depots/north/calendars/bavaria"
CHRISTMAS = {"date": "2026-12-25", "until_date": "2026-12-26", "reason": "Christmas"}
EPIPHANY = {"date": "2027-01-06", "until_date": "2027-01-06", "reason": "Epiphany"}
BODY = {"name": "Bavaria", "days": [CHRISTMAS, {"date": "2027-01-06", "reason": "Epiphany"}]}
OPEN = {"mode": "freevend", "calendar_id": "bavaria", "reason": "open on holidays"}
ICS = b"""BEGIN:VCALENDAR
VERSION:2.0
X-WR-CALNAME:Feiertage
BEGIN:VEVENT
UID:1
DTSTART;VALUE=DATE:20101225
RRULE:FREQ=YEARLY
SUMMARY:Weihnachten
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART;VALUE=DATE:20200101
SUMMARY:Vorbei
END:VEVENT
END:VCALENDAR
"""


async def put_ics(api: HttpApi, query: str = "", content: bytes = ICS) -> Any:
    return await api.send(
        "PUT", PATH + query, content=content, headers={"Content-Type": "text/calendar; charset=utf-8"}
    )


async def causes(api: HttpApi, start: str, until: str, **query: str) -> list[tuple[str, str, str]]:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    found = await api.get(f"/v1/chargers/bay-1/timeline?from={start}T00:00:00Z&until={until}T00:00:00Z{more}")
    assert found.status_code == 200, found.text
    return [(s["start_local"][:16], s["mode"], s["cause"]["name"]) for s in found.json()["segments"]]


# --- putting, reading, removing ---------------------------------------------------------------------------------------


async def test_a_calendar_is_put_and_each_charger_of_the_depot_takes_it(api: HttpApi) -> None:
    events = await api.recorded(("PUT", PATH, BODY))
    shown = await api.get(PATH)
    listed = await api.get("/v1/depots/north/calendars")

    assert [type(event) for event in events] == [HolidayCalendarPut, HolidayCalendarTaken]
    assert events[0].calendar == events[1].calendar
    assert shown.json() == {
        "depot_id": "north",
        "calendar_id": "bavaria",
        "name": "Bavaria",
        "days": [CHRISTMAS, EPIPHANY],
        "used_by": [],
        "version": 2,
    }
    assert shown.headers["ETag"] == '"2"'
    summary = {"depot_id": "north", "calendar_id": "bavaria", "name": "Bavaria", "day_count": 3, "version": 2}
    assert listed.json() == {"items": [summary], "next_cursor": None}


async def test_the_same_calendar_again_records_nothing_and_a_change_only_itself(api: HttpApi) -> None:
    first = await api.send("PUT", PATH, BODY)
    again = await api.send("PUT", PATH, {**BODY, "days": BODY["days"][::-1]})
    changed = await api.recorded(("PUT", PATH, {**BODY, "name": "Bayern"}))

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["left_out"] == 0
    assert [type(event) for event in changed] == [HolidayCalendarPut, HolidayCalendarTaken]


async def test_a_put_of_the_depot_compares_its_own_version_not_that_of_its_calendars(api: HttpApi) -> None:
    before = await api.get("/v1/depots/north")
    await api.recorded(("PUT", PATH, BODY))

    renamed = await api.send(
        "PUT", "/v1/depots/north", {**DEPOT, "name": "Nord"}, headers={"If-Match": before.headers["ETag"]}
    )

    assert renamed.status_code == 200, renamed.text
    assert (await api.get("/v1/depots/north")).headers["ETag"] == renamed.headers["ETag"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_calendar_is_changed_only_at_the_version_its_author_saw(api: HttpApi, method: str) -> None:
    await api.recorded(("PUT", PATH, BODY))
    body = {**BODY, "name": "Bayern"} if method == "PUT" else None

    stale = await api.send(method, PATH, body, headers={"If-Match": '"1"'})
    fresh = await api.send(method, PATH, body, headers={"If-Match": '"2"'})

    assert (stale.status_code, stale.headers["ETag"]) == (412, '"2"')
    assert fresh.is_success


async def test_a_put_that_was_interrupted_is_completed_by_the_next_one(api: HttpApi) -> None:
    await api.recorded(("PUT", PATH, BODY))
    policy = await api.container.deciding.policies().get("acme", "bay-1")  # type: ignore[arg-type]
    lost = (HolidayCalendarDropped(charger_id=policy.charger_id, calendar_id="bavaria"),)  # type: ignore[arg-type]
    context = _context()
    await api.container.deciding.policies().record(
        context, policy.charger_id, lost, expected_version=policy.version, now=api.container.clock().now()
    )

    repaired = await api.recorded(("PUT", PATH, BODY))

    assert [type(event) for event in repaired] == [HolidayCalendarTaken]


async def test_a_calendar_in_use_is_not_removed_and_the_refusal_names_the_chargers(api: HttpApi) -> None:
    await api.recorded(("PUT", PATH, BODY))
    rule = await api.send("POST", "/v1/chargers/bay-1/mode-rules", {**NIGHTS, "except_calendars": ["bavaria"]})

    refused = await api.send("DELETE", PATH)
    used_by = (await api.get(PATH)).json()["used_by"]
    await api.send("DELETE", f"/v1/chargers/bay-1/mode-rules/{rule.json()['rule_id']}")
    gone = await api.recorded(("DELETE", PATH, None))

    assert refused.status_code == 409
    assert "bay-1" in refused.json()["detail"]
    assert refused.json()["type"].endswith(":holiday-calendar-in-use")
    assert used_by == ["bay-1"]
    assert [type(event) for event in gone] == [HolidayCalendarRemoved, HolidayCalendarDropped]
    assert (await api.get(PATH)).status_code == 404
    assert (await api.send("DELETE", PATH)).status_code == 404


async def test_a_charger_that_comes_later_has_the_calendars_and_one_that_moves_has_those_of_its_new_depot(
    api: HttpApi,
) -> None:
    await api.recorded(("PUT", PATH, BODY), ("PUT", "/v1/depots/south", {**DEPOT, "name": "South"}))
    bay_2 = {**CHARGER, "charge_point_id": "CP-2"}

    registered = await api.recorded(("PUT", "/v1/chargers/bay-2", bay_2))
    moved = await api.recorded(("PUT", "/v1/chargers/bay-2", {**bay_2, "depot_id": "south"}))
    await api.recorded(("POST", "/v1/chargers/bay-1/exceptions", OPEN))
    stays = await api.send("PUT", "/v1/chargers/bay-1", {**CHARGER, "depot_id": "south"})

    assert HolidayCalendarTaken in {type(event) for event in registered}
    assert HolidayCalendarDropped in {type(event) for event in moved}
    assert stays.status_code == 409
    assert stays.json()["errors"][0]["pointer"] == "/depot_id"


async def test_a_viewer_reads_calendars_and_another_tenant_sees_none(api: HttpApi) -> None:
    await api.recorded(("PUT", PATH, BODY))

    assert (await api.get(PATH, role=Role.VIEWER)).status_code == 200
    assert (await api.send("PUT", PATH, BODY, role=Role.VIEWER)).status_code == 403
    for method, body in (("GET", None), ("PUT", BODY), ("DELETE", None)):
        assert (await api.send(method, PATH, body, tenant="rival")).status_code == 404
    assert (await api.get("/v1/depots/north/calendars", tenant="rival")).status_code == 404


async def test_a_calendar_put_twice_under_one_key_is_put_once(api: HttpApi) -> None:
    key = {"Idempotency-Key": "once"}
    first = await api.send("PUT", PATH, BODY, headers=key)
    again = await api.send("PUT", PATH, BODY, headers=key)

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({**BODY, "days": []}, "/days"),
        ({**BODY, "days": [{"date": "2026-12-32", "reason": "x"}]}, "/days/0/date"),
        ({**BODY, "days": [{"date": "2026-12-25"}]}, "/days/0/reason"),
        ({**BODY, "days": [{"date": "2026-12-25", "until_date": "2026-12-24", "reason": "x"}]}, "/days/0"),
        ({"days": [CHRISTMAS]}, "/name"),
        ({**BODY, "extra": 1}, "/extra"),
        ([], ""),
    ],
)
async def test_a_calendar_that_cannot_be_is_pointed_at_and_leaves_no_event(
    api: HttpApi, body: Any, pointer: str
) -> None:
    before = await api.position()
    refused = await api.send("PUT", PATH, body)

    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert await api.position() == before


async def test_a_body_that_is_no_json_or_of_another_kind_is_refused(api: HttpApi) -> None:
    no_json = await api.send("PUT", PATH, content=b"{", headers={"Content-Type": "application/json"})
    other = await api.send("PUT", PATH, content=b"a,b", headers={"Content-Type": "text/csv"})

    assert (no_json.status_code, other.status_code) == (400, 422)
    assert CalendarBody.model_validate(BODY).name == "Bavaria"


# --- .ics files -------------------------------------------------------------------------------------------------------


async def test_an_ics_file_becomes_days_of_this_year_and_the_next_two(api: HttpApi) -> None:
    put = await put_ics(api)

    assert put.status_code == 201, put.text
    assert (put.json()["name"], put.json()["left_out"]) == ("Feiertage", 1)
    assert [day["date"] for day in put.json()["days"]] == ["2026-12-25", "2027-12-25", "2028-12-25"]
    assert {day["reason"] for day in put.json()["days"]} == {"Weihnachten"}


async def test_the_years_and_the_name_of_an_ics_file_can_be_given(api: HttpApi) -> None:
    one_year = await put_ics(api, "?years=2030&name=Bavaria")
    years = await put_ics(api, "?years=2020-2022")

    assert (one_year.json()["name"], one_year.json()["days"][0]["date"]) == ("Bavaria", "2030-12-25")
    assert (len(years.json()["days"]), years.json()["left_out"]) == (4, 0)


async def test_the_same_ics_file_again_records_nothing(api: HttpApi) -> None:
    await put_ics(api)
    before = await api.position()

    assert (await put_ics(api)).status_code == 200
    assert await api.position() == before


@pytest.mark.parametrize(
    ("query", "content", "said"),
    [
        (
            "",
            ICS.replace(b"RRULE:FREQ=YEARLY", b"RRULE:FREQ=HOURLY"),
            "The event '1' (line 5) recurs in an unsupported way",
        ),
        ("", b"hello", "line 1 is not NAME:VALUE"),
        ("", ICS.replace(b"X-WR-CALNAME:Feiertage\n", b""), "name the calendar with ?name="),
        ("?years=2026-2099", ICS, "years must be 1 to 10 years"),
        ("?years=soon", ICS, "/years"),
        ("?years=2021", ICS.replace(b"RRULE:FREQ=YEARLY\n", b""), "must have 1 to 1000 entries; this one has 0"),
    ],
)
async def test_an_ics_file_that_cannot_be_read_says_where(api: HttpApi, query: str, content: bytes, said: str) -> None:
    refused = await put_ics(api, query, content)

    assert refused.status_code == 422, refused.text
    assert said in refused.json()["detail"]


# --- in use -----------------------------------------------------------------------------------------------------------


async def test_a_rule_keeps_off_the_days_of_its_calendars(api: HttpApi) -> None:
    await api.recorded(("PUT", PATH, BODY))
    body = {**NIGHTS, "mode": "freevend", "start": "08:00", "end": "18:00", "except_calendars": ["bavaria"]}

    made = await api.send("POST", "/v1/chargers/bay-1/mode-rules", body)
    shown = await api.get("/v1/chargers/bay-1")

    assert made.status_code == 201, made.text
    assert shown.json()["mode_rules"][0]["except_calendars"] == ["bavaria"]
    assert shown.json()["mode_rules"][0]["extra_calendars"] == []
    opened = [start for start, mode, _ in await causes(api, "2026-12-24", "2026-12-28") if mode == "freevend"]
    assert opened == ["2026-12-24T08:00", "2026-12-27T08:00"]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("mode-rules", {**NIGHTS, "extra_calendars": ["hesse"]}, "/extra_calendars"),
        ("mode-rules", {**NIGHTS, "except_calendars": ["hesse"]}, "/except_calendars"),
        ("exceptions", {**OPEN, "calendar_id": "hesse"}, "/calendar_id"),
    ],
)
async def test_an_unknown_calendar_is_pointed_at(api: HttpApi, path: str, body: Any, pointer: str) -> None:
    refused = await api.send("POST", f"/v1/chargers/bay-1/{path}", body)

    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert "hesse" in refused.json()["detail"]


async def test_an_exception_by_calendar_names_the_holiday_and_is_removed_like_any_other(api: HttpApi) -> None:
    await api.recorded(("PUT", PATH, BODY))
    made = await api.send("POST", "/v1/chargers/bay-1/exceptions", OPEN)
    shown = (await api.get("/v1/chargers/bay-1")).json()["exceptions"]
    with_it = await causes(api, "2026-12-24", "2026-12-28")
    await api.send("DELETE", f"/v1/chargers/bay-1/exceptions/{made.json()['exception_id']}")

    assert made.status_code == 201, made.text
    assert shown == [{**OPEN, "exception_id": made.json()["exception_id"], "date": None, "until_date": None}]
    assert [name for _, mode, name in with_it if mode == "freevend"] == ["Christmas"]
    assert {mode for _, mode, _ in await causes(api, "2026-12-24", "2026-12-28")} == {"managed"}


@pytest.mark.parametrize(
    "body",
    [
        {**OPEN, "date": "2026-12-25"},
        {**OPEN, "until_date": "2026-12-25"},
        {"mode": "freevend", "reason": "which days?"},
    ],
)
async def test_an_exception_is_for_dates_or_for_a_calendar(api: HttpApi, body: Any) -> None:
    await api.recorded(("PUT", PATH, BODY))

    assert (await api.send("POST", "/v1/chargers/bay-1/exceptions", body)).status_code == 422


async def test_what_was_planned_at_a_past_instant_is_planned_with_the_calendar_as_it_was_then(api: HttpApi) -> None:
    clock = api.container.clock()
    await api.recorded(("PUT", PATH, BODY), ("POST", "/v1/chargers/bay-1/exceptions", OPEN))
    before = clock.now()
    clock.forward(hours=1)
    await api.recorded(("PUT", PATH, {"name": "Bavaria", "days": [EPIPHANY]}))
    day = ("2026-12-24", "2026-12-28")

    then = await causes(api, *day, as_of=f"{before:%Y-%m-%dT%H:%M:%SZ}")
    too_early = f"{before - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    never = await api.get(f"/v1/chargers/bay-1/timeline?as_of={too_early}")

    assert "Christmas" in {name for *_, name in then}
    assert {name for *_, name in await causes(api, *day)} == {"baseline"}
    assert never.status_code == 404


def _context() -> Context:
    return Context(tenant_id=TenantId("acme"), actor=ActorId("tester"), correlation_id="c")


async def test_a_json_calendar_with_a_byte_order_mark_is_taken(api: HttpApi) -> None:
    body = b'\xef\xbb\xbf{"name": "Holidays", "days": [{"date": "2026-12-25", "reason": "Christmas"}]}'

    answer = await api.send("PUT", "/v1/depots/north/calendars/holidays", content=body)

    assert answer.status_code == 201, answer.text


async def test_events_with_times_are_named_in_the_answer_and_taken_only_when_asked_for(api: HttpApi) -> None:
    shift = b"BEGIN:VEVENT\r\nUID:s\r\nDTSTART:20261224T070000Z\r\nDTEND:20261224T160000Z\r\nSUMMARY:Shift\r\nEND:VEVENT\r\n"
    content = ICS.replace(b"END:VCALENDAR", shift.replace(b"\r\n", b"\n") + b"END:VCALENDAR")

    left_out = (await put_ics(api, content=content)).json()
    taken = (await put_ics(api, "?timed=true", content=content)).json()

    shown = {"uid": "s", "summary": "Shift", "starts_at": "2026-12-24T07:00:00Z", "imported": False}
    assert left_out["timed_events"] == [shown]
    assert taken["timed_events"] == [{**shown, "imported": True}]
    assert "2026-12-24" not in [each["date"] for each in left_out["days"]]
    assert "2026-12-24" in [each["date"] for each in taken["days"]]


# --- one holiday more -------------------------------------------------------------------------------------------------


async def test_holiday_is_added_to_the_named_calendars_and_the_answer_lists_them(api: HttpApi) -> None:
    await api.recorded(("PUT", PATH, BODY), ("PUT", "/v1/depots/north/calendars/schools", BODY))
    may = {"date": "2027-05-05", "reason": "Liberation Day"}

    added = await api.send("POST", "/v1/depots/north/holidays", {**may, "calendar_ids": ["bavaria"]})

    assert (added.status_code, [each["calendar_id"] for each in added.json()["items"]]) == (200, ["bavaria"])
    assert added.json()["items"][0]["day_count"] == 4
    assert {**may, "until_date": "2027-05-05"} in (await api.get(PATH)).json()["days"]
    everywhere = await api.send("POST", "/v1/depots/north/holidays", {**may, "calendar_ids": "all"})
    assert [each["day_count"] for each in everywhere.json()["items"]] == [4, 4]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"until_date": "2027-05-04"}, "/until_date"),
        ({"reason": " "}, "/reason"),
        ({"date": "2027-02-30"}, "/date"),
        ({"calendar_ids": []}, "/calendar_ids"),
    ],
)
async def test_holiday_that_cannot_be_is_refused_at_its_field(api: HttpApi, changes: Any, pointer: str) -> None:
    await api.recorded(("PUT", PATH, BODY))
    body = {"date": "2027-05-05", "reason": "Liberation Day", "calendar_ids": "all", **changes}

    refused = await api.send("POST", "/v1/depots/north/holidays", body)

    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"].startswith(pointer)
