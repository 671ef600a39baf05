"""Event intake: other services' events about vehicles, agreements, bookings and the energy of sites."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_intake.sqs import SqsIntake
from access_policy.application.intake.energy import EnergyMessages
from access_policy.application.intake.receiving import Intake
from access_policy.application.ports.clock import Clock
from access_policy.settings import Settings


def queue_kind(address: AwsAddress | None) -> str:
    return "none" if address is None else "sqs"


class EventIntake(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    records = providers.DependenciesContainer()
    commands = providers.DependenciesContainer()

    energy = providers.Singleton(
        EnergyMessages,
        commands.receive_envelope,
        commands.withdraw_envelope,
        commands.record_measurements,
        commands.report_energy_source,
    )
    receiver = providers.Singleton(
        Intake,
        records.intake,
        commands.registries,
        clock,
        commands.put_vehicle,
        commands.remove_vehicle,
        commands.put_agreement,
        commands.receive_booking,
        commands.cancel_booking,
        energy,
    )
    queue: providers.Selector[SqsIntake | None] = providers.Selector(
        providers.Callable(queue_kind, settings.provided.intake_url),
        none=providers.Object(None),
        sqs=providers.Resource(SqsIntake, settings.provided.intake_url, receiver),
    )
