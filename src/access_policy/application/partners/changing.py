"""Store the changed record of a partner with its event, and find the partner that holds a token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from access_policy.application.audit.record_changes import RecordChanges, pending_event
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.partners.tokens import is_one_of
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StreamId
from access_policy.application.ports.partners import PartnerKey, Partners
from access_policy.domain.issued_tokens import IssuedToken
from access_policy.domain.partners import Partner

Of = TypeVar("Of", bound=Partner[Any, Any])


@dataclass(frozen=True, slots=True)
class PartnerChanges(Generic[Of]):
    """All methods raise `StoreUnavailable`; the change may have been made then, and its event is appended later."""

    partners: Partners[Of]
    changes: RecordChanges
    clock: Clock
    stream_of: Callable[[PartnerKey], StreamId]

    async def put(self, context: Context, after: Of, event: Any, *, expected: int) -> Of:
        """Store the changed record; `event` None: the change has no event. Raises `TooBusy`: another request changed
        the partner."""
        stream = self.stream_of(after.key)
        pending = None if event is None else pending_event(context, stream, event, now=self.clock.now())
        if not await self.partners.put(after, expected=expected, event=pending):
            raise TooBusy("the partner was changed by others; read it again")
        if event is not None:
            await self.changes.append(stream)
        return after

    async def remove(self, context: Context, partner: Of, removed: Any) -> None:
        stream = self.stream_of(partner.key)
        await self.partners.remove(partner.key, event=pending_event(context, stream, removed, now=self.clock.now()))
        await self.changes.append(stream)

    async def settle(self, key: PartnerKey) -> None:
        """Append the pending events of the partner to the log."""
        await self.changes.append(self.stream_of(key))

    async def holder(self, digests: Sequence[str]) -> tuple[Of, IssuedToken] | None:
        """Return the partner that holds a token with one of these hashes, and the token. The first use of the latest
        token ends the previous one. Apart from reading the row, a right and a wrong token take the same work."""
        partner = await self.partners.with_token(digests)
        if partner is None:
            return None
        held = next(
            (each for each in (partner.token, partner.former) if each and is_one_of(each.digest, digests)), None
        )
        if held is None:
            return None
        if held is partner.token and not held.registers and partner.former is not None:
            partner = await self._confirmed(partner)
        return partner, held

    async def _confirmed(self, partner: Of) -> Of:
        after = partner.confirmed(now=self.clock.now())
        if await self.partners.put(after, expected=partner.version, event=None):
            return after
        return partner  # another request confirmed it at the same moment
