"""Check every half minute for transitions at which a charger was unreachable, and for agreements that end soon."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from access_policy.application.context import SYSTEM, Context, enveloped, new_id
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import (
    Append,
    EventStore,
    StoreUnavailable,
    StreamId,
    VersionConflict,
)
from access_policy.application.streams import notice_stream
from access_policy.domain.ids import TenantId
from access_policy.domain.notices.notices import AgreementEndsSoon, Notice, ending_soon, unreachable_at_transition

log = logging.getLogger(__name__)

CHECK_INTERVAL_S: Final = 30.0
AT_A_TIME: Final = 10  # chargers in one iteration of the event loop


class NoticeWatch:
    """Several processes may check concurrently: the stream of a notice accepts one event."""

    def __init__(self, view: DecisionView, store: EventStore, clock: Clock) -> None:
        self._view = view
        self._store = store
        self._clock = clock
        self._noted: set[StreamId] = set()  # streams of the notices that the last check found

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            try:
                await self.check()
            except StoreUnavailable as trouble:
                log.warning("notices are recorded later: %s", trouble)
            await asyncio.sleep(CHECK_INTERVAL_S)

    async def check(self) -> None:
        """Record the noteworthy states that are not recorded yet. Raises `StoreUnavailable`: check again later."""
        now = self._clock.now()
        found: dict[StreamId, tuple[TenantId, Notice]] = {}
        tenants: set[TenantId] = set()
        async for charger in cooperatively(list(self._view.chargers()), at_a_time=AT_A_TIME):
            tenants.add(charger.tenant_id)
            condition = self._view.condition((charger.tenant_id, charger.policy.charger_id))
            if condition.is_connected:
                continue
            notice = unreachable_at_transition(charger.policy, condition, charger.timeline_now(now), now)
            if notice is not None:
                found[notice_stream_of(charger.tenant_id, notice)] = (charger.tenant_id, notice)
        for tenant_id in tenants:
            for ending in ending_soon(self._view.registry(tenant_id).agreements.values(), now):
                found[notice_stream_of(tenant_id, ending)] = (tenant_id, ending)
        for stream, (tenant_id, each) in found.items():
            await self._note(stream, tenant_id, each)
        self._noted &= found.keys()

    async def _note(self, stream: StreamId, tenant_id: TenantId, notice: Notice) -> None:
        if stream in self._noted:
            return
        context = Context(tenant_id=tenant_id, actor=SYSTEM, correlation_id=new_id())
        try:
            await self._store.append([Append(stream, 0, enveloped(context, (notice,), now=notice.noted_at))])
        except VersionConflict:
            log.debug("%s is recorded already", stream)
        self._noted.add(stream)


def notice_stream_of(tenant_id: TenantId, notice: Notice) -> StreamId:
    if isinstance(notice, AgreementEndsSoon):
        return notice_stream(tenant_id, "agreement_notice", notice.agreement_id, notice.ends_at)
    return notice_stream(tenant_id, "charger_notice", notice.charger_id, notice.due_at)
