"""OSCP: capacity providers, their registration and forecasts, and messages to them."""

from __future__ import annotations

from collections.abc import Callable, Collection

from dependency_injector import containers, providers

from access_policy.adapters.oscp.peers import HttpsOscpPeers
from access_policy.adapters.outgoing.checked import CheckedRequests
from access_policy.adapters.outgoing.trust import Trust
from access_policy.adapters.records.relay_positions import SqlRelayPositions
from access_policy.adapters.records.webhook_queue import SqlWebhookQueue
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.oscp_providers.changing import ChangeProvider
from access_policy.application.oscp_providers.exchange import OscpExchange
from access_policy.application.oscp_providers.forecast_handler import ForecastHandler
from access_policy.application.oscp_providers.push import OscpPush
from access_policy.application.oscp_providers.queueing import OscpQueueing, PushTarget
from access_policy.application.oscp_providers.registrations import OscpProviderRegistrations
from access_policy.application.oscp_providers.watch import OscpWatch, Running, Sites
from access_policy.application.partners.push_loops import PushLoops
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StreamId
from access_policy.application.ports.partners import PartnerKey
from access_policy.application.streams import oscp_provider_stream
from access_policy.containers.publishing import relay_name
from access_policy.domain.oscp_providers.provider import OscpProvider
from access_policy.settings import Settings


def provider_stream(key: PartnerKey) -> StreamId:
    return oscp_provider_stream(*key)


def providers_of(loops: PushLoops[PushTarget]) -> Callable[[], Collection[OscpProvider]]:
    return lambda: [each.provider for each in loops.targets]


def running_at(live: RecentActivity, sites: Sites) -> Running:
    """Return a function that lists the chargers of a depot's site with running charges."""
    return lambda tenant_id, depot_id: [
        charger_id
        for charger_id in sites(tenant_id, depot_id).tree.by_charger
        if live.sessions_at((tenant_id, charger_id))
    ]


class Oscp(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    trust = providers.Dependency(instance_of=Trust)
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()
    deciding = providers.DependenciesContainer()
    commands = providers.DependenciesContainer()

    requests = providers.Resource(CheckedRequests, settings.provided.webhook_networks, trust)
    peers = providers.Singleton(HttpsOscpPeers, requests)
    change = providers.Singleton(
        ChangeProvider,
        records.oscp_providers,
        records.oscp_provider_changes,
        clock,
        providers.Object(provider_stream),
    )
    push_queue = providers.Resource(SqlWebhookQueue, stores.installation.provided.records_named.call("oscp_pushes"))
    queueing = providers.Singleton(OscpQueueing, push_queue, clock)
    exchange = providers.Singleton(
        OscpExchange, change, records.oscp_forecasts, queueing, peers, commands.report_energy_source
    )
    forecast_handler = providers.Singleton(
        ForecastHandler, records.oscp_forecasts, commands.receive_envelope, commands.withdraw_envelope, clock
    )
    registrations = providers.Singleton(OscpProviderRegistrations, change, forecast_handler, peers, deciding.view)

    # --- messages to providers ----------------------------------------------------------------------------------------
    positions = providers.Resource(
        SqlRelayPositions, stores.installation.provided.records_named.call("relay"), "OSCP pushes"
    )
    push = providers.Singleton(OscpPush, change, peers)
    push_deliveries = providers.Singleton(
        PushLoops,
        push.provided.connected,
        push_queue,
        push,
        positions,
        clock,
        on_enqueued=queueing.provided.on_enqueued,
        holder=providers.Callable(relay_name, settings.provided.instance),
    )
    watch = providers.Singleton(
        OscpWatch,
        providers.Callable(providers_of, push_deliveries),
        forecast_handler,
        queueing,
        peers,
        deciding.view.provided.site_energy,
        providers.Callable(running_at, deciding.recent_activity, deciding.view.provided.site_energy),
        clock,
    )
