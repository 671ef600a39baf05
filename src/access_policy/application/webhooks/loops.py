"""One loop for each receiver with deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Generic

from access_policy.application.ports.webhooks import WebhookKey
from access_policy.application.webhooks.receiver import Of, Receiver


class ReceiverLoops(Generic[Of]):
    """`receiver_of` creates the receiver of a queue. A queue has one loop at a time: if a queue is wanted again while
    its last loop is ending, the new loop begins after the old one, so that a delivery is not sent by both."""

    def __init__(self, receiver_of: Callable[[Of], Receiver[Of]]) -> None:
        self._receiver_of = receiver_of
        self._running: dict[WebhookKey, tuple[Receiver[Of], asyncio.Task[None]]] = {}
        self._ending: dict[asyncio.Task[None], WebhookKey] = {}

    @property
    def targets(self) -> list[Of]:
        return [receiver.webhook for receiver, _ in self._running.values()]

    def wake(self, key: WebhookKey) -> None:
        """Check the queue now, if it has a loop."""
        if key in self._running:
            self._running[key][0].wake()

    def follow(self, wanted: Mapping[WebhookKey, Of]) -> None:
        """End the loops of receivers that are no longer wanted, and begin those that are missing or have failed."""
        for key in [key for key in self._running if key not in wanted]:
            self._end(key)
        for key, target in wanted.items():
            if key in self._running and not self._running[key][1].done():
                self._running[key][0].webhook = target
            else:
                self._begin(key, target)

    async def close(self) -> None:
        """End all loops, and wait until they have ended."""
        self.follow({})
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _begin(self, key: WebhookKey, target: Of) -> None:
        receiver = self._receiver_of(target)
        earlier = [task for task, of in self._ending.items() if of == key]
        task = asyncio.create_task(_run_after(earlier, receiver), name=f"webhook {target.webhook_id}")
        self._running[key] = (receiver, task)

    def _end(self, key: WebhookKey) -> None:
        _, task = self._running.pop(key)
        self._ending[task] = key
        task.add_done_callback(self._ending.pop)
        task.cancel()


async def _run_after(earlier: Sequence[asyncio.Task[None]], receiver: Receiver[Of]) -> None:
    if earlier:
        await asyncio.wait(earlier)
    await receiver.run()
