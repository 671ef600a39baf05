"""A start of the service over a store of which one call fails: the start ends, and the next one finds everything."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from dependency_injector import providers

from access_policy.adapters.local_files.spool import SqliteSpool
from access_policy.application.decision_view.reloading import reload
from access_policy.application.ports.event_store import Append, NewEvent, StoreUnavailable
from access_policy.application.ports.views import AttemptFilter
from access_policy.container import Container
from access_policy.domain.ids import TenantId
from access_policy.entrypoints.processes.startup import StartUp
from access_policy.settings import Settings
from tests.support.depot_in_memory import BUS, STRANGER
from tests.support.nth_call import Faults, Story, recorded_in
from tests.support.places import prepare_file
from tests.support.reused_service import reused_service
from tests.unit.one_failure.depot_world import KEY, DepotWorld


class StartWorld:
    """An earlier process has ended in the middle of everything: charges under way, a charger connected, a spool."""

    def __init__(self, faults: Faults) -> None:
        self.yard = DepotWorld(Faults())
        self.store = faults.around("store", self.yard.inner)
        self.directory = tempfile.TemporaryDirectory()
        self.now: dict[str, Any] = {}

    async def lived(self) -> StartWorld:
        prepare_file(Path(self.directory.name) / "views.sqlite")
        yard = await self.yard.opened()
        await yard.connections.connected(KEY, "ocpp1.6")
        await yard.decider.authorize(yard.depot.attempt(BUS, message_id="m-1"))
        await yard.sessions.start(yard.start_report(BUS, transaction_ids=("101",)))
        await yard.sessions.start(yard.start_report(STRANGER, transaction_ids=("102",)))
        spool = SqliteSpool(Path(self.directory.name) / "spool.sqlite")
        last = (await yard.inner.read_log(after=0, limit=1_000))[-1]
        ended = NewEvent(last.event, last.envelope)
        await spool.append([Append(last.stream, last.version - 1, (ended,))])
        await spool.close()
        return self

    async def start(self) -> None:
        async with reused_service() as service:
            service.container.settings.override(providers.Object(Settings(data=Path(self.directory.name))))
            service.container.stores.store.override(providers.Object(self.store))
            failures: list[StoreUnavailable] = []
            try:
                await self._start(service.container)
            except StoreUnavailable as failure:
                failures.append(failure)  # the service is closed as after a start that did not fail
        for failure in failures:
            raise failure

    async def _start(self, container: Container) -> None:
        start_up = StartUp(container)
        for _, step in start_up.catch_up():
            await step()
        await start_up.note_restart()
        await container.commands.registry_imports().resume()
        await container.read_side.follower().catch_up()
        views = container.read_side.views()
        self.now = {
            "sessions": sorted(each.transaction_id for _, each in container.deciding.recent_activity().all_sessions()),
            "view": container.deciding.view().position,
            "chargers": [row["charger_id"] for row in await views.connected_chargers()],
            "attempts": (await views.attempts(TenantId("acme"), AttemptFilter(), cursor=None, limit=200)).items,
            "spool": len(await container.deciding.spool().oldest(10)),
        }

    async def facts(self) -> Any:
        return {**self.now, "streams": await recorded_in(self.yard.inner)}

    async def close(self) -> None:
        await self.yard.close()
        self.directory.cleanup()


async def _lived(faults: Faults) -> StartWorld:
    return await StartWorld(faults).lived()


START: tuple[Story, ...] = (
    Story("start the service", (StartUp.catch_up, StartUp.note_restart, reload), _lived, lambda world: world.start()),
)
