"""Append the events of mode application to a charger's policy. The expected version is a fence: a controller that loses
a race against another one or an operator gets a conflict, drops its work and reconciles again."""

from __future__ import annotations

import asyncio

from access_policy.application.context import SYSTEM, Context, enveloped, new_id
from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.follower import Follower
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append
from access_policy.application.recording.group_commit import GroupCommit
from access_policy.application.streams import policy_stream
from access_policy.domain.charger_access_policy.events import PolicyEvent

SEEN_WITHIN_S = 5.0


class ModeRecorder:
    def __init__(self, commits: GroupCommit, follower: Follower, clock: Clock) -> None:
        self._commits = commits
        self._follower = follower
        self._clock = clock

    async def append(self, charger: ChargerView, events: tuple[PolicyEvent, ...]) -> None:
        """Append at the version that the view has, and return once the view has seen the events. Does nothing without
        events.

        Raises `VersionConflict` or `StoreUnavailable`.
        """
        if not events:
            return
        policy = charger.policy
        context = Context(tenant_id=charger.tenant_id, actor=SYSTEM, correlation_id=new_id())
        stream = policy_stream(charger.tenant_id, policy.charger_id)
        position = await self._commits.append(
            Append(stream, policy.version, enveloped(context, events, now=self._clock.now()))
        )
        async with asyncio.timeout(SEEN_WITHIN_S):
            await self._follower.wait_until(position, timeout_s=SEEN_WITHIN_S)
