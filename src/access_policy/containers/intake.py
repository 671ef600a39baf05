"""Event intake: other services' events about vehicles, agreements, bookings and the energy of sites."""

from __future__ import annotations

from typing import Any

from dependency_injector import containers, providers

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_intake.sqs import SqsIntake
from access_policy.application.catching_up import catching_up
from access_policy.application.intake.energy import EnergyMessages
from access_policy.application.intake.receiving import Intake
from access_policy.application.ports.clock import Clock
from access_policy.application.retrying import Handler
from access_policy.settings import Settings


def caught_up(
    handler: providers.Provider[Handler[Any, Any]], stores: Any, deciding: Any
) -> providers.Singleton[Handler[Any, Any]]:
    return providers.Singleton(catching_up, handler, deciding.follower, stores.store)


def queue_kind(address: AwsAddress | None) -> str:
    return "none" if address is None else "sqs"


class EventIntake(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()
    commands = providers.DependenciesContainer()
    deciding = providers.DependenciesContainer()

    energy = providers.Singleton(
        EnergyMessages,
        caught_up(commands.receive_envelope, stores, deciding),
        caught_up(commands.withdraw_envelope, stores, deciding),
        caught_up(commands.record_measurements, stores, deciding),
        caught_up(commands.report_energy_source, stores, deciding),
    )
    receiver = providers.Singleton(
        Intake,
        records.intake,
        commands.registries,
        clock,
        caught_up(commands.put_vehicle, stores, deciding),
        caught_up(commands.remove_vehicle, stores, deciding),
        caught_up(commands.put_agreement, stores, deciding),
        caught_up(commands.receive_booking, stores, deciding),
        caught_up(commands.cancel_booking, stores, deciding),
        energy,
    )
    queue: providers.Selector[SqsIntake | None] = providers.Selector(
        providers.Callable(queue_kind, settings.provided.intake_url),
        none=providers.Object(None),
        sqs=providers.Resource(SqsIntake, settings.provided.intake_url, receiver),
    )
