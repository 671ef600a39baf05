"""One failure of any port at any call, and another try, end as if nothing had failed.

`python -m tests.unit.one_failure` prints how many calls of which step were made to fail.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any, Final

import pytest

from access_policy.application import commands
from access_policy.application.audit.record_changes import RecordChanges
from access_policy.application.charging_sessions.announced_transactions import AnnouncedTransactions
from access_policy.application.charging_sessions.lost_sessions import LostSessions, LostSessionsWatch
from access_policy.application.charging_sessions.repeated_starts import RepeatedStarts
from access_policy.application.charging_sessions.session_ends import SessionEnds
from access_policy.application.charging_sessions.sessions import Sessions
from access_policy.application.consequences.denial_follow_up import FollowUp
from access_policy.application.deciding.decider import AttemptDecider
from access_policy.application.deciding.effects import DecisionEffects
from access_policy.application.decision_view.snapshots import ViewKeeper
from access_policy.application.intake.receiving import Intake
from access_policy.application.local_lists.updates import LocalListUpdates
from access_policy.application.mode_application.reconcile import Reconciler
from access_policy.application.mode_application.remote_starts import RemoteStarts
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.application.presence.connection_records import ConnectionRecords
from access_policy.application.presence.gone_gateways import GoneGateways
from access_policy.application.recording.spool_drain import SpoolDrain
from access_policy.application.recording.spooled_commits import SpooledCommits
from access_policy.application.registry_import.applying import PlanApplier
from access_policy.application.registry_import.imports import RegistryImports
from access_policy.application.relay.held_streams import HeldStreams
from access_policy.application.relay.relay import Relay
from access_policy.application.webhooks.deliveries import WebhookDeliveries
from access_policy.application.webhooks.receiver import Receiver
from access_policy.application.webhooks.registrations import WebhookRegistrations
from access_policy.application.webhooks.subscriptions import WebhookSubscriptions
from tests.support.lengths import Length
from tests.support.nth_call import Story, tried
from tests.unit.one_failure.command_stories import COMMANDS
from tests.unit.one_failure.decision_stories import DECISIONS
from tests.unit.one_failure.energy_stories import ENERGY
from tests.unit.one_failure.oscp_stories import PROVIDERS
from tests.unit.one_failure.partner_stories import PARTNERS
from tests.unit.one_failure.registry_stories import REGISTRY
from tests.unit.one_failure.reservation_stories import RESERVATIONS
from tests.unit.one_failure.start_stories import START
from tests.unit.one_failure.webhook_stories import WEBHOOKS

STORIES: tuple[Story, ...] = (
    *COMMANDS,
    *RESERVATIONS,
    *ENERGY,
    *REGISTRY,
    *DECISIONS,
    *START,
    *WEBHOOKS,
    *PARTNERS,
    *PROVIDERS,
)

FAILURES: Final = Length(ci=6, soak=1_000, of="failures of each story")

UNITS: Final = (
    AnnouncedTransactions,
    AttemptDecider,
    ChargerConditions,
    ConnectionRecords,
    DecisionEffects,
    FollowUp,
    GoneGateways,
    HeldStreams,
    Intake,
    LocalListUpdates,
    LostSessions,
    LostSessionsWatch,
    PlanApplier,
    Receiver,
    Reconciler,
    RecordChanges,
    RegistryImports,
    Relay,
    RemoteStarts,
    RepeatedStarts,
    SessionEnds,
    Sessions,
    SpoolDrain,
    SpooledCommits,
    ViewKeeper,
    WebhookDeliveries,
    WebhookRegistrations,
    WebhookSubscriptions,
)
WITHOUT_A_STORY: Final = {
    DecisionEffects.record_lockout: "a part of a decision and of a start",
    RepeatedStarts.is_another: "reads",
    RepeatedStarts.recorded_start: "a part of a start",
    RepeatedStarts.used_again: "a part of a start",
    ChargerConditions.has_booted: "reads",
    ChargerConditions.stored: "reads",
    ConnectionRecords.owner_of: "reads",
    ConnectionRecords.connected_elsewhere: "reads",
    RegistryImports.find: "reads",
    RegistryImports.rows: "reads",
    RegistryImports.log_position: "reads",
    RegistryImports.forget_old: "one call, made again every hour",
    RegistryImports.close: "ends tasks",
    Relay.lag: "reads",
    FollowUp.finish: "waits for tasks",
    WebhookDeliveries.send: "a part of a delivery",
    WebhookRegistrations.all: "reads",
    WebhookRegistrations.get: "reads",
    WebhookRegistrations.test: "one try, neither repeated nor recorded",
    RemoteStarts.finish: "waits for tasks",
}


@pytest.mark.soak(FAILURES)
@pytest.mark.parametrize("story", STORIES, ids=str)
async def test_one_failure_at_any_call_and_a_retry_end_as_without_it(story: Story) -> None:
    report = await tried(story, FAILURES.count)

    assert report.pairs >= report.before_effect > 0
    assert report.before_effect == len(report.calls) or FAILURES.count < FAILURES.soak
    assert not report.differences, "\n".join(report.differences)


def test_every_command_handler_has_a_story() -> None:
    covered = {each for story in STORIES for each in story.covers}

    assert [each.__name__ for each in handlers() if each not in covered] == []


def test_every_step_of_decisions_imports_loops_and_the_relay_has_a_story() -> None:
    covered = {each for story in STORIES for each in story.covers}

    assert [each.__qualname__ for each in steps() if each not in covered and each not in WITHOUT_A_STORY] == []


def handlers() -> Iterator[Any]:
    """All classes named as handlers of commands."""
    for module in pkgutil.iter_modules(commands.__path__):
        of_it = importlib.import_module(f"{commands.__name__}.{module.name}")
        for name, found in vars(of_it).items():
            if isinstance(found, type) and name.endswith("Handler") and found.__module__ == of_it.__name__:
                yield found


def steps() -> Iterator[Any]:
    """What callers await of the units, but for their endless loops, which repeat the steps."""
    for unit in UNITS:
        for name, found in vars(unit).items():
            is_public = not name.startswith("_") or name == "__call__"
            if inspect.iscoroutinefunction(found) and is_public and name != "run":
                yield found
