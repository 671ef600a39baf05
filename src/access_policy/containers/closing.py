"""Close the resources of a container in an order that is always safe."""

from __future__ import annotations

from contextlib import AsyncExitStack
from graphlib import TopologicalSorter
from typing import Any, Protocol, cast

from dependency_injector import containers, providers


class Closable(Protocol):
    async def close(self) -> None: ...


async def close_opened(container: containers.Container) -> None:
    """Close every initialised resource, dependents first, each of them also when another one fails to close.

    Nothing is opened in order to be closed. `shutdown_resources` of the library does not fit: it orders by direct
    dependencies only, and it awaits no `close` of a resource that opens synchronously.
    """
    async with AsyncExitStack() as closing:
        for resource in _dependencies_first(container):
            closing.push_async_callback(_close, resource)


def _dependencies_first(container: containers.Container) -> list[providers.Resource[Any]]:
    """The initialised resources, each after those that it depends on, also through other providers."""
    opened = {resource for resource in container.traverse(types=[providers.Resource]) if resource.initialized}
    graph = {resource: opened.intersection(resource.traverse(types=[providers.Resource])) for resource in opened}
    return list(TopologicalSorter(graph).static_order())


async def _close(resource: providers.Resource[Any]) -> None:
    part = cast("Closable", resource())
    resource.shutdown()
    await part.close()
