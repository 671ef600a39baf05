"""What the container opens, chooses by the settings, and closes again."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from dependency_injector import containers, providers

from access_policy.adapters.event_bus.eventbridge import EventBridgeBus
from access_policy.adapters.event_bus.in_process import InProcessBus
from access_policy.adapters.event_intake.sqs import SqsIntake
from access_policy.adapters.records.relay_positions import SqlRelayPositions
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.settings import Settings

CONTAINERS = (
    "stores",
    "records",
    "identity",
    "read_side",
    "deciding",
    "chargers",
    "commands",
    "queries",
    "publishing",
    "intake",
)


def files(directory: Path) -> set[str]:
    return {str(each.relative_to(directory)) for each in directory.rglob("*") if each.is_file()}


class Part:
    """Something that opens and closes, and may need others."""

    def __init__(self, closed: list[str], name: str, *needed: object, broken: bool = False) -> None:
        self._closed, self._name, self._broken = closed, name, broken

    async def close(self) -> None:
        self._closed.append(self._name)
        if self._broken:
            raise OSError("the disk is gone")


class Between:
    """Something that needs a part and does not close it."""

    def __init__(self, part: Part) -> None:
        self.part = part


class Inner(containers.DeclarativeContainer):
    closed = providers.Dependency(instance_of=list)
    first = providers.Resource(Part, closed, "first")
    unused = providers.Resource(Part, closed, "unused")


class Outer(containers.DeclarativeContainer):
    closed = providers.Dependency(instance_of=list)
    inner = providers.DependenciesContainer()
    between = providers.Singleton(Between, inner.first)
    broken = providers.Resource(Part, closed, "broken", between, broken=True)
    last = providers.Resource(Part, closed, "last", broken)


class Root(containers.DeclarativeContainer):
    closed = providers.Dependency(instance_of=list)
    inner = providers.Container(Inner, closed=closed)
    outer = providers.Container(Outer, closed=closed, inner=inner)


async def test_close_opened_after_a_part_fails_closes_the_rest_and_dependents_first() -> None:
    closed: list[str] = []
    container = Root(closed=closed)
    container.outer.last()

    with pytest.raises(OSError, match="the disk is gone"):
        await close_opened(container)

    assert closed == ["last", "broken", "first"]


async def test_close_opened_called_twice_closes_once() -> None:
    closed: list[str] = []
    container = Root(closed=closed)
    container.inner.first()

    await close_opened(container)
    await close_opened(container)

    assert closed == ["first"]


async def test_close_opened_opens_nothing_in_order_to_close_it(tmp_path: Path) -> None:
    container = Container(settings=Settings(data=tmp_path))
    container.stores.store()
    container.records.vault()
    opened = files(tmp_path)

    await close_opened(container)

    assert {name.partition("-")[0] for name in files(tmp_path)} <= {name.partition("-")[0] for name in opened}
    assert "vault.sqlite" in opened
    assert "idempotency.sqlite" not in files(tmp_path)


async def test_container_with_default_settings_provides_everything_without_awaiting(tmp_path: Path) -> None:
    container = Container(settings=Settings(data=tmp_path))

    provided = {
        f"{name}.{each}": provider()
        for name in CONTAINERS
        for each, provider in getattr(container, name)().providers.items()
        if not isinstance(provider, providers.Dependency | providers.DependenciesContainer)
    }
    await close_opened(container)

    assert len(provided) > 90
    assert not [name for name, part in provided.items() if inspect.isawaitable(part)]


async def test_container_provides_one_instance_of_each_part(tmp_path: Path) -> None:
    container = Container(settings=Settings(data=tmp_path))

    assert container.deciding.sessions() is container.deciding.sessions()
    assert container.commands.put_depot() is container.commands.put_depot()
    assert container.intake.receiver() is container.intake.receiver()

    await close_opened(container)


@pytest.mark.parametrize(
    ("settings", "bus", "positions", "queue"),
    [
        ({}, InProcessBus, SqlRelayPositions, type(None)),
        (
            {"bus_url": "eventbridge://bus?region=eu-west-1", "intake_url": "sqs://queue?region=eu-west-1"},
            EventBridgeBus,
            SqlRelayPositions,
            SqsIntake,
        ),
    ],
)
async def test_container_chooses_the_adapters_by_the_settings(
    tmp_path: Path, settings: dict[str, Any], bus: type, positions: type, queue: type
) -> None:
    container = Container(settings=Settings(data=tmp_path, **settings))

    assert type(container.publishing.bus()) is bus
    assert type(container.publishing.relay_positions()) is positions
    assert type(container.intake.queue()) is queue

    await close_opened(container)
