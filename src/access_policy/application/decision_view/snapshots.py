"""Save the decision view from time to time, so that a start takes seconds regardless of the length of the log."""

from __future__ import annotations

import asyncio
import logging

from access_policy.application.decision_view.view import TYPES, DecisionView
from access_policy.application.ports.event_store import EventStore
from access_policy.application.ports.view_snapshots import ViewSnapshots, ViewState

log = logging.getLogger(__name__)

SAVE_EVERY_S = 600.0


class ViewKeeper:
    def __init__(
        self, view: DecisionView, store: EventStore, snapshots: ViewSnapshots, *, every_s: float = SAVE_EVERY_S
    ) -> None:
        self._view = view
        self._store = store
        self._snapshots = snapshots
        self._every_s = every_s
        self._saved: ViewState | None = None

    async def restore(self) -> bool:
        """Restore the saved view; call it before the view follows the log. Returns False if the view starts empty.
        Raises `StoreUnavailable`."""
        state = await self._snapshots.latest()
        if state is None:
            return False
        if not await self._is_of_this_log(state):
            log.warning(
                "the saved decision view belongs to another log (was the store replaced?); folding the log from the beginning"
            )
            return False
        await asyncio.to_thread(self._view.restore, state)  # the view has no readers yet
        self._saved = state
        return True

    async def run(self) -> None:
        """Save periodically, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.save()

    async def save(self) -> None:
        """Save, unless nothing was folded since the last save."""
        state = self._view.state()
        if state is None or (self._saved is not None and state.anchor == self._saved.anchor):
            return
        if await self._snapshots.save(state):
            self._saved = state

    async def _is_of_this_log(self, state: ViewState) -> bool:
        if await self._store.last_position() < state.position:
            return False
        at = state.anchor.position
        found = await self._store.read_log(after=at - 1, limit=1, types=TYPES, up_to=at)
        return [recorded.envelope.event_id for recorded in found] == [state.anchor.event_id]
