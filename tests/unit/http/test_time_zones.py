"""A time zone that is not a name of the IANA database is refused, also where leaving it out means the depot's."""

from __future__ import annotations

from typing import Any

from tests.support.http_api import HttpApi
from tests.unit.http.conftest import DEPOT, NIGHTS

EMPTY_ZONE = {**NIGHTS, "time_zone": ""}
WHAT_IF = {
    "from": "2026-11-01T00:00:00Z",
    "until": "2026-11-18T00:00:00Z",
    "changes": {"rules": [{"rule": EMPTY_ZONE}]},
}


async def test_an_empty_time_zone_is_refused_as_unknown_wherever_one_is_given(api: HttpApi) -> None:
    made = (await api.send("POST", "/v1/chargers/bay-1/mode-rules", NIGHTS)).json()
    before = await api.position()
    requests: list[tuple[str, str, Any]] = [
        ("PUT", "/v1/depots/north", {**DEPOT, "time_zone": ""}),
        ("POST", "/v1/chargers/bay-1/mode-rules", EMPTY_ZONE),
        ("PUT", f"/v1/chargers/bay-1/mode-rules/{made['rule_id']}", EMPTY_ZONE),
        ("POST", "/v1/what-if", WHAT_IF),
    ]
    for method, path, body in requests:
        answer = await api.send(method, path, body)

        assert (answer.status_code, answer.json()["type"]) == (422, "urn:access-policy:problem:unknown-time-zone"), path
    for_many = await api.send("POST", "/v1/depots/north/mode-rules", {"charger_ids": "all", "rule": EMPTY_ZONE})
    assert for_many.json()["results"][0]["problem"]["code"] == "unknown-time-zone"
    assert await api.position() == before
