"""The event store and the installation's keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dependency_injector import containers, providers

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_stores.dynamodb.store import dynamodb_event_store
from access_policy.adapters.event_stores.locations import is_in_use
from access_policy.adapters.event_stores.postgres import postgres_event_store
from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.adapters.event_stores.sqlite import sqlite_event_store
from access_policy.adapters.identity.embedded import open_embedded_tokens
from access_policy.adapters.outgoing.trust import Trust
from access_policy.adapters.records.key_check import require_same_keys
from access_policy.adapters.secrets.key_files import Keys, open_keys
from access_policy.adapters.secrets.pseudonyms import HmacPseudonyms
from access_policy.adapters.wake_ups.local_sockets import LocalWakeUps
from access_policy.adapters.wake_ups.postgres import PostgresWakeUps
from access_policy.application.decision_view.view import TYPES as DECIDED_BY
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.traces import Traces
from access_policy.application.ports.wake_ups import WakeUps
from access_policy.settings import Settings

ALONE_POLL_S = 0.25
UNWOKEN_POLL_S = 0.1  # only polling finds other processes' events
WOKEN_POLL_S = 0.5  # a poll finds the events of a lost wake-up


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The keys, and the locations of the databases that use them. No database is opened before its keys are known."""

    keys: Keys
    events: Path | str | AwsAddress
    records: Path | str

    def records_named(self, name: str) -> Path | str:
        """Return a file of that name, or the database of all records."""
        return self.records / f"{name}.sqlite" if isinstance(self.records, Path) else self.records


def open_installation(
    own_data: Path, key_directory: Path, events: Path | str | AwsAddress, records: Path | str
) -> Installation:
    """Read the keys, or create them for a new installation.

    New keys are created only for a new store. A store whose keys are lost must not be opened with other keys, and
    neither must a database that another machine uses with other keys. Raises `KeyFileUnusable`.
    """
    own_data.mkdir(parents=True, exist_ok=True)
    keys = open_keys(key_directory, may_create=not is_in_use(events))
    if isinstance(records, str):
        require_same_keys(records, keys)
    return Installation(keys=keys, events=events, records=records)


def store_kind(location: Path | str | AwsAddress) -> str:
    match location:
        case Path():
            return "sqlite"
        case AwsAddress():
            return "dynamodb"
        case _:
            return "postgres"


def log_poll_s(is_alone: bool, location: Path | str | AwsAddress) -> float:
    """Return the seconds between two polls of the log for events of other processes. This process's own events wake its
    followers at once. Processes on one DynamoDB table may be on several machines, where wake-ups do not reach them.
    """
    if is_alone:
        return ALONE_POLL_S
    return UNWOKEN_POLL_S if isinstance(location, AwsAddress) else WOKEN_POLL_S


def wakes_by(location: Path | str | AwsAddress) -> str:
    return "postgres" if isinstance(location, str) else "local"


def open_traces(endpoint: str, instance: str, ratio: float, trust: Trust) -> Traces:
    from access_policy.adapters.tracing.opentelemetry import exporting_traces  # 0.3 s of imports, for few installations

    return exporting_traces(endpoint, instance=instance, ratio=ratio, trust=trust)


def traces_kind(endpoint: str) -> str:
    return "exported" if endpoint else "none"


class Stores(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    trust = providers.Dependency(instance_of=Trust)

    key_directory = providers.Callable(Path, settings.provided.data, "keys")
    installation = providers.Singleton(
        open_installation,
        settings.provided.own_data,
        key_directory,
        settings.provided.store_location,
        settings.provided.records_location,
    )
    keys = installation.provided.keys
    tokens = providers.Singleton(open_embedded_tokens, key_directory, clock)
    pseudonyms = providers.Singleton(HmacPseudonyms, keys.pseudonyms)
    poll_s = providers.Callable(log_poll_s, settings.provided.is_alone, settings.provided.store_location)
    store: providers.Selector[RecorderEventStore] = providers.Selector(
        providers.Callable(store_kind, settings.provided.store_location),
        sqlite=providers.Resource(sqlite_event_store, installation.provided.events),
        postgres=providers.Resource(postgres_event_store, installation.provided.events),
        dynamodb=providers.Resource(dynamodb_event_store, installation.provided.events),
    )
    traces: providers.Selector[Traces | None] = providers.Selector(
        providers.Callable(traces_kind, settings.provided.traces_endpoint),
        none=providers.Object(None),
        exported=providers.Resource(
            open_traces,
            settings.provided.traces_endpoint,
            settings.provided.instance,
            settings.provided.traces_ratio,
            trust,
        ),
    )
    wake_ups: providers.Selector[WakeUps] = providers.Selector(
        providers.Callable(wakes_by, settings.provided.store_location),
        local=providers.Singleton(
            LocalWakeUps,
            providers.Callable(Path, settings.provided.data, "wake"),
            settings.provided.instance,
            urgent=DECIDED_BY,
        ),
        postgres=providers.Singleton(PostgresWakeUps, settings.provided.store_location, urgent=DECIDED_BY),
    )
