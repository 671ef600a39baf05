"""The steps of a start, in order: everything that must be true before the process serves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from dependency_injector import providers

from access_policy.application.decision_view.reloading import reload
from access_policy.application.reservation_lifecycle.reloading import reload_charges
from access_policy.container import Container
from access_policy.entrypoints.processes.safety import opening_lock
from access_policy.process_roles import ProcessRole

log = logging.getLogger(__name__)

NOTED_TOGETHER = 500  # chargers found connected after a restart are noted in few commits

Step = tuple[str, Callable[[], Awaitable[Any]]]


class StartUp:
    """The steps of a start. `catch_up` yields those before the background jobs begin, `announce` those after."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._roles = container.settings().roles
        self._decides = bool(self._roles & {ProcessRole.API, ProcessRole.GATEWAY})

    def catch_up(self) -> Iterator[Step]:
        c = self._container
        if not c.settings().is_alone:
            yield "open the files", self._open_files
        if self._decides:
            yield "restore the decision view", c.deciding.keeper().restore
            yield "drain the spool", c.deciding.spooled_commits().drain
            yield "check the decision view", c.deciding.follower().resume
            yield "follow the log", c.deciding.follower().catch_up
        if ProcessRole.PROJECTOR in self._roles:
            yield "check the read models", c.read_side.follower().resume
            yield "bring the read models up to date", c.read_side.follower().catch_up
        else:
            yield "wait for the read models", self._wait_for_read_models
        if self._decides:
            yield "reload recent activity", self._reload_recent_activity
        if ProcessRole.GATEWAY in self._roles:
            yield "reload the charges of reservations' holders", self._reload_holder_charges

    def announce(self) -> Iterator[Step]:
        if ProcessRole.GATEWAY in self._roles:
            yield "note the restart", self.note_restart
        if ProcessRole.API in self._roles:
            yield "go on with imports", self._container.commands.registry_imports().resume
            yield "go on with imports of chargers", self._container.commands.charger_imports().resume
            yield "go on with imports of dispatch sheets", self._container.commands.dispatch_imports().resume

    async def note_restart(self) -> None:
        """Record that chargers connected to an earlier process of this name are disconnected."""
        rows = list(await self._container.read_side.views().connected_chargers())
        records = self._container.deciding.connection_records()
        for first in range(0, len(rows), NOTED_TOGETHER):
            await asyncio.gather(
                *(
                    records.disconnected((row["tenant_id"], row["charger_id"]), "the service was restarted")
                    for row in rows[first : first + NOTED_TOGETHER]
                )
            )

    async def _open_files(self) -> None:
        """Open the files under a lock, because other processes may be opening the same files for the first time."""
        c = self._container
        with await asyncio.to_thread(opening_lock, c.settings().data):
            c.stores.store()
            c.read_side.models()
            if isinstance(c.settings().records_location, Path):
                for provider in c.records.providers.values():
                    if isinstance(provider, providers.Resource):
                        provider()

    async def _wait_for_read_models(self) -> None:
        if not await self._container.read_side.progress().has_caught_up():
            log.warning("the read models are behind: is a process with the role projector running?")

    async def _reload_recent_activity(self) -> None:
        c = self._container
        c.chargers.other_gateways().begin_after(await c.read_side.models().followed_to())
        await reload(c.deciding.recent_activity(), c.read_side.views(), c.stores.store(), now=c.clock().now())

    async def _reload_holder_charges(self) -> None:
        c = self._container
        charges, views = c.chargers.holder_charges(), c.read_side.views()
        charges.begin_after(await c.read_side.models().followed_to())
        await reload_charges(charges, c.deciding.view(), views, views, now=c.clock().now())
