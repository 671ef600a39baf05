"""The parts of `GET /readyz`: what this process needs to serve, and whether each is available."""

from __future__ import annotations

import logging
from collections.abc import Callable

from access_policy.adapters.read_models.progress import ReadModelProgress
from access_policy.application.follower import Follower
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.container import Container
from access_policy.entrypoints.processes.gateway_channel import GatewayChannel
from access_policy.process_roles import ProcessRole

log = logging.getLogger(__name__)

CAUGHT_UP_LAG = 5_000  # positions
SETTLE_S = 2.0  # how long a command waits for its change to be visible


class Readiness:
    """The readiness of this process. `is_stopping` returns True from the moment at which the process begins to stop.
    Through `gateway` the office checks whether the gateway process serves."""

    def __init__(
        self, container: Container, is_stopping: Callable[[], bool], gateway: GatewayChannel | None = None
    ) -> None:
        self._gateway = gateway
        self._container = container
        self._roles = container.settings().roles
        self._decides = bool(self._roles & {ProcessRole.API, ProcessRole.GATEWAY})
        self._is_stopping = is_stopping

    async def parts(self) -> dict[str, bool]:
        gateway = {} if self._gateway is None else {"gateway": await self._gateway.is_ready()}
        store_up, lag = True, 0
        try:
            lag = await self.read_models().lag()
            if self._decides:
                lag = max(lag, await self._container.deciding.follower().lag())
        except Exception as trouble:  # noqa: BLE001  any failure means that the process is not ready
            log.warning("not ready: %r", trouble)
            store_up = False
        commits = self._container.deciding.spooled_commits()
        return {
            "store": store_up and commits.is_up,
            "bus": store_up and await self._bus_has_caught_up(),
            "spool": commits.backlog == 0,
            "projections": store_up and lag <= CAUGHT_UP_LAG,
            "serving": not self._is_stopping(),
            **gateway,
        }

    def known_to(self) -> int:
        """Return a log position up to which everything can be read here, possibly more."""
        here = self._container.deciding.follower().reached
        if ProcessRole.API not in self._roles:
            return here
        models = self.read_models()
        return min(here, models.reached if isinstance(models, Follower) else models.seen)

    async def settled(self, position: int) -> bool:
        """Wait until everything up to the log position can be read here; return False after `SETTLE_S`. A process
        without the role `api` does not serve read models, so it does not wait for them."""
        here = await self._container.deciding.follower().wait_until(position, timeout_s=SETTLE_S)
        if ProcessRole.API not in self._roles:
            return here
        return await self.read_models().wait_until(position, timeout_s=SETTLE_S) and here

    def read_models(self) -> Follower | ReadModelProgress:
        if ProcessRole.PROJECTOR in self._roles:
            return self._container.read_side.follower()
        return self._container.read_side.progress()

    async def _bus_has_caught_up(self) -> bool:
        if ProcessRole.PUBLISHER not in self._roles:
            return True
        try:
            return await self._container.publishing.relay().lag() <= CAUGHT_UP_LAG
        except StoreUnavailable as trouble:
            log.warning("not ready: %s", trouble)
            return False
