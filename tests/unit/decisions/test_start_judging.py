"""The second decision of an attempt, at its start: which attempt it belongs to, and by which policy it is made."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from access_policy.application.charging_sessions.reports import StartReport
from access_policy.application.charging_sessions.start_judging import StartJudging
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.streams import policy_stream
from access_policy.domain.access.events import AccessAllowed, SessionDecision
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.events import ChargerAmended
from tests.support.depot_in_memory import BAY, BUS, NIGHT, STRANGER, TENANT, DepotInMemory, settings_of
from tests.support.stores import memory_store

REPORT = StartReport(
    tenant_id=TENANT,
    charger_id=BAY,
    connector_id=1,
    identifier=BUS,
    anonymous=False,
    transaction_ids=("101",),
    started_at=NIGHT,
    meter_start_wh=0,
    offline=False,
    protocol="ocpp1.6",
    message_id="s-1",
    signals=None,
)


@pytest.fixture
async def depot() -> DepotInMemory:
    return await DepotInMemory(memory_store()).opened()


def judging_of(depot: DepotInMemory) -> StartJudging:
    policies = ChargerAccessPolicies(depot.store)
    return StartJudging(depot.view, depot.live, depot.store, policies, depot.identifiers, depot.decisions, depot.clock)


async def test_start_judging_after_an_authorize_joins_its_attempt_and_keeps_its_decision(depot: DepotInMemory) -> None:
    decided = await depot.decider.authorize(depot.attempt(BUS))
    judging = judging_of(depot)
    charger = await judging.charger_at_start(REPORT)

    joined = await judging.judge(REPORT, charger, "101", may_join=True)
    apart = await judging.judge(REPORT, charger, "101", may_join=False)

    assert (joined.attempt_id, joined.decision, joined.is_new_decision) == (decided.attempt_id, decided.event, False)
    assert joined.version == 1
    assert apart.attempt_id != decided.attempt_id
    assert (apart.version, apart.is_new_decision) == (0, True)


async def test_start_judging_of_a_stranger_decides_anew_and_the_same_for_the_same_transaction(
    depot: DepotInMemory,
) -> None:
    judging, report = judging_of(depot), replace(REPORT, identifier=STRANGER)
    charger = await judging.charger_at_start(report)

    once, again, other = [await judging.judge(report, charger, each, may_join=True) for each in ("1", "1", "2")]

    assert once.outcome is SessionDecision.DENIED
    assert once.attempt_id == again.attempt_id != other.attempt_id


async def test_start_judging_of_an_anonymous_start_makes_no_decision(depot: DepotInMemory) -> None:
    judging, report = judging_of(depot), replace(REPORT, identifier=None, anonymous=True)

    judged = await judging.judge(report, await judging.charger_at_start(report), "101", may_join=True)

    assert (judged.decision, judged.ref, judged.outcome) == (None, None, SessionDecision.NONE)


async def test_start_judging_of_a_start_while_offline_uses_the_policy_of_its_own_time(depot: DepotInMemory) -> None:
    begun = NIGHT - timedelta(hours=1)
    version = depot.view.charger(TENANT, BAY).policy.version
    amended = ChargerAmended(charger_id=BAY, settings=replace(settings_of(BAY), baseline_mode=AccessMode.MANAGED))
    await depot.record(policy_stream(TENANT, BAY), version, [amended], at=NIGHT)
    judging, report = judging_of(depot), replace(REPORT, offline=True, started_at=begun)

    then, now = await judging.charger_at_start(report), await judging.charger_at_start(REPORT)

    assert then.policy.settings.baseline_mode is AccessMode.FREEVEND
    assert now is depot.view.charger(TENANT, BAY)
    judged = await judging.judge(report, then, "101", may_join=True)
    assert isinstance(judged.decision, AccessAllowed)
    assert judged.decision.lineage.decided_for == begun
