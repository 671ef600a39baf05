"""OSCP providers and the forecasts of their groups, on every place of records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from access_policy.adapters.records.oscp_forecasts import SqlOscpForecasts
from access_policy.adapters.records.oscp_providers import SqlOscpProviders
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.ids import DepotId, EnergyNodeId, EnvelopeId, TenantId
from access_policy.domain.issued_tokens import IssuedToken
from access_policy.domain.oscp_providers.blocks import ForecastType, Piece
from access_policy.domain.oscp_providers.events import OscpProviderPut, OscpProviderRemoved, ProviderTerms
from access_policy.domain.oscp_providers.forecast import GroupForecast
from access_policy.domain.oscp_providers.provider import (
    GroupBinding,
    OscpProvider,
    ProviderConnection,
    ProviderSettings,
    RequiredBehaviour,
)
from tests.support.builders import HOUR, NOON
from tests.support.places import Place
from tests.support.records import files_holding, inside, pending, rows
from tests.support.stores import TEST_KEY

ACME, OTHER, NORTH = TenantId("acme"), TenantId("other"), DepotId("north")
SECRET = "token-b-4711"
SETTINGS = ProviderSettings(
    name="Zq grid", groups=(GroupBinding(group_id="ZQEAN", node_id=EnergyNodeId("grid"), voltage_v=230, phases=3),)
)
PROVIDER = OscpProvider(
    tenant_id=ACME,
    depot_id=NORTH,
    provider_id="dso",
    settings=SETTINGS,
    token=IssuedToken(digest="d1", registers=True),
    connection=ProviderConnection(base_url="https://zq.example/2.0", own_url="https://us/oscp/2.0", token=SECRET),
    required=RequiredBehaviour(heartbeat_interval_s=60, measurements=("CONTINUOUS",)),
    created_at=NOON,
    changed_at=NOON,
)
TERMS = ProviderTerms.of(SETTINGS)
PUT = pending(OscpProviderPut(depot_id=NORTH, provider_id="dso", settings=TERMS, put_at=NOON))
REMOVED = pending(OscpProviderRemoved(depot_id=NORTH, provider_id="dso", settings=TERMS, removed_at=NOON))
FORECAST = GroupForecast(tenant_id=ACME, provider="north/dso", group_id="ZQEAN", node_id=EnergyNodeId("grid")).received(
    "message-zq",
    ForecastType.CONSUMPTION,
    (Piece(NOON, NOON + HOUR, 100),),
    now=NOON,
    new_id=lambda: EnvelopeId("e1"),
)


@pytest.fixture
async def providers(records_location: Place) -> AsyncIterator[SqlOscpProviders]:
    made = SqlOscpProviders(inside(records_location, "oscp"), TEST_KEY)
    yield made
    await made.close()


@pytest.fixture
async def forecasts(records_location: Place) -> AsyncIterator[SqlOscpForecasts]:
    made = SqlOscpForecasts(inside(records_location, "oscp"), TEST_KEY)
    yield made
    await made.close()


async def test_provider_opened_again_is_as_it_was_put_and_found_by_its_token(
    providers: SqlOscpProviders, records_location: Place
) -> None:
    assert await providers.put(PROVIDER, expected=0, event=PUT)
    again = SqlOscpProviders(inside(records_location, "oscp"), TEST_KEY)

    assert await again.find((ACME, "north/dso")) == PROVIDER
    assert await again.with_token(["d1"]) == PROVIDER
    assert await again.of_tenant(OTHER) == []
    assert [each.event.event for each in await again.pending.oldest(10)] == [PUT.event.event]
    await again.close()


async def test_forecast_opened_again_is_as_it_was_put_and_unsettled_until_the_site_has_it(
    forecasts: SqlOscpForecasts, records_location: Place
) -> None:
    assert await forecasts.put(FORECAST, expected=0)
    assert not await forecasts.put(FORECAST, expected=0)
    again = SqlOscpForecasts(inside(records_location, "oscp"), TEST_KEY)

    assert await again.find(FORECAST.key) == FORECAST
    assert await again.of_provider((ACME, "north/dso")) == [FORECAST]
    assert await again.of_provider((OTHER, "north/dso")) == []
    assert await again.unsettled() == [FORECAST]
    settled = FORECAST.sent(EnvelopeId("e1")).settled()
    assert await again.put(settled, expected=1)
    assert await forecasts.unsettled() == []
    await again.close()


async def test_instant_until_which_a_provider_is_there_is_replaced_and_deleted(forecasts: SqlOscpForecasts) -> None:
    key = (ACME, "north/dso")
    await forecasts.put_online_until(key, NOON)
    await forecasts.put_online_until(key, NOON - HOUR)

    assert await forecasts.online_until(key) == NOON - HOUR
    assert await forecasts.online_until((OTHER, "north/dso")) is None
    await forecasts.put_online_until(key, None)
    assert await forecasts.online_until(key) is None


async def test_provider_removed_leaves_no_row_and_no_byte_of_its_secrets(
    providers: SqlOscpProviders, forecasts: SqlOscpForecasts, records_location: Place
) -> None:
    await providers.put(PROVIDER, expected=0, event=None)
    await forecasts.put(FORECAST, expected=0)
    await forecasts.put_online_until(PROVIDER.key, NOON)
    for secret in (SECRET, "Zq grid", "ZQEAN", "message-zq"):
        assert files_holding(records_location, secret.encode()) == [], "all of it is encrypted"

    await providers.remove(PROVIDER.key, event=REMOVED)
    await providers.remove(PROVIDER.key, event=REMOVED)

    for table in ("oscp_provider", "oscp_provider_token", "oscp_forecast", "oscp_heard"):
        assert rows(records_location, "oscp", f"SELECT count(*) FROM {table}") == [(0,)]
    assert len(await providers.pending.oldest(10)) == 1, "once"


async def test_forecast_read_with_other_keys_is_an_error(forecasts: SqlOscpForecasts, records_location: Place) -> None:
    await forecasts.put(replace(FORECAST), expected=0)
    other = SqlOscpForecasts(inside(records_location, "oscp"), b"x" * 32)

    with pytest.raises(StoreUnavailable, match="cannot be read"):
        await other.find(FORECAST.key)
    await other.close()
