"""Close the resources of a container in an order that is always safe."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any, Protocol, cast

from dependency_injector import containers, providers


class Closable(Protocol):
    async def close(self) -> None: ...


async def close_opened(container: containers.Container) -> None:
    """Close every initialised resource, dependents first, even if another one fails to close.

    Resources that were never opened stay unopened. The library's `shutdown_resources` is not suitable: it orders by direct
    dependencies only, and does not await the `close` of a resource that opens synchronously.
    """
    await close_initialised(container.traverse(types=[providers.Resource]))


async def close_initialised(resources: Iterable[providers.Resource[Any]]) -> None:
    """Like `close_opened`, for some resources of a container and the resources on which they depend."""
    async with AsyncExitStack() as closing:
        for resource in _dependencies_first(resources):
            closing.push_async_callback(_close, resource)


def _dependencies_first(resources: Iterable[providers.Resource[Any]]) -> list[providers.Resource[Any]]:
    """Return the initialised resources, each after those on which it depends, directly or through other providers."""
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
