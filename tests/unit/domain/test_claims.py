"""A charge point id belongs to at most one charger of the installation."""

from __future__ import annotations

from access_policy.domain.charge_points.claims import ChargePointClaimed, ChargePointIdTaken, ChargePointReleased
from access_policy.domain.ids import ChargePointId, ChargerId, TenantId
from tests.support.builders import BAY
from tests.support.spec import given_claim

CP, US, THEM = ChargePointId("CP-1"), TenantId("us"), TenantId("them")
OURS = ChargePointClaimed(charge_point_id=CP, tenant_id=US, charger_id=BAY)
RELEASED = ChargePointReleased(charge_point_id=CP)


def test_a_free_id_is_claimed_and_claiming_it_again_changes_nothing() -> None:
    given_claim(CP).when(lambda c: c.claim(US, BAY)).then(OURS)
    given_claim(CP, OURS).when(lambda c: c.claim(US, BAY)).then_nothing()
    given_claim(CP, OURS, RELEASED).when(lambda c: c.claim(US, BAY)).then(OURS)


def test_a_held_id_is_refused_and_another_tenants_charger_is_not_named() -> None:
    ours = given_claim(CP, OURS).when(lambda c: c.claim(US, ChargerId("bay-2")))
    theirs = given_claim(CP, OURS).when(lambda c: c.claim(THEM, BAY))

    ours.then_refused(ChargePointIdTaken, pointer="/charge_point_id", says=BAY)
    theirs.then_refused(ChargePointIdTaken, pointer="/charge_point_id", says="another charger")
    assert BAY not in str(theirs.refusal)


def test_an_id_is_released_once() -> None:
    claim = given_claim(CP, OURS).when(lambda c: c.release()).then(RELEASED)

    assert (claim.holder, claim.version) == (None, 2)
    given_claim(CP, OURS, RELEASED).when(lambda c: c.release()).then_nothing()
