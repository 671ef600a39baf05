"""Typed containers inside containers."""

from __future__ import annotations

from typing import TypeVar, cast

from dependency_injector import containers, providers

Nested = TypeVar("Nested", bound=containers.DeclarativeContainer)


def nested(container: type[Nested], **dependencies: object) -> Nested:
    """Return `providers.Container`, typed as the container that it provides, so that mypy knows `root.stores.keys()`."""
    return cast("Nested", providers.Container(container, **dependencies))
