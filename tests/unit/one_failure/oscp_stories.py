"""OSCP providers: registration, handshakes, heartbeats, forecasts, and what an admin does with a provider."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from access_policy.adapters.records.oscp_forecasts import SqlOscpForecasts
from access_policy.adapters.records.oscp_providers import SqlOscpProviders
from access_policy.adapters.records.webhook_queue import SqlWebhookQueue
from access_policy.application.audit.record_changes import RecordChanges
from access_policy.application.commands.receive_envelope import ReceiveEnvelope
from access_policy.application.commands.report_energy_source import ReportEnergySource
from access_policy.application.commands.withdraw_envelope import WithdrawEnvelope
from access_policy.application.oscp_providers.changing import ChangeProvider
from access_policy.application.oscp_providers.exchange import Authenticated, OscpExchange, ProviderRegistration
from access_policy.application.oscp_providers.forecast_handler import ForecastHandler
from access_policy.application.oscp_providers.queueing import OscpQueueing, queue_key
from access_policy.application.oscp_providers.registrations import OscpProviderRegistrations
from access_policy.application.ports.oscp import OscpMessage
from access_policy.application.ports.webhooks import Attempt
from access_policy.application.retrying import retrying
from access_policy.application.streams import oscp_provider_stream
from access_policy.containers.oscp import provider_stream
from access_policy.domain.oscp_providers.blocks import CapacityBlock, ForecastType, Phase, Unit
from access_policy.domain.oscp_providers.errors import OscpProviderUnknown
from access_policy.domain.oscp_providers.provider import (
    GroupBinding,
    OscpProvider,
    ProviderConnection,
    ProviderSettings,
    RequiredBehaviour,
)
from tests.support.builders import HOUR, NOON, NORTH
from tests.support.nth_call import Faults, Story
from tests.support.office import ACME
from tests.support.records import prepare_records
from tests.support.site_energy import GRID
from tests.support.stores import TEST_KEY
from tests.unit.one_failure.energy_stories import OPTED_IN
from tests.unit.one_failure.office_world import OfficeWorld, context

KEY = (ACME, "north/dso")
SETTINGS = ProviderSettings(name="Grid", groups=(GroupBinding(group_id="EAN-1", node_id=GRID),))
CONNECTION = ProviderConnection(base_url="https://grid.example/2.0", own_url="https://us/oscp/2.0", token="b")
REQUIRED = RequiredBehaviour(heartbeat_interval_s=60)
Step = Callable[["ProvidersWorld"], Awaitable[Any]]


class NoPeers:
    """Stories end in the queue."""

    def refusal_of(self, url: str) -> str | None:
        return None

    async def send(self, connection: ProviderConnection, message: OscpMessage, *, now: Any) -> Attempt:
        raise AssertionError("nothing is sent")


class KnownPlaces:
    """The depot of the stories, with its node."""

    def depot(self, tenant_id: str, depot_id: str) -> object:
        return object()

    def site_energy(self, tenant_id: str, depot_id: str) -> Any:
        return self

    @property
    def tree(self) -> Any:
        return self

    @property
    def by_id(self) -> dict[str, object]:
        return {GRID: object()}


class ProvidersWorld(OfficeWorld):
    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self.directory = tempfile.TemporaryDirectory()
        where = prepare_records(Path(self.directory.name) / "oscp.sqlite")
        self.providers, self.forecasts = SqlOscpProviders(where, TEST_KEY), SqlOscpForecasts(where, TEST_KEY)
        self.rows = SqlWebhookQueue(where)
        store, clock = faults.around("store", self.inner), self.office.clock
        forecasts = faults.around("forecasts", self.forecasts)
        changes = RecordChanges(faults.around("events of providers", self.providers.pending), store)
        change = ChangeProvider(faults.around("providers", self.providers), changes, clock, provider_stream)
        queueing = OscpQueueing(faults.around("queue", self.rows), clock)
        handlers = {kind: retrying(handler) for kind, handler in self.office.handlers.items()}
        receive, withdraw = handlers[ReceiveEnvelope], handlers[WithdrawEnvelope]
        report: Any = handlers[ReportEnergySource]
        peers, view = NoPeers(), KnownPlaces()
        self.changes = changes
        self.handler = ForecastHandler(forecasts, receive, withdraw, clock)  # type: ignore[arg-type]
        self.exchange = OscpExchange(change, forecasts, queueing, peers, report)
        self.registrations = OscpProviderRegistrations(change, self.handler, peers, view)  # type: ignore[arg-type]

    @property
    async def provider(self) -> OscpProvider:
        found = await self.providers.find(KEY)
        assert found is not None
        return found

    async def facts(self) -> Any:
        """After the looks of the loops that do what was cut off."""
        await self.changes.append()
        await self.handler.settle_all()
        provider = await self.providers.find(KEY)
        async with self.office.sites.locked(ACME, NORTH) as caught_up:
            site = caught_up
        queued = await self.rows.page(queue_key(KEY), state=None, before=None, limit=100)
        return {
            "provider": None if provider is None else (provider.state, provider.settings.name, provider.required),
            "online until": str(await self.forecasts.online_until(KEY)),
            "forecasts": [
                (each.consumption, each.fallback, [one.stretch for one in each.envelopes], each.is_settled)
                for each in await self.forecasts.of_provider(KEY)
            ],
            "limits": sorted(
                (known.envelope.valid_from, known.envelope.import_limit_w, str(known.envelope.fallback))
                for known in site.envelopes.by_id.values()
                if known.withdrawn_at is None
            ),
            "offline": {source: str(at) for source, at in site.offline.items()},
            "queue": sorted({each.message.event_type for each in queued}),
            "events": [
                type(each.event).__name__ for each in await self.inner.load(oscp_provider_stream(*KEY), after_version=0)
            ],
            "events that are not in the log": len(await self.providers.pending.oldest(10)),
        }

    async def close(self) -> None:
        await super().close()
        await self.rows.close()
        await self.forecasts.close()
        await self.providers.close()
        self.directory.cleanup()


def past(*steps: Step) -> Callable[[Faults], Awaitable[ProvidersWorld]]:
    async def lived(faults: Faults) -> ProvidersWorld:
        world = ProvidersWorld(faults)
        await world.lived(*OPTED_IN)
        for step in steps:
            await step(world)
        return world

    return lived


async def puts(world: ProvidersWorld) -> None:
    await world.registrations.put(context("put"), NORTH, "dso", SETTINGS, None)


async def unbinds(world: ProvidersWorld) -> None:
    await world.registrations.put(context(), NORTH, "dso", ProviderSettings(name="Grid", groups=()), None)


async def invites(world: ProvidersWorld) -> None:
    await world.registrations.invite(context(), NORTH, "dso", None)


async def removes(world: ProvidersWorld) -> None:
    await world.registrations.remove(context(), NORTH, "dso", None)


async def registers(world: ProvidersWorld) -> None:
    provider = await world.provider
    assert provider.token is not None
    sent = ProviderRegistration(token="b", versions=(("2.0", CONNECTION.base_url),))
    await world.exchange.register(context(), Authenticated(provider, provider.token), sent, CONNECTION.own_url)


async def shakes_hands(world: ProvidersWorld) -> None:
    await world.exchange.handshake(context(), await world.provider, "handshake-1", REQUIRED)


async def beats(world: ProvidersWorld) -> None:
    await world.exchange.heartbeat(context(), await world.provider, NOON + timedelta(minutes=30))


def sends(message_id: str, watts: int, kind: ForecastType = ForecastType.CONSUMPTION, hours: int = 2) -> Step:
    blocks = [
        CapacityBlock(
            capacity=Decimal(watts + number),
            phase=Phase.ALL,
            unit=Unit.W,
            start=NOON + number * HOUR,
            end=NOON + (number + 1) * HOUR,
        )
        for number in range(hours)
    ]

    async def sent(world: ProvidersWorld) -> None:
        await world.handler.forecast(context(message_id), await world.provider, message_id, "EAN-1", kind, blocks)

    return sent


FALLBACK = ForecastType.FALLBACK_CONSUMPTION
THERE = (puts, registers, shakes_hands)
REGISTRATIONS = OscpProviderRegistrations

PROVIDERS: tuple[Story, ...] = (
    Story("put an OSCP provider", (REGISTRATIONS.put,), past(), puts),
    Story("invite an OSCP provider", (REGISTRATIONS.invite,), past(puts), invites, only=("provider", "queue")),
    Story("register an OSCP provider", (OscpExchange.register,), past(puts), registers, only=("provider", "queue")),
    Story("shake hands with an OSCP provider", (OscpExchange.handshake,), past(puts, registers), shakes_hands),
    Story("hear an OSCP provider", (OscpExchange.heartbeat,), past(*THERE), beats),
    Story("take a forecast", (ForecastHandler.forecast, ForecastHandler.settle_all), past(*THERE), sends("m1", 100)),
    Story("replace a forecast", (), past(*THERE, sends("m1", 100)), sends("m2", 60)),
    Story("add a fallback to a forecast", (), past(*THERE, sends("m1", 100)), sends("m2", 30, FALLBACK, hours=3)),
    Story("take a forecast without effect", (), past(*THERE), sends("m1", 5, ForecastType.OPTIMUM)),
    Story("unbind a limited group", (ForecastHandler.rebind,), past(*THERE, sends("m1", 100)), unbinds),
    Story(
        "remove an OSCP provider with limits",
        (REGISTRATIONS.remove, ForecastHandler.forget),
        past(*THERE, sends("m1", 100)),
        removes,
        done_already=(OscpProviderUnknown,),
    ),
)
