"""Chain the log after its writers have appended: read the stored events in log order, and append a link to the chain of
each tenant."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from access_policy.application.audit.linking import head_of, links_of, sealed
from access_policy.application.backoff import Backoff
from access_policy.application.ports.audit_chains import AuditChains, AuditSeals, ExportedHeads
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.raw_log import RawLog, StoredBytes

log = logging.getLogger(__name__)

POLL_S = 1.0  # events younger than this may not be chained yet
BATCH = 500  # events
REST_FACTOR = 3.0  # after a full batch the chainer rests for this many times the duration of the batch,
REST_MAX_S = 1.0  # but not longer than this
RESTART_FIRST_S = 0.5
RESTART_LONGEST_S = 30.0


class AuditChainer:
    """Several processes may chain one log: each batch continues from the stored position, and if two processes chain
    the same events, only one of them takes effect."""

    def __init__(
        self, store: RawLog, chains: AuditChains, seals: AuditSeals, clock: Clock, *, poll_s: float = POLL_S
    ) -> None:
        self._log = store
        self._chains = chains
        self._seals = seals
        self._clock = clock
        self._poll_s = poll_s

    async def run(self) -> None:
        """Chain until cancelled. A streak of failures is logged once."""
        backoff = Backoff(RESTART_FIRST_S, RESTART_LONGEST_S)
        while True:
            try:
                await self.catch_up(at_ease=True)
            except Exception:
                if backoff.failures == 0:
                    log.exception("the audit chain is delayed and retries")
                await asyncio.sleep(backoff.next_s())
            else:
                backoff.reset()
                await asyncio.sleep(self._poll_s)

    async def catch_up(self, *, at_ease: bool = False) -> int:
        """Chain all events that are in the log now. Return the position reached. Raises `StoreUnavailable`."""
        state = await self._chains.state()
        last = await self._log.last_position()
        reached, heads = state.reached, {tenant_id: each.head for tenant_id, each in state.heads.items()}
        while reached < last:
            began = time.monotonic()
            batch = await self._log.read_raw(after=reached, limit=BATCH, up_to=last)
            end = batch[-1].position if len(batch) == BATCH else last
            _warn_of_foreign(batch)
            links = await asyncio.to_thread(links_of, batch, dict(heads), self._seals, now=self._clock.now())
            new = {link.tenant_id: head_of(link) for link in links}
            seals = [sealed(head, self._seals) for head in new.values()]
            if not await self._chains.extend(links, seals, after=reached, reached=end):
                return await self.catch_up(at_ease=at_ease)
            reached, heads = end, heads | new
            if at_ease and len(batch) == BATCH:
                await asyncio.sleep(min(REST_MAX_S, REST_FACTOR * (time.monotonic() - began)))
        return reached

    async def lag(self) -> int:
        """Return the number of positions that are not chained yet. Raises `StoreUnavailable`."""
        return max(0, await self._log.last_position() - (await self._chains.state()).reached)

    async def export_heads(self) -> ExportedHeads:
        """Chain all events that are in the log now, and return the heads of all chains. Raises `StoreUnavailable`."""
        await self.catch_up()
        state = await self._chains.state()
        heads = {tenant_id: each.head for tenant_id, each in state.heads.items()}
        return ExportedHeads(exported_at=self._clock.now(), reached=state.reached, heads=heads)


def _warn_of_foreign(batch: Iterable[StoredBytes]) -> None:
    """Log events that were changed outside the service. They are chained as they are stored, because the chain of later
    events must continue; the verifier reports them."""
    for stored in batch:
        if stored.is_foreign:
            log.error(
                "the event at position %d of %s was changed in the database before it was chained;"
                " `access-policy audit verify` reports it",
                stored.position,
                stored.stream,
            )
