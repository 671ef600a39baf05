"""The only module that knows every adapter: it joins the containers of all packages. Business code never imports it."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.clock import SystemClock
from access_policy.adapters.local_files.tls_files import TlsFiles
from access_policy.adapters.outgoing.clients import KeptClients
from access_policy.adapters.outgoing.trust import Trust
from access_policy.application.charger_events import ChargerEventDispatcher
from access_policy.containers.auditing import Auditing
from access_policy.containers.chargers import Chargers, tls_kind
from access_policy.containers.commands import Commands
from access_policy.containers.deciding import Deciding
from access_policy.containers.erasing import Erasing
from access_policy.containers.identity import Identities
from access_policy.containers.intake import EventIntake
from access_policy.containers.nesting import nested
from access_policy.containers.ocpi import Ocpi
from access_policy.containers.oscp import Oscp
from access_policy.containers.publishing import Publishing
from access_policy.containers.queries import Queries
from access_policy.containers.read_side import ReadSide
from access_policy.containers.records import Records
from access_policy.containers.restoring import Restoring
from access_policy.containers.stores import Stores
from access_policy.settings import Settings


class Container(containers.DeclarativeContainer):
    """`container.commands.put_depot()` and so on; each provider has one instance per container.

    Resources open synchronously at their first use, so no provider returns an awaitable. `close_opened` closes them.
    """

    settings = providers.Dependency(instance_of=Settings)
    clock = providers.Singleton(SystemClock)
    http_tls: providers.Selector[TlsFiles | None] = providers.Selector(
        providers.Callable(tls_kind, settings.provided.http_tls_certificate),
        none=providers.Object(None),
        files=providers.Singleton(
            TlsFiles,
            settings.provided.http_tls_certificate,
            settings.provided.http_tls_key,
            checks_dates=True,
            clock=clock,
        ),
    )
    charger_events = providers.Singleton(ChargerEventDispatcher)
    trust = providers.Singleton(Trust, settings.provided.ca_file)
    clients = providers.Resource(KeptClients, trust)

    stores = nested(Stores, settings=settings, clock=clock, trust=trust)
    records = nested(Records, settings=settings, stores=stores)
    identity = nested(Identities, settings=settings, clock=clock, trust=trust, stores=stores, records=records)
    read_side = nested(ReadSide, settings=settings, stores=stores)
    deciding = nested(
        Deciding, settings=settings, clock=clock, charger_events=charger_events, stores=stores, records=records
    )
    chargers = nested(
        Chargers,
        settings=settings,
        clock=clock,
        charger_events=charger_events,
        stores=stores,
        records=records,
        read_side=read_side,
        deciding=deciding,
    )
    commands = nested(
        Commands,
        clock=clock,
        stores=stores,
        records=records,
        read_side=read_side,
        deciding=deciding,
        chargers=chargers,
    )
    auditing = nested(Auditing, clock=clock, stores=stores, records=records)
    queries = nested(
        Queries,
        auditing=auditing,
        clock=clock,
        stores=stores,
        records=records,
        read_side=read_side,
        deciding=deciding,
        chargers=chargers,
    )
    erasing = nested(Erasing, settings=settings, clock=clock, stores=stores, records=records)
    restoring = nested(Restoring, clock=clock, stores=stores)
    publishing = nested(Publishing, settings=settings, clock=clock, trust=trust, stores=stores, records=records)
    ocpi = nested(
        Ocpi,
        settings=settings,
        clock=clock,
        trust=trust,
        stores=stores,
        records=records,
        deciding=deciding,
        commands=commands,
    )
    oscp = nested(
        Oscp,
        settings=settings,
        clock=clock,
        trust=trust,
        stores=stores,
        records=records,
        deciding=deciding,
        commands=commands,
    )
    intake = nested(
        EventIntake,
        settings=settings,
        clock=clock,
        stores=stores,
        records=records,
        commands=commands,
        deciding=deciding,
    )
