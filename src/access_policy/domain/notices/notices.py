"""Notices for people: a charger that could not be reached at a transition, and an agreement that ends soon.

Each notice has its own stream, whose name contains the instant that it is about, so that it is recorded only once, by the
process that checks first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from access_policy.domain.access_mode import AccessMode, Cause
from access_policy.domain.charger_access_policy.mode_changes import is_applied
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.charger_condition.condition import ChargerCondition
from access_policy.domain.ids import AgreementId, ChargerId, DepotId
from access_policy.domain.mode_schedule.timeline import Timeline
from access_policy.domain.vehicle_registry.agreements import Agreement

GRACE = timedelta(minutes=1)  # after a transition, to allow for a charger that is just reconnecting
NOTED_WITHIN = timedelta(minutes=30)  # after a transition; the notice of an older one would come too late to help
ENDS_WITHIN = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerUnreachableAtTransition:
    """From `due_at` on the charger should have `mode`; at `noted_at` it was neither connected nor verified in that mode."""

    TYPE: ClassVar = "notice.charger_unreachable_at_transition.v1"
    charger_id: ChargerId
    depot_id: DepotId
    mode: AccessMode
    cause: Cause
    due_at: datetime
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementEndsSoon:
    """The agreement ends at `ends_at`; noted when that was at most `ENDS_WITHIN` ahead."""

    TYPE: ClassVar = "notice.agreement_ends_soon.v1"
    agreement_id: AgreementId
    ends_at: datetime
    noted_at: datetime


Notice = ChargerUnreachableAtTransition | AgreementEndsSoon


def unreachable_at_transition(
    policy: ChargerAccessPolicy, condition: ChargerCondition, timeline: Timeline, now: datetime
) -> ChargerUnreachableAtTransition | None:
    """Return the notice for the latest transition in `[now - NOTED_WITHIN, now - GRACE]`. None for a charger that is
    connected, was never connected, is retired, or is already verified in the mode.
    """
    if policy.retired_at is not None or condition.is_connected or condition.gateway is None:
        return None
    latest = None
    for segment in timeline.transitions(now - NOTED_WITHIN):
        if segment.start > now - GRACE:
            break
        latest = segment
    if latest is None or latest.mode is not timeline.at(now).mode or is_applied(policy, latest.mode):
        return None
    return ChargerUnreachableAtTransition(
        charger_id=policy.charger_id,
        depot_id=policy.settings.depot_id,
        mode=latest.mode,
        cause=latest.cause,
        due_at=latest.start,
        noted_at=now,
    )


def ending_soon(agreements: Iterable[Agreement], now: datetime) -> Iterator[AgreementEndsSoon]:
    """Return notices for the agreements that end in `(now, now + ENDS_WITHIN]`."""
    for agreement in agreements:
        ends_at = agreement.ends_at
        if ends_at is not None and now < ends_at <= now + ENDS_WITHIN:
            yield AgreementEndsSoon(agreement_id=agreement.agreement_id, ends_at=ends_at, noted_at=now)
