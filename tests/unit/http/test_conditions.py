"""The conditions of a charger, each with its reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.application.queries.charger_conditions import (
    STALLED_AFTER,
    ConditionStatus,
    ConnectionSeen,
    conditions_of,
)
from access_policy.domain.charger_access_policy.events import ModeDriftDetected
from access_policy.domain.charger_access_policy.policy import fold
from access_policy.entrypoints.http.v1 import chargers
from access_policy.entrypoints.http.v1.charger_reader import ChargerReader
from tests.support.builders import BAY, FREEVEND, MANAGED, MINUTE, NOON, registered
from tests.support.effort import most_in_an_iteration
from tests.support.http_api import HttpApi
from tests.support.rows import ACME
from tests.support.switching import applied, failed, requested

HERE = ConnectionSeen(connected=True, changed_at=NOON)
AWAY = ConnectionSeen(connected=False, changed_at=NOON, why="connection closed")
DRIFTED = ModeDriftDetected(
    charger_id=BAY, expected=MANAGED, found=FREEVEND, evidence="seen", detected_at=NOON + 2 * MINUTE
)


def told(
    *events: Any, connection: ConnectionSeen = HERE, profile: str = "ocpp201-authctrlr", later: timedelta = MINUTE
) -> Any:
    """Status and reason by type."""
    policy = fold((registered(), *events))
    assert policy is not None
    known = ProfileCatalogue.packaged().get(ACME, profile)
    found = conditions_of(policy, known, MANAGED, connection, failure_detail="why", now=NOON + later)
    return {each.type: (each.status, each.reason) for each in found}


def test_a_charger_seen_in_its_mode_is_ready() -> None:
    assert told(requested(), applied()) == {
        "Ready": (ConditionStatus.TRUE, "in_expected_mode"),
        "Reachable": (ConditionStatus.TRUE, "connected"),
        "Applied": (ConditionStatus.TRUE, "verified"),
        "Drifted": (ConditionStatus.FALSE, "as_applied"),
        "Stalled": (ConditionStatus.FALSE, "nothing_waits"),
    }


@pytest.mark.parametrize(
    ("events", "connection", "kind", "expected"),
    [
        ((), ConnectionSeen(connected=False, changed_at=None), "Reachable", (ConditionStatus.FALSE, "never_connected")),
        ((requested(), applied()), AWAY, "Ready", (ConditionStatus.FALSE, "disconnected")),
        ((), HERE, "Applied", (ConditionStatus.UNKNOWN, "not_requested")),
        ((requested(),), HERE, "Applied", (ConditionStatus.FALSE, "requested")),
        ((requested(), failed()), HERE, "Applied", (ConditionStatus.FALSE, "rejected")),
        ((requested(), failed(reason="no_answer")), HERE, "Applied", (ConditionStatus.UNKNOWN, "no_answer")),
        ((requested(), applied(), DRIFTED), HERE, "Drifted", (ConditionStatus.TRUE, "seen_in_other_mode")),
        ((requested(), applied(), DRIFTED), HERE, "Ready", (ConditionStatus.FALSE, "drifted")),
        ((requested(), applied(mode=MANAGED)), HERE, "Stalled", (ConditionStatus.FALSE, "nothing_waits")),
    ],
)
def test_what_is_not_as_it_should_be_has_its_reason(
    events: Any, connection: ConnectionSeen, kind: str, expected: Any
) -> None:
    assert told(*events, connection=connection)[kind] == expected


def test_a_charger_that_is_there_and_does_not_get_on_is_stalled_after_a_while() -> None:
    assert told(requested(), failed(), later=STALLED_AFTER)["Stalled"] == (ConditionStatus.FALSE, "in_progress")
    assert told(requested(), failed(), later=STALLED_AFTER + MINUTE)["Stalled"] == (ConditionStatus.TRUE, "rejected")
    assert told(requested(), failed(), connection=AWAY, later=2 * STALLED_AFTER)["Stalled"] == (
        ConditionStatus.FALSE,
        "nothing_waits",
    )


def test_an_unsupported_charger_is_not_pretended_to_be_ready() -> None:
    found = told(profile="unsupported")

    assert found["Ready"] == (ConditionStatus.UNKNOWN, "unsupported")
    assert found["Stalled"] == (ConditionStatus.FALSE, "nothing_waits")


async def test_a_page_of_chargers_is_worked_out_in_slices(api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        body = {"charge_point_id": f"MORE-{number}", "depot_id": "north", "profile": "ocpp16-central"}
        await api.send("PUT", f"/v1/chargers/more-{number}", {**body, "baseline_mode": "managed"})
    shown, status = 0, ChargerReader.status

    def counted(*arguments: Any) -> Any:
        nonlocal shown
        shown += 1
        return status(*arguments)

    monkeypatch.setattr(ChargerReader, "status", counted)

    async with most_in_an_iteration(lambda: shown) as iterations:
        answer = await api.get("/v1/chargers?limit=200")

    assert len(answer.json()["items"]) == shown == 51
    assert iterations.longest <= chargers.SHOWN_AT_A_TIME
