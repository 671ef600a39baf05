"""Console sessions as another kind of credential.

Every request reads the session's record, so that a sign-out takes effect in all processes at once.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Final

from access_policy.application.api_key_secrets import digest_of
from access_policy.application.console_sign_in import SESSION_PREFIX
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.console_sessions import ConsoleSessions
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import Identity, TokenRefused

log = logging.getLogger(__name__)

USED_EVERY: Final = timedelta(minutes=1)
LENGTH_MAX: Final = 64


class SessionTokens:
    """Implements `BearerTokens`. A session ends after `idle` without a request, and no later than its own end."""

    def __init__(self, sessions: ConsoleSessions, clock: Clock, idle: timedelta) -> None:
        self._sessions = sessions
        self._clock = clock
        self._idle = idle

    def recognises(self, token: str) -> bool:
        return token.startswith(SESSION_PREFIX)

    async def verify(self, token: str, *, is_use: bool = True) -> Identity:
        if len(token) > LENGTH_MAX:
            raise TokenRefused("too long")
        digest, now = digest_of(token), self._clock.now()
        session = await self._sessions.find(digest)
        if session is None or not now < min(session.expires_at, session.used_at + self._idle):
            raise TokenRefused("an unknown or expired session")
        if is_use and now >= session.used_at + USED_EVERY:
            try:
                await self._sessions.used(digest, now)
            except StoreUnavailable as trouble:
                log.warning("the use of a session is not recorded: %s", trouble)
        return replace(session.identity, credential=f"session:{digest[:16]}")
