"""Imports of the registry and events of other services."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from access_policy.adapters.event_intake.messages import read
from access_policy.application.intake.receiving import Intake
from access_policy.application.registry_import.applying import PlanApplier
from access_policy.application.registry_import.checks import ApplyOptions
from access_policy.application.registry_import.imports import RegistryImports
from access_policy.domain.vehicle_registry.import_plan import Application, ImportMode, PlanState
from tests.support.builders import agreement
from tests.support.incoming import agreement_changed, commissioned, decommissioned
from tests.support.nth_call import Faults, Story
from tests.support.office import ACME
from tests.unit.one_failure.command_stories import van
from tests.unit.one_failure.office_world import OfficeWorld, context

FILE = b"""vehicle_id,name,access_class,rfid
bus-1,Bus 1,own,04A1B2C3D4E5F1
bus-2,Bus 2,own,04A1B2C3D4E5F2
bus-3,Bus 3,own,04A1B2C3D4E5F3
bus-4,Bus 4,own,
"""
OPTIONS = ApplyOptions(confirm_removals=1)


async def registered(faults: Faults) -> OfficeWorld:
    world = OfficeWorld(faults)
    await world.lived(van("04A1B2C3D4E5F6"))
    return world


async def planned(faults: Faults) -> OfficeWorld:
    world = await registered(faults)
    world.made, _ = await world.imports.plan(ACME, FILE, ImportMode.REPLACE)
    return world


async def begun(faults: Faults) -> OfficeWorld:
    """A process ended in the middle of the import."""
    world = await planned(faults)
    under_way = Application(actor=context().actor, correlation_id="a-request", after_version=2, partial=False)
    await world.plans.update(replace(world.made, state=PlanState.APPLYING, application=under_way))
    return world


async def apply(world: OfficeWorld) -> Any:
    return await world.imports.apply(context(), world.made.plan_id, OPTIONS, wait_s=60)


async def resume(world: OfficeWorld) -> None:
    await world.imports.resume()
    tasks = [each.task for each in world.imports._under_way.values() if each.task is not None]
    await asyncio.gather(*tasks)


def taken(message: dict[str, Any]) -> Callable[[OfficeWorld], Awaitable[Any]]:
    event = read(json.dumps(message))
    return lambda world: world.intake.receive(event)


REGISTRY: tuple[Story, ...] = (
    Story(
        "plan an import",
        (RegistryImports.plan,),
        registered,
        lambda world: world.imports.plan(ACME, FILE, ImportMode.REPLACE),
    ),
    Story("apply an import", (RegistryImports.apply, PlanApplier.__call__), planned, apply),
    Story("go on with an import after a crash", (RegistryImports.resume,), begun, resume),
    Story(
        "take a commissioned vehicle in",
        (Intake.receive,),
        registered,
        taken(commissioned("bus-7", 1, event_id="in-1", identifiers=[{"kind": "rfid", "value": "04A1B2C3D4E5F9"}])),
    ),
    Story(
        "take a decommissioned vehicle in",
        (Intake.receive,),
        registered,
        taken(decommissioned("van-1", 2, event_id="in-2")),
    ),
    Story(
        "take a changed agreement in",
        (Intake.receive,),
        registered,
        taken(agreement_changed(agreement().agreement_id, 1) | {"id": "eb-1"}),
    ),
)
