"""`POST /v1/sessions/{attempt_id}/end` and `access-policy sessions end`; a depot's longest session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from access_policy.application.charging_sessions.reports import StartReport
from access_policy.application.ports.identity import Role
from access_policy.domain.access.events import BY_OPERATOR, ChargingEnded, SessionEndedByOperator
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ids import ChargerId, ChargerKey, TenantId
from tests.support.at_charger import AtCharger
from tests.support.builders import NOON
from tests.support.cli_in_memory import cli_in_memory
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import DEPOT, GIVEN

REASON = {"reason": "The charger was replaced."}


async def begun(api: HttpApi) -> str:
    """The attempt of a session at bay-1."""
    report = StartReport(
        tenant_id=TenantId("acme"),
        charger_id=ChargerId("bay-1"),
        connector_id=1,
        identifier=identifier(IdentifierKind.RFID, "04A1B2C3D4E5F6"),
        anonymous=False,
        transaction_ids=("101",),
        started_at=NOON,
        meter_start_wh=1_000,
        offline=False,
        protocol="ocpp1.6",
        message_id="s-1",
        signals=None,
    )
    started = await api.container.deciding.sessions().start(report)
    await api.settled()
    return started.attempt_id


async def test_end_session_records_who_ended_it_and_why_once(api: HttpApi):
    attempt = await begun(api)

    audited, ended = await api.recorded(("POST", f"/v1/sessions/{attempt}/end", REASON))
    again = await api.send("POST", f"/v1/sessions/{attempt}/end", REASON)

    assert isinstance(audited, SessionEndedByOperator)
    assert audited.reason == REASON["reason"]
    assert isinstance(ended, ChargingEnded)
    assert ended.reason == BY_OPERATOR
    assert (again.status_code, again.json()["type"].rsplit(":", 1)[-1]) == (409, "session-over")
    shown = (await api.get(f"/v1/access-events/{attempt}")).json()
    assert shown["session"]["ended_at"] == "2026-11-18T12:00:00Z"
    assert shown["lineage"]["session_end_reason"] == BY_OPERATOR
    log = await api.container.stores.store().read_log(after=0, limit=100)
    assert [each.envelope.actor for each in log if each.event == audited] == ["tester"]


async def test_end_session_asks_a_connected_charger_to_stop(api: HttpApi, monkeypatch: pytest.MonkeyPatch):
    attempt = await begun(api)
    connections = api.container.chargers.connections()
    asked: list[Any] = []

    class Connected:
        async def stop_session(self, key: ChargerKey, transaction_id: str) -> str:
            asked.append((key, transaction_id))
            return "Accepted"

    monkeypatch.setattr(connections, "serving_epoch", lambda key: 1)
    monkeypatch.setattr(connections, "commands", lambda key: AtCharger(Connected(), key))

    answer = await api.send("POST", f"/v1/sessions/{attempt}/end", REASON)

    assert answer.json() == {"attempt_id": attempt, "charger_id": "bay-1", "asked_to_stop": "Accepted"}
    assert asked == [(("acme", "bay-1"), "101")]


async def test_end_session_of_an_attempt_without_a_session_or_of_another_tenant_is_not_found(api: HttpApi):
    attempt = await begun(api)

    unknown = await api.send("POST", "/v1/sessions/no-such/end", REASON)
    others = await api.send("POST", f"/v1/sessions/{attempt}/end", REASON, tenant="globex")

    assert (unknown.status_code, others.status_code) == (404, 404)


@pytest.mark.parametrize("body", [{}, {"reason": "   "}, {"reason": "x" * 600}])
async def test_end_session_without_a_usable_reason_is_refused(api: HttpApi, body: dict[str, str]):
    attempt = await begun(api)

    answer = await api.send("POST", f"/v1/sessions/{attempt}/end", body)

    assert answer.status_code == 422


async def test_end_session_is_for_operators(api: HttpApi):
    answer = await api.send("POST", "/v1/sessions/any/end", REASON, role=Role.VIEWER)

    assert answer.status_code == 403


def test_sessions_end_on_the_command_line_says_what_became_of_the_session(tmp_path: Path):
    with cli_in_memory(tmp_path) as (cli, transport):
        for method, path, body in GIVEN:
            transport._runner.run(transport.api.recorded((method, path, body)))
        attempt = transport._runner.run(begun(transport.api))

        said = cli("sessions", "end", attempt, "--reason", "The vehicle has left.")
        cli("sessions", "end", attempt, "--reason", "Again.", status=1)

    assert f"ended the session of attempt {attempt}; charger bay-1 is not connected" in said.stdout


async def test_a_depots_longest_session_is_kept_and_shown(api: HttpApi):
    before = (await api.get("/v1/depots/north")).json()["session_max_age_hours"]
    await api.recorded(("PUT", "/v1/depots/north", {**DEPOT, "session_max_age_hours": 12}))
    refused = await api.send("PUT", "/v1/depots/north", {**DEPOT, "session_max_age_hours": 0})

    assert before == 48
    assert (await api.get("/v1/depots/north")).json()["session_max_age_hours"] == 12
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/session_max_age_hours")
