"""`access-policy enrolment show` after a vehicle that changes its MAC was enrolled."""

from __future__ import annotations

import httpx

from tests.support.cli_in_memory import Cli, ToTheApp

URL = "http://api/v1"


def presented(cli: Cli, mac: str) -> None:
    token = cli.environment["ACCESS_POLICY_TOKEN"]
    body = {"charger_id": "bay-1", "identifier": {"kind": "mac", "value": mac}}
    with httpx.Client(transport=cli.transport, headers={"Authorization": f"Bearer {token}"}) as client:
        answer = client.post(f"{URL}/access-decisions", json=body)
    assert answer.json()["reason"] == "unknown_identifier", answer.text


def test_enrolment_show_says_when_the_vehicle_probably_changes_its_mac(cli: Cli, asked: ToTheApp) -> None:
    cli("enrolment", "arm", "bay-1")
    presented(cli, "VID:020000000001")
    offered = cli.json("enrolment", "show", "bay-1")["offered"]
    cli("denied", "enrol", offered["denied_id"], "--vehicle", "lorry-1", "--own")
    assert "changes its MAC" not in cli("enrolment", "show", "bay-1").stdout

    asked.api.container.clock().forward(minutes=1)
    presented(cli, "VID:020000000002")

    printed = " ".join(cli("enrolment", "show", "bay-1").stdout.split())
    assert "…0002) was denied at this charger soon after. The vehicle lorry-1 probably changes its MAC" in printed
    assert cli.json("enrolment", "show", "bay-1")["other_mac"]["masked"] == "…0002"
