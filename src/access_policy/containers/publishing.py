"""Events out: the bus, and the relay that publishes the log to it."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.event_bus.eventbridge import EventBridgeBus
from access_policy.adapters.event_bus.in_process import InProcessBus
from access_policy.adapters.records.relay_positions import MemoryRelayPositions, SqlRelayPositions
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.relay_positions import RelayPositions
from access_policy.application.relay.relay import Relay
from access_policy.application.tracing import traced_bus
from access_policy.settings import Settings


def bus_kind(publishes_externally: bool) -> str:
    return "eventbridge" if publishes_externally else "memory"


def relay_name(instance: str) -> str:
    """The relay's name in its lease; `/` for a single process without a name."""
    return instance or "/"


class Publishing(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    stores = providers.DependenciesContainer()

    kind = providers.Callable(bus_kind, settings.provided.publishes_externally)
    bus: providers.Selector[InProcessBus | EventBridgeBus] = providers.Selector(
        kind,
        memory=providers.Resource(InProcessBus),
        eventbridge=providers.Resource(EventBridgeBus, settings.provided.bus_url),
    )
    relay_positions: providers.Selector[RelayPositions] = providers.Selector(
        kind,
        memory=providers.Resource(MemoryRelayPositions),
        eventbridge=providers.Resource(
            SqlRelayPositions,
            stores.installation.provided.records_named.call("relay"),
            settings.provided.bus_name,
        ),
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
