"""Published events: the bus, the relay that publishes the log to it, and the webhooks to which the in-process bus delivers."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.event_bus.eventbridge import EventBridgeBus
from access_policy.adapters.event_bus.in_process import InProcessBus
from access_policy.adapters.event_bus.patterns.compiling import fault_of
from access_policy.adapters.outgoing.trust import Trust
from access_policy.adapters.records.relay_positions import SqlRelayPositions
from access_policy.adapters.webhooks.sender import HttpsWebhookSender
from access_policy.application.ports.clock import Clock
from access_policy.application.relay.relay import Relay
from access_policy.application.tracing import traced_bus
from access_policy.application.webhooks.deliveries import WebhookDeliveries
from access_policy.application.webhooks.registrations import WebhookRegistrations
from access_policy.application.webhooks.subscriptions import WebhookSubscriptions
from access_policy.settings import Settings


def bus_kind(publishes_externally: bool) -> str:
    return "eventbridge" if publishes_externally else "memory"


def relay_name(instance: str) -> str:
    """Return the relay's name in its lease; `/` for a single process without a name."""
    return instance or "/"


class Publishing(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    trust = providers.Dependency(instance_of=Trust)
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()

    kind = providers.Callable(bus_kind, settings.provided.publishes_externally)
    bus: providers.Selector[InProcessBus | EventBridgeBus] = providers.Selector(
        kind,
        memory=providers.Resource(InProcessBus),
        eventbridge=providers.Resource(EventBridgeBus, settings.provided.bus_url),
    )
    relay_positions = providers.Resource(
        SqlRelayPositions,
        stores.installation.provided.records_named.call("relay"),
        settings.provided.bus_name,
    )
    relay = providers.Singleton(
        Relay,
        stores.store,
        providers.Callable(traced_bus, bus, stores.traces, settings.provided.bus_name),
        relay_positions,
        clock,
        subscribers=providers.Selector(kind, memory=bus, eventbridge=providers.Object(None)),
        holder=providers.Callable(relay_name, settings.provided.instance),
        poll_s=stores.poll_s,
    )

    # --- webhooks ----------------------------------------------------------------------------------------------------
    sender = providers.Resource(HttpsWebhookSender, settings.provided.webhook_networks, trust)
    subscriptions: providers.Selector[WebhookSubscriptions | None] = providers.Selector(
        kind,
        memory=providers.Singleton(WebhookSubscriptions, records.webhooks, records.webhook_queue, bus, clock),
        eventbridge=providers.Object(None),
    )
    lease = providers.Resource(SqlRelayPositions, stores.installation.provided.records_named.call("relay"), "webhooks")
    deliveries = providers.Singleton(
        WebhookDeliveries,
        records.webhooks,
        records.webhook_queue,
        subscriptions,
        sender,
        lease,
        records.webhook_changes,
        clock,
        holder=providers.Callable(relay_name, settings.provided.instance),
    )
    registrations = providers.Singleton(
        WebhookRegistrations,
        records.webhooks,
        records.webhook_changes,
        records.webhook_queue,
        sender,
        stores.store,
        clock,
        providers.Object(fault_of),
        subscriptions,
    )
