"""Close the resources of a container in an order that is always safe."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any, Protocol, cast

from dependency_injector import containers, providers


class Closable(Protocol):
    async def close(self) -> None: ...


async def close_opened(container: containers.Container) -> None:
    """Close every initialised resource, dependents first, each of them also when another one fails to close.

    Nothing is opened in order to be closed. `shutdown_resources` of the library does not fit: it orders by direct
    dependencies only, and it awaits no `close` of a resource that opens synchronously.
    """
    await close_initialised(container.traverse(types=[providers.Resource]))


async def close_initialised(resources: Iterable[providers.Resource[Any]]) -> None:
    """The same for some resources of a container, and for those that they depend on."""
    async with AsyncExitStack() as closing:
        for resource in _dependencies_first(resources):
            closing.push_async_callback(_close, resource)


def _dependencies_first(resources: Iterable[providers.Resource[Any]]) -> list[providers.Resource[Any]]:
    """The initialised resources, each after those that it depends on, also through other providers."""
    ordered: list[providers.Resource[Any]] = []
    seen: set[providers.Provider[Any]] = set()

    def visit(provider: providers.Provider[Any]) -> None:
        if provider in seen:
            return
        seen.add(provider)
        for related in provider.related:
            visit(related)
        if isinstance(provider, providers.Resource) and provider.initialized:
            ordered.append(provider)

    for resource in resources:
        if resource.initialized:
            visit(resource)
    return ordered


async def _close(resource: providers.Resource[Any]) -> None:
    part = cast("Closable", resource())
    resource.shutdown()
    await part.close()
