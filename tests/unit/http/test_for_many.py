"""One change for many chargers over HTTP: dry runs that show before and after, and policies copied from one to others."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.application.ports.identity import Role
from access_policy.domain.charger_access_policy.events import ModeExceptionAdded, ModeScheduled, ModeScheduleWithdrawn
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import CHARGER, DEPOT, NIGHTS

FOR_ALL = "/v1/depots/north/mode-rules"
COPY = "/v1/chargers/bay-1/copy-policy"
OPEN_DAYS = {"name": "Days", "mode": "freevend", "recurrence": "FREQ=DAILY", "start": "08:00", "end": "18:00"}
CHRISTMAS = {"date": "2026-12-25", "mode": "freevend", "reason": "Christmas"}
TWO_DAYS = {"from": "2026-12-01T00:00:00Z", "until": "2026-12-03T00:00:00Z"}


def modes(segments: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(segment["start_local"][:16], segment["mode"]) for segment in segments]


async def timeline(api: HttpApi, charger_id: str) -> list[dict[str, Any]]:
    found = await api.get(f"/v1/chargers/{charger_id}/timeline?from={TWO_DAYS['from']}&until={TWO_DAYS['until']}")
    segments: list[dict[str, Any]] = found.json()["segments"]
    return segments


# --- dry runs ---------------------------------------------------------------------------------------------------------


async def test_a_dry_run_shows_before_and_after_and_where_they_differ_and_records_nothing(two: HttpApi) -> None:
    before = await two.position()
    answer = await two.send("POST", FOR_ALL, {"charger_ids": "all", "rule": OPEN_DAYS, "dry_run": True, **TWO_DAYS})

    assert answer.status_code == 200, answer.text
    assert await two.position() == before
    assert [result["charger_id"] for result in answer.json()["results"]] == ["bay-1", "bay-2"]
    result = answer.json()["results"][0]
    assert (result["ok"], result["rule_id"], result["time_zone"]) == (True, None, "Europe/Berlin")
    assert (result["from"], result["until"]) == (TWO_DAYS["from"], TWO_DAYS["until"])
    assert modes(result["before"]) == [("2026-12-01T01:00", "managed")]
    assert modes(result["after"]) == [
        ("2026-12-01T01:00", "managed"),
        ("2026-12-01T08:00", "freevend"),
        ("2026-12-01T18:00", "managed"),
        ("2026-12-02T08:00", "freevend"),
        ("2026-12-02T18:00", "managed"),
    ]
    assert result["changes"][0] == {
        "start": "2026-12-01T07:00:00Z",
        "end": "2026-12-01T17:00:00Z",
        "start_local": "2026-12-01T08:00:00+01:00",
        "end_local": "2026-12-01T18:00:00+01:00",
        "before": {"mode": "managed", "cause": {"kind": "baseline", "id": None, "name": "baseline"}},
        "after": {"mode": "freevend", "cause": {"kind": "rule", "id": "dry-run", "name": "Days"}},
    }
    assert len(result["changes"]) == 2


async def test_what_a_dry_run_showed_is_what_happens_then(two: HttpApi) -> None:
    body = {"charger_ids": ["bay-2"], "rule": OPEN_DAYS}
    shown = (await two.send("POST", FOR_ALL, {**body, "dry_run": True, **TWO_DAYS})).json()["results"][0]
    assert modes(await timeline(two, "bay-2")) == modes(shown["before"])
    await two.send("POST", FOR_ALL, body)

    assert modes(await timeline(two, "bay-2")) == modes(shown["after"])


async def test_a_dry_run_shows_two_weeks_from_now_and_no_changes_where_there_are_none(two: HttpApi) -> None:
    far = {**OPEN_DAYS, "applies_from": "2027-06-01"}
    result = (await two.send("POST", FOR_ALL, {"charger_ids": "all", "rule": far, "dry_run": True})).json()["results"][
        0
    ]

    assert (result["from"], result["until"]) == ("2026-11-18T12:00:00Z", "2026-12-02T12:00:00Z")
    assert result["changes"] == []
    assert result["before"] == result["after"]


async def test_what_one_charger_refuses_is_said_beside_what_others_would_become(two: HttpApi) -> None:
    body = {"charger_ids": ["bay-1", "bay-9"], "rule": OPEN_DAYS, "dry_run": True}
    shown, refused = (await two.send("POST", FOR_ALL, body)).json()["results"]

    assert shown["ok"] is True
    assert (refused["ok"], refused["problem"]["code"], "before" in refused) == (False, "charger-not-found", False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dry_run": True, "from": "2026-12-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"},
        {"dry_run": True, "until": "2027-03-01T00:00:00Z"},  # 103 days
        {"dry_run": False, "until": "2026-12-01T00:00:00Z"},
        {"from": "2026-12-01T00:00:00Z"},
        {"dry_run": True, "charger_ids": [f"c{number}" for number in range(2_000)]},
    ],
)
@pytest.mark.parametrize("path", [FOR_ALL, COPY])
async def test_what_a_dry_run_cannot_show_is_refused(two: HttpApi, path: str, wrong: Any) -> None:
    body = {"charger_ids": "all", **({"rule": OPEN_DAYS} if path == FOR_ALL else {}), **wrong}
    before = await two.position()

    assert (await two.send("POST", path, body)).status_code == 422
    assert await two.position() == before


# --- copying ----------------------------------------------------------------------------------------------------------


async def test_a_policy_is_copied_to_all_others_of_the_depot(two: HttpApi) -> None:
    await two.recorded(
        ("POST", "/v1/chargers/bay-1/mode-rules", OPEN_DAYS),
        ("POST", "/v1/chargers/bay-1/exceptions", CHRISTMAS),
        ("POST", "/v1/chargers/bay-2/mode-rules", NIGHTS),
        ("PUT", "/v1/depots/south", DEPOT),
        ("PUT", "/v1/chargers/far", {**CHARGER, "charge_point_id": "CP-3", "depot_id": "south"}),
    )
    before = await two.position()

    answer = await two.send("POST", COPY, {"charger_ids": "all"})
    again = await two.send("POST", COPY, {"charger_ids": "all"})

    assert answer.status_code == 200, answer.text
    assert answer.json()["results"] == [{"charger_id": "bay-2", "ok": True, "change_count": 3}]
    assert again.json()["results"] == [{"charger_id": "bay-2", "ok": True, "change_count": 0}]
    kinds = [type(event) for event in await two.events_after(before)]
    assert kinds == [ModeScheduleWithdrawn, ModeScheduled, ModeExceptionAdded]
    mine, theirs = [(await two.get(f"/v1/chargers/{bay}")).json() for bay in ("bay-1", "bay-2")]
    assert (mine["mode_rules"], mine["exceptions"]) == (theirs["mode_rules"], theirs["exceptions"])
    assert await timeline(two, "bay-1") == await timeline(two, "bay-2")


async def test_parts_are_copied_as_asked_and_nothing_goes_without_replace(two: HttpApi) -> None:
    await two.recorded(
        ("PUT", "/v1/chargers/bay-1", {**CHARGER, "baseline_mode": "freevend", "enforcement": "observe"}),
        ("POST", "/v1/chargers/bay-1/mode-rules", OPEN_DAYS),
        ("POST", "/v1/chargers/bay-2/mode-rules", NIGHTS),
    )
    what = {"rules": True, "exceptions": False, "baseline_mode": False, "enforcement": True}

    await two.recorded(("POST", COPY, {"charger_ids": ["bay-2"], "what": what, "replace": False}))

    copied = (await two.get("/v1/chargers/bay-2")).json()
    assert {rule["name"] for rule in copied["mode_rules"]} == {"Nights", "Days"}
    assert (copied["baseline_mode"], copied["enforcement"]) == ("managed", "observe")


async def test_a_dry_run_of_a_copy_shows_before_and_after_and_records_nothing(two: HttpApi) -> None:
    await two.recorded(("POST", "/v1/chargers/bay-1/mode-rules", OPEN_DAYS))
    before = await two.position()

    answer = await two.send("POST", COPY, {"charger_ids": ["bay-2"], "dry_run": True, **TWO_DAYS})
    result = answer.json()["results"][0]

    assert await two.position() == before
    assert (result["ok"], result["change_count"], len(result["changes"])) == (True, 1, 2)
    assert modes(result["before"]) == modes(await timeline(two, "bay-2"))
    assert modes(result["after"]) == modes(await timeline(two, "bay-1"))


async def test_a_copy_says_for_each_charger_what_kept_it_from_taking_it(two: HttpApi) -> None:
    calendar = {"name": "Bavaria", "days": [{"date": "2026-12-25", "reason": "Christmas"}]}
    await two.recorded(
        ("PUT", "/v1/depots/north/calendars/bavaria", calendar),
        ("POST", "/v1/chargers/bay-1/mode-rules", {**OPEN_DAYS, "except_calendars": ["bavaria"]}),
        ("PUT", "/v1/depots/south", DEPOT),
        ("PUT", "/v1/chargers/far", {**CHARGER, "charge_point_id": "CP-3", "depot_id": "south"}),
    )

    results = (await two.send("POST", COPY, {"charger_ids": ["bay-2", "far", "nobody"]})).json()["results"]

    assert [result["ok"] for result in results] == [True, False, False]
    assert [r["problem"]["code"] for r in results[1:]] == ["holiday-calendar-unknown", "charger-not-found"]


async def test_a_copy_needs_a_source_in_service_something_to_copy_and_an_operator(two: HttpApi) -> None:
    nothing = dict.fromkeys(("rules", "exceptions", "baseline_mode", "enforcement"), False)

    assert (await two.send("POST", COPY, {"charger_ids": "all", "what": nothing})).status_code == 422
    assert (await two.send("POST", COPY, {"charger_ids": "all"}, role=Role.VIEWER)).status_code == 403
    assert (await two.send("POST", COPY, {"charger_ids": "all"}, tenant="rival")).status_code == 404
    await two.recorded(("DELETE", "/v1/chargers/bay-1", None))
    assert (await two.send("POST", COPY, {"charger_ids": "all"})).status_code == 409
