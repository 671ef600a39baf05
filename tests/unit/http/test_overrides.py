"""Overrides over HTTP: their ends, how long they may last, by whom and why; and rules corrected after the fact."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.domain.charger_access_policy.events import ModeOverridden
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import DEPOT, NIGHTS

PATH = "/v1/chargers/bay-1/overrides"
VISIT = {"mode": "freevend", "reason": "open day"}
NOW = "2026-11-18T12:00:00Z"


async def override(api: HttpApi, **body: Any) -> Any:
    return await api.send("POST", PATH, {**VISIT, **body})


async def segments(api: HttpApi, start: str, until: str, **query: str) -> list[tuple[str, str, str]]:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    found = await api.get(f"/v1/chargers/bay-1/timeline?from={start}&until={until}{more}")
    assert found.status_code == 200, found.text
    return [(s["start"], s["mode"], s["cause"]["name"]) for s in found.json()["segments"]]


# --- how an override ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "starts", "ends"),
    [
        ({"until": "2026-11-18T14:30:00Z"}, NOW, "2026-11-18T14:30:00Z"),
        ({"until": "2026-11-18T15:30:00+01:00"}, NOW, "2026-11-18T14:30:00Z"),
        ({"for": "PT2H"}, NOW, "2026-11-18T14:00:00Z"),
        ({"from": "2026-11-19T08:00:00Z", "for": "P1DT30M"}, "2026-11-19T08:00:00Z", "2026-11-20T08:30:00Z"),
        ({"until_next_transition": True}, NOW, "2026-11-18T21:00:00Z"),  # 22:00 in Berlin
        (
            {"from": "2026-11-18T23:00:00Z", "until_next_transition": True},
            "2026-11-18T23:00:00Z",
            "2026-11-19T05:00:00Z",
        ),
        ({"for": "P7D"}, NOW, "2026-11-25T12:00:00Z"),
    ],
)
async def test_an_override_ends_when_it_says(api: HttpApi, body: Any, starts: str, ends: str) -> None:
    await api.recorded(
        ("PUT", "/v1/chargers/bay-1", {**(await settings_of(api)), "baseline_mode": "freevend"}),
        ("POST", "/v1/chargers/bay-1/mode-rules", NIGHTS),
    )

    made = await override(api, **body)

    assert made.status_code == 201, made.text
    assert (made.json()["from"], made.json()["until"]) == (starts, ends)
    shown = (await api.get("/v1/chargers/bay-1")).json()["overrides"]
    assert shown == [
        {
            "override_id": made.json()["override_id"],
            "mode": "freevend",
            "from": starts,
            "until": ends,
            "reason": "open day",
            "made_by": "tester",
        }
    ]


async def settings_of(api: HttpApi) -> dict[str, Any]:
    charger = (await api.get("/v1/chargers/bay-1")).json()
    return {name: charger[name] for name in ("charge_point_id", "depot_id", "profile", "baseline_mode")}


async def test_an_override_has_exactly_one_end_and_a_reason(api: HttpApi) -> None:
    for body in ({}, {"for": "PT1H", "until": "2026-11-19T00:00:00Z"}, {"for": "PT1H", "until_next_transition": True}):
        assert (await override(api, **body)).status_code == 422
    for reason in ("", " "):
        assert (await override(api, **{"for": "PT1H", "reason": reason})).status_code == 422
    assert (await api.send("POST", PATH, {"mode": "freevend", "for": "PT1H"})).status_code == 422


async def test_an_override_names_the_person_who_made_it(api: HttpApi) -> None:
    (event,) = await api.recorded(("POST", PATH, {**VISIT, "for": "PT1H"}))

    assert isinstance(event, ModeOverridden)
    assert (event.made_by, event.reason) == ("tester", "open day")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"for": "P7DT1S"}, "override-too-long"),
        ({"from": "2026-11-18T11:59:59Z", "for": "PT1H"}, "override-in-the-past"),
        ({"until": "2026-11-18T12:00:00Z"}, "override-invalid"),
        ({"until_next_transition": True}, "no-next-transition"),
    ],
)
async def test_an_override_that_cannot_be_says_why(api: HttpApi, body: Any, code: str) -> None:
    refused = await override(api, **body)

    assert refused.status_code == 422
    assert refused.json()["type"].endswith(f":{code}")


async def test_the_depot_says_how_long_an_override_may_last(api: HttpApi) -> None:
    await api.recorded(("PUT", "/v1/depots/north", {**DEPOT, "longest_override_days": 1}))

    assert (await override(api, **{"for": "PT25H"})).json()["type"].endswith(":override-too-long")
    assert (await override(api, **{"for": "PT24H"})).status_code == 201


async def test_of_two_overrides_the_later_made_holds_and_when_lifted_the_earlier_one_again(api: HttpApi) -> None:
    await override(api, **{"for": "PT4H"})
    later = await override(api, **{"for": "PT1H", "mode": "managed", "reason": "closed again"})
    hours = (NOW, "2026-11-18T16:00:00Z")

    assert [name for *_, name in await segments(api, *hours)] == ["closed again", "open day"]
    api.container.clock().forward(minutes=30)
    await api.send("DELETE", f"{PATH}/{later.json()['override_id']}")
    assert await segments(api, *hours) == [
        (NOW, "managed", "closed again"),
        ("2026-11-18T12:30:00Z", "freevend", "open day"),
    ]


# --- corrected after the fact -----------------------------------------------------------------------------------------


async def test_a_rule_is_corrected_after_the_fact_and_what_was_planned_before_can_still_be_seen(api: HttpApi) -> None:
    clock = api.container.clock()
    opened = {**NIGHTS, "mode": "freevend", "applies_from": "2026-11-10"}
    made = await api.send("POST", "/v1/chargers/bay-1/mode-rules", opened)
    path = f"/v1/chargers/bay-1/mode-rules/{made.json()['rule_id']}"
    night = ("2026-11-18T12:00:00Z", "2026-11-19T12:00:00Z")
    clock.forward(days=2)

    corrected = await api.send("PUT", path, {**opened, "applies_until": "2026-11-18"})

    assert corrected.status_code == 200, corrected.text
    assert {mode for _, mode, _ in await segments(api, *night)} == {"managed"}
    assert [mode for _, mode, _ in await segments(api, *night, as_of="2026-11-19T00:00:00Z")] == [
        "managed",
        "freevend",
        "managed",
    ]


async def test_a_new_rule_that_lies_wholly_in_the_past_is_refused_with_an_explanation(api: HttpApi) -> None:
    past = {**NIGHTS, "applies_from": "2026-10-01", "applies_until": "2026-11-18"}

    refused = await api.send("POST", "/v1/chargers/bay-1/mode-rules", past)
    for_many = await api.send("POST", "/v1/depots/north/mode-rules", {"charger_ids": "all", "rule": past})

    assert refused.status_code == 422
    assert refused.json()["type"].endswith(":rule-never-occurs")
    assert refused.json()["errors"][0]["pointer"] == "/applies_until"
    assert "entirely in the past" in refused.json()["detail"]
    assert for_many.json()["results"][0]["problem"]["code"] == "rule-never-occurs"
