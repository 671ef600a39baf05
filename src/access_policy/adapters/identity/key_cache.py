"""The issuer's signing keys in memory: refreshed in the background, and kept while the issuer is unreachable.

At a start, the keys of a file are used until the issuer answers, but no longer than the file allows (ADR 0031).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from access_policy.adapters.identity.issuer import IssuerUnreachable, IssuerUnusable, SigningKey, SigningKeys
from access_policy.adapters.identity.kept_keys import KeptKeys

log = logging.getLogger(__name__)

REFRESH_S: Final = 300.0
RETRY_S: Final = 15.0  # after a failed refresh
UNKNOWN_KID_S: Final = 10.0  # the shortest time between two refreshes because of unknown kids


class NoKeysYet(Exception):
    """The issuer's keys have not been read since the start; the message says why."""


class KeyCache:
    """Caches the keys. A failed refresh leaves the keys in place. A successful one replaces all of them, so a key that the
    issuer has withdrawn no longer verifies tokens. `monotonic` returns seconds.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[SigningKeys]],
        monotonic: Callable[[], float],
        kept: KeptKeys | None = None,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._kept = kept
        self._kept_until: float | None = None  # None: the keys did not come from the file
        self._keys: SigningKeys | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._begun_at: float | None = None
        self._trouble = "they are being fetched"

    async def key(self, kid: str) -> SigningKey | None:
        """Return the key, or None. For an unknown `kid`, first refresh the keys: one refresh at a time, and at most one every
        `UNKNOWN_KID_S`.

        Raises `NoKeysYet`.
        """
        if self._kept_until is not None and self._monotonic() >= self._kept_until:
            self._keys = self._kept_until = None
        found = None if self._keys is None else self._keys.get(kid)
        if found is not None:
            return found
        if self._refreshing is not None or self._may_refresh():
            await self.refresh()
        if self._keys is None:
            raise NoKeysYet(self._trouble)
        return self._keys.get(kid)

    async def refresh(self) -> None:
        """Fetch the keys, or wait for the refresh in progress. A failure is logged."""
        if self._refreshing is None:
            self._begun_at = self._monotonic()
            self._refreshing = asyncio.create_task(self._replace_keys(), name="issuer's keys")
            self._refreshing.add_done_callback(self._refreshed)
        await asyncio.shield(self._refreshing)

    async def run(self) -> None:
        """Refresh for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(RETRY_S if self._trouble else REFRESH_S)

    def _may_refresh(self) -> bool:
        return self._begun_at is None or self._monotonic() - self._begun_at >= UNKNOWN_KID_S

    async def _replace_keys(self) -> None:
        try:
            self._keys, self._kept_until = await self._fetch(), None
        except (IssuerUnreachable, IssuerUnusable) as trouble:
            if str(trouble) != self._trouble:
                log.warning("the issuer's keys are not refreshed: %s", trouble)
            self._trouble = str(trouble)
            if self._keys is None and isinstance(trouble, IssuerUnreachable):
                await self._take_kept()
        else:
            self._trouble = ""
            if self._kept is not None:
                await asyncio.to_thread(self._kept.put, self._keys)

    async def _take_kept(self) -> None:
        found = None if self._kept is None else await asyncio.to_thread(self._kept.find)
        if found is not None:
            self._keys, lasts = found
            self._kept_until = self._monotonic() + lasts.total_seconds()
            log.warning("tokens are verified by the keys kept in a file, for %s at most", lasts)

    def _refreshed(self, _: asyncio.Task[None]) -> None:
        self._refreshing = None
