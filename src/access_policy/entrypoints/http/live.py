"""The live hub of a process, over its read models and its decision view."""

from __future__ import annotations

from collections.abc import Callable

from access_policy.adapters.read_models.progress import ReadModelProgress
from access_policy.application.follower import Follower
from access_policy.application.live.hub import LiveHub
from access_policy.application.ports.views import Row
from access_policy.container import Container
from access_policy.domain.ids import ChargerKey
from access_policy.entrypoints.http.v1.stream_messages import StreamMessages
from access_policy.process_roles import ProcessRole


class ReadProgress:
    """Implements `Progress`: how far both the read models and the decision view have followed the log."""

    def __init__(self, container: Container) -> None:
        side = container.read_side
        is_projector = ProcessRole.PROJECTOR in container.settings().roles
        self._models: Follower | ReadModelProgress = side.follower() if is_projector else side.progress()
        self._view: Follower = container.deciding.follower()

    async def reached(self) -> int:
        models = self._models
        return min(models.reached if isinstance(models, Follower) else await models.reached(), self._view.reached)

    async def beyond(self, position: int) -> int:
        read_models = await self._models.beyond(position)
        return min(read_models, await self._view.beyond(position))


def live_hub(container: Container, connected: Callable[[ChargerKey, Row], bool]) -> LiveHub:
    """Return the hub. `connected` says whether a charger is connected, given its key and its row in the read model."""
    return LiveHub(container.stores.store(), ReadProgress(container), StreamMessages(container, connected))
