"""A follower for tests without tasks beside them."""

from __future__ import annotations

from access_policy.application.follower import Follower


class AtOnce(Follower):
    """Follows when it is waited for; no task runs beside."""

    async def wait_until(self, position: int, *, timeout_s: float) -> bool:
        await self.catch_up()
        return self.reached >= position
