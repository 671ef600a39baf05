"""One tenant in the decision view: folds that ignore redelivery, and a state that brings it back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from access_policy.application.decision_view.tenant_view import TenantView
from access_policy.domain.access_mode import Enforcement
from access_policy.domain.capability_profiles.profile import CapabilityProfilePut, CapabilityProfileRemoved
from access_policy.domain.charger_access_policy import policy as policies
from access_policy.domain.charger_condition.events import ChargerBooted, ChargerConnected
from access_policy.domain.depots import depot as depots
from access_policy.domain.depots.depot import DepotSettings
from tests.support.depot_in_memory import BAY, DEPOT, NIGHT, OTHER_BAY, TENANT, managed_nights, settings_of

CONNECTED = ChargerConnected(charger_id=BAY, protocol="ocpp1.6", connected_at=NIGHT, gateway="here")
BOOTED = ChargerBooted(charger_id=BAY, vendor="V", model="M", firmware=None, booted_at=NIGHT)


@pytest.fixture
def tenant() -> TenantView:
    """A tenant with a depot and two chargers."""
    tenant = TenantView(TENANT)
    for event in depots.register(DEPOT, DepotSettings(name="North", time_zone="Europe/Berlin")):
        tenant.fold_depot(event, 1)
    for charger in (BAY, OTHER_BAY):
        (registered,) = policies.register(charger, settings_of(charger), Enforcement.ENFORCE)
        assert tenant.fold_policy(registered, 1, NIGHT)
    return tenant


def test_tenant_view_when_an_event_of_a_policy_is_delivered_again_stays_as_it_was(tenant: TenantView) -> None:
    (scheduled,) = tenant.chargers[BAY].policy.schedule(managed_nights(), now=NIGHT)
    later = NIGHT + timedelta(minutes=1)

    assert tenant.fold_policy(scheduled, 2, later)
    once = tenant.chargers[BAY].policy
    assert not tenant.fold_policy(scheduled, 2, later + timedelta(minutes=1))

    assert tenant.chargers[BAY].policy is once
    assert (once.version, tenant.chargers[BAY].plan_seen_at) == (2, later)


def test_tenant_view_when_events_of_depots_and_conditions_are_delivered_again_stays_as_it_was(
    tenant: TenantView,
) -> None:
    for _ in range(2):
        for version, event in enumerate((CONNECTED, BOOTED), 1):
            tenant.fold_condition(event, version)
        for registered in depots.register(DEPOT, DepotSettings(name="South", time_zone="Europe/Berlin")):
            tenant.fold_depot(registered, 1)

    condition = tenant.conditions[BAY]
    assert (condition.version, condition.gateway, condition.booted_at) == (2, "here", NIGHT)
    assert tenant.depots[DEPOT].settings.name == "North"


def test_tenant_view_of_a_profile_names_the_chargers_that_have_it(tenant: TenantView) -> None:
    assert tenant.fold_profile(CapabilityProfilePut(name="ocpp16-central", definition="one")) == [BAY, OTHER_BAY]
    assert tenant.fold_profile(CapabilityProfilePut(name="unused", definition="two")) == []
    assert tenant.profiles == {"ocpp16-central": "one", "unused": "two"}

    assert tenant.fold_profile(CapabilityProfileRemoved(name="ocpp16-central")) == [BAY, OTHER_BAY]

    assert tenant.profiles == {"unused": "two"}


def test_tenant_view_of_a_state_is_as_it_was_then(tenant: TenantView) -> None:
    tenant.fold_condition(CONNECTED, 1)
    tenant.fold_profile(CapabilityProfilePut(name="unused", definition="two"))
    state = tenant.state()
    tenant.fold_condition(BOOTED, 2)
    tenant.fold_profile(CapabilityProfileRemoved(name="unused"))

    back = TenantView.of(state)

    assert back.state() == state != tenant.state()
    assert back.chargers[BAY].zone.key == "Europe/Berlin"
    assert (back.conditions[BAY].version, back.profiles) == (1, {"unused": "two"})
