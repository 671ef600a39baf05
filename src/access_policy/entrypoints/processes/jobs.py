"""The background jobs of a process, by its roles."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from typing import Any

from access_policy.application.follower import Follower
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.container import Container
from access_policy.process_roles import ProcessRole

log = logging.getLogger(__name__)

FORGET_EVERY_S = 3600.0

Job = tuple[str, Coroutine[Any, Any, None]]


def background_jobs(container: Container) -> Iterator[Job]:
    """Yield the name and work of each job; all run until they are cancelled."""
    c, roles = container, container.settings().roles
    decides = bool(roles & {ProcessRole.API, ProcessRole.GATEWAY})
    if ProcessRole.PROJECTOR in roles:
        yield "read models", c.read_side.follower().run()
        yield "audit chain", c.auditing.chainer().run()
    if decides:
        yield "decision view", c.deciding.follower().run()
        yield "view keeper", c.deciding.keeper().run()
        yield "spool", c.deciding.spooled_commits().run()
        yield "energy gates", c.deciding.energy_gates().run()
        yield "narrowed plans", c.deciding.narrowing().run()
    if decides and c.settings().oidc_issuer is not None:
        yield "issuer's keys", c.identity.keys().run()
    if decides and not c.settings().is_alone:
        yield "other gateways", c.chargers.other_gateways_follower().run()
        yield "gone gateways", c.chargers.gone_gateways().run()
    if ProcessRole.PUBLISHER in roles:
        yield from _publisher_jobs(c)
    if ProcessRole.GATEWAY in roles:
        yield from _gateway_jobs(c)
    if not c.settings().is_alone:
        yield "wake-ups", _wake_each_other(c)
    if ProcessRole.API in roles:
        yield "changes of API keys", c.records.api_key_changes().run()
        yield "changes of webhooks", c.records.webhook_changes().run()
        yield "changes of OCPI partners", c.records.ocpi_partner_changes().run()
        yield "OCPI push queue", c.ocpi.push_follower().run()
        yield "OCPI pushes", c.ocpi.push_deliveries().run()
        yield "tokens of bookings", c.ocpi.token_reviews().run()
        yield "changes of OSCP providers", c.records.oscp_provider_changes().run()
        yield "OSCP pushes", c.oscp.push_deliveries().run()
        yield "OSCP watch", c.oscp.watch().run()
        yield "notices", c.deciding.notices().run()
        yield "digests", c.queries.digests().run()
        yield "chargers follow depots", c.commands.keeping_up().run()
        yield "last uses of API keys", c.identity.api_key_uses().run()
        yield "delete old identifiers", _delete_old_identifiers(c)
        yield "delete keys of old reservations", c.commands.old_reservation_keys().run()
        yield "delete old sessions", _delete_old_sessions(c)


async def _wake_each_other(c: Container) -> None:
    """Let commits of this process wake the followers of other processes, and their commits the followers of this
    one."""
    wake_ups, roles = c.stores.wake_ups(), c.settings().roles
    followers: list[Follower] = []
    if ProcessRole.PROJECTOR in roles:
        followers.append(c.read_side.follower())
    if roles & {ProcessRole.API, ProcessRole.GATEWAY}:
        followers += [c.deciding.follower(), c.chargers.other_gateways_follower()]
    if ProcessRole.GATEWAY in roles:
        followers.append(c.chargers.holder_charges_follower())
    if ProcessRole.PUBLISHER in roles:
        followers.append(c.publishing.relay().follower)
    for follower in followers:
        wake_ups.listen(follower.wake)
    c.stores.store().on_appended(wake_ups.appended)
    await wake_ups.run()


def _publisher_jobs(c: Container) -> Iterator[Job]:
    yield "relay", c.publishing.relay().run()
    if (subscriptions := c.publishing.subscriptions()) is not None:
        yield "webhook rules", subscriptions.run()
        yield "webhooks", c.publishing.deliveries().run()
    if (queue := c.intake.queue()) is not None:
        yield "intake", queue.run()


def _gateway_jobs(c: Container) -> Iterator[Job]:
    yield "mode control", c.chargers.mode_controller().run()
    yield "follow-up", c.chargers.follow_up().run()
    yield "lost sessions", c.chargers.lost_sessions().run()
    yield "remote starts", c.chargers.remote_starts().run()
    yield "local lists", c.chargers.local_lists().run()
    yield "reservations on chargers", c.chargers.reservations().run()
    yield "charges of holders", c.chargers.holder_charges_follower().run()
    yield "outcomes of reservations", c.chargers.reservation_outcomes().run()
    yield "record of energy", c.chargers.energy_keeper().run()
    yield "measurements of chargers", c.chargers.metering().run()
    yield "late records", c.chargers.gateway().ownership.record_late()


async def _delete_old_identifiers(c: Container) -> None:
    """Delete expired values of unknown identifiers and old import plans repeatedly. After a failure, the next iteration
    deletes them; until then, readers do not see expired values."""
    while True:
        try:
            gone = await c.records.unknown_identifiers().forget_old(now=c.clock().now())
            if gone:
                log.info("deleted the values of %d unknown identifiers at the end of their retention", gone)
            await c.commands.registry_imports().forget_old()
        except StoreUnavailable as trouble:
            log.warning("old unknown identifiers and import plans are not deleted yet: %s", trouble)
        await asyncio.sleep(FORGET_EVERY_S)


async def _delete_old_sessions(c: Container) -> None:
    """Delete expired sessions repeatedly. An expired session cannot be used, even if it is not deleted yet."""
    idle = timedelta(minutes=c.settings().session_idle_minutes)
    while True:
        now = c.clock().now()
        try:
            await c.records.console_sessions().forget_old(used_before=now - idle, now=now)
        except StoreUnavailable as trouble:
            log.warning("old sessions of the console are not deleted yet: %s", trouble)
        await asyncio.sleep(FORGET_EVERY_S)
