"""The enrolment sessions of all chargers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append, EventStore
from access_policy.application.repositories import Committed
from access_policy.application.streams import enrolment_stream
from access_policy.domain.enrolment.session import EnrolmentEvent, EnrolmentSession, fold
from access_policy.domain.ids import ChargerId, TenantId


@dataclass(frozen=True, slots=True)
class EnrolmentSessions:
    store: EventStore

    async def get(self, tenant_id: TenantId, charger_id: ChargerId) -> EnrolmentSession:
        history = await self.store.load(enrolment_stream(tenant_id, charger_id))
        return fold(charger_id, (recorded.event for recorded in history))

    async def record(
        self, context: Context, session: EnrolmentSession, events: tuple[EnrolmentEvent, ...], *, now: datetime
    ) -> Committed:
        """Append the session's events. Raises `VersionConflict` or `StoreUnavailable`."""
        if not events:
            return Committed(session.version, 0)
        stream = enrolment_stream(context.tenant_id, session.charger_id)
        position = await self.store.append([Append(stream, session.version, enveloped(context, events, now=now))])
        return Committed(session.version + len(events), position)
