"""API keys as bearer tokens.

Every request reads the key's record, so that a revocation takes effect in all processes at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from access_policy.application.api_key_secrets import PREFIX, digest_of, id_in, is_text_of
from access_policy.application.ports.api_keys import ApiKeys
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import Identity, TokenRefused
from access_policy.domain.ids import ActorId

log = logging.getLogger(__name__)

RECORD_EVERY_S: Final = 60.0
_NO_KEY: Final = digest_of("")  # compared if the key does not exist, so that the check takes the same time


class ApiKeyUses:
    """The last use of each key since the last `record`, which a background job calls, so that requests do not write."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys
        self._last: dict[str, datetime] = {}

    def used(self, key_id: str, at: datetime) -> None:
        self._last[key_id] = at

    async def record(self) -> None:
        """Store the last uses. While the store is unavailable, they stay in memory for the next call."""
        last, self._last = self._last, {}
        if not last:
            return
        try:
            await self._keys.used(last)
        except StoreUnavailable as trouble:
            log.warning("the last uses of %d API keys are not recorded yet: %s", len(last), trouble)
            self._last = {**last, **self._last}

    async def run(self) -> None:
        """Record until cancelled, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(RECORD_EVERY_S)
                await self.record()
        finally:
            await self.record()


class ApiKeyTokens:
    """Implements `BearerTokens`. `used` is called with the id of each accepted key and the time."""

    def __init__(self, keys: ApiKeys, clock: Clock, used: Callable[[str, datetime], None]) -> None:
        self._keys = keys
        self._clock = clock
        self._used = used

    def recognises(self, token: str) -> bool:
        return token.startswith(PREFIX)

    async def verify(self, token: str, *, is_use: bool = True) -> Identity:
        key_id = id_in(token)
        if key_id is None:
            raise TokenRefused("not the form of an API key")
        found = await self._keys.find(key_id)
        is_it = is_text_of(_NO_KEY if found is None else found[1], token)
        now = self._clock.now()
        if found is None or not is_it or not found[0].is_valid(now):
            raise TokenRefused("an unknown, expired or revoked API key")
        key, _ = found
        if is_use:
            self._used(key_id, now)
        return Identity(
            tenant_id=key.tenant_id,
            role=key.role,
            subject=ActorId(f"api-key:{key_id}"),
            depots=key.depots,
            credential=f"api-key:{key_id}",
        )
