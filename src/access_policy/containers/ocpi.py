"""OCPI: partners, their credentials, bookings and tokens, and pushes to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dependency_injector import containers, providers

from access_policy.adapters.ocpi.peers import HttpsOcpiPeers
from access_policy.adapters.outgoing.checked import CheckedRequests
from access_policy.adapters.outgoing.trust import Trust
from access_policy.adapters.records.relay_positions import SqlRelayPositions
from access_policy.adapters.records.webhook_queue import SqlWebhookQueue
from access_policy.application.catching_up import CaughtUp
from access_policy.application.follower import Follower
from access_policy.application.ocpi_partners.bookings import BookingHandler
from access_policy.application.ocpi_partners.calendars import Calendars
from access_policy.application.ocpi_partners.changing import ChangePartner
from access_policy.application.ocpi_partners.credentials import OcpiCredentials
from access_policy.application.ocpi_partners.driver_tokens import OcpiDriverTokens
from access_policy.application.ocpi_partners.places import BookingPlaces
from access_policy.application.ocpi_partners.push_deliveries import OcpiPushTargets
from access_policy.application.ocpi_partners.pushes import TYPES, BookingPush, PushQueueing
from access_policy.application.ocpi_partners.registrations import OcpiPartnerRegistrations
from access_policy.application.ocpi_partners.token_reviews import TokenReviews
from access_policy.application.partners.push_loops import PushLoops
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StreamId
from access_policy.application.ports.partners import PartnerKey
from access_policy.application.streams import ocpi_partner_stream
from access_policy.containers.publishing import relay_name
from access_policy.settings import Settings


def caught_up(follower: Follower) -> Callable[[int, float], Awaitable[bool]]:
    """Return a function that waits, for a number of seconds, until the follower has reached a position."""
    return lambda position, timeout_s: follower.wait_until(position, timeout_s=timeout_s)


def ocpi_stream(key: PartnerKey) -> StreamId:
    return ocpi_partner_stream(*key)


class Ocpi(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    trust = providers.Dependency(instance_of=Trust)
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()
    deciding = providers.DependenciesContainer()
    commands = providers.DependenciesContainer()

    requests = providers.Resource(CheckedRequests, settings.provided.webhook_networks, trust)
    peers = providers.Singleton(HttpsOcpiPeers, requests)
    change = providers.Singleton(
        ChangePartner, records.ocpi_partners, records.ocpi_partner_changes, clock, providers.Object(ocpi_stream)
    )
    credentials = providers.Singleton(OcpiCredentials, change, peers)
    driver_tokens = providers.Singleton(OcpiDriverTokens, records.ocpi_tokens, stores.pseudonyms)
    token_reviews = providers.Singleton(TokenReviews, driver_tokens, commands.review_token, deciding.view, clock)
    places = providers.Singleton(BookingPlaces, deciding.view)
    calendars = providers.Singleton(Calendars, deciding.view)
    booking_handler = providers.Singleton(
        BookingHandler,
        records.ocpi_bookings,
        places,
        driver_tokens,
        token_reviews,
        commands.receive_booking,
        commands.cancel_booking,
        deciding.view,
        clock,
    )

    # --- pushes ------------------------------------------------------------------------------------------------------
    push_queue = providers.Resource(SqlWebhookQueue, stores.installation.provided.records_named.call("ocpi_pushes"))
    positions = providers.Resource(
        SqlRelayPositions, stores.installation.provided.records_named.call("relay"), "OCPI pushes"
    )
    queueing = providers.Singleton(
        PushQueueing, records.ocpi_partners, records.ocpi_bookings, push_queue, positions, clock
    )
    push_follower = providers.Singleton(
        Follower,
        "OCPI pushes",
        stores.store,
        queueing.provided.handle,
        queueing.provided.position,
        types=providers.Object(TYPES),
        poll_s=stores.poll_s,
    )
    push = providers.Singleton(BookingPush, booking_handler, peers, providers.Factory(caught_up, deciding.follower))
    push_targets = providers.Singleton(OcpiPushTargets, records.ocpi_partners, records.ocpi_bookings, clock)
    push_deliveries = providers.Singleton(
        PushLoops,
        push_targets.provided.connected,
        push_queue,
        push,
        positions,
        clock,
        on_enqueued=queueing.provided.on_enqueued,
        tidy=push_targets.provided.forget_old,
        holder=providers.Callable(relay_name, settings.provided.instance),
    )

    registrations = providers.Singleton(
        OcpiPartnerRegistrations,
        change,
        peers,
        deciding.view,
        commands.end_bookings_of_party,
        providers.Singleton(CaughtUp, deciding.follower, stores.store),
    )
