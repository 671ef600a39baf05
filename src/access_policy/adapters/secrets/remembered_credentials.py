"""Passwords that were right a while ago, for the time in which nobody can ask: a charger that comes back while the database is
down is known to the process that let it in before."""

from __future__ import annotations

import hmac
import logging
import math
import secrets
import time
from collections.abc import Callable
from typing import Final

from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.secrets import ChargerCredentials, Holder
from access_policy.domain.ids import ChargePointId

log = logging.getLogger(__name__)

ASK_AGAIN_S: Final = 5.0


class RememberedCredentials:
    """Implements `ChargerCredentials` over another one, which is asked first. What it said last of a charger holds while it
    cannot be asked, for the very password of then and for no other. A password that another process changed just before
    the outage is accepted once more, in the outage; one that this process changed is not.

    When nobody answered, known chargers do not wait for that each: for `ask_again_s` they are judged from memory at once.
    """

    def __init__(
        self,
        credentials: ChargerCredentials,
        *,
        ask_again_s: float = ASK_AGAIN_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._ask_again_s = ask_again_s
        self._now_s = now_s
        self._down_until_s = -math.inf
        self._key = secrets.token_bytes(32)
        self._let_in: dict[tuple[ChargePointId, Holder], bytes | None] = {}  # the password's keyed hash; None: none

    async def set_password(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        self._let_in.pop((charge_point_id, holder), None)
        await self._credentials.set_password(charge_point_id, holder, password)

    async def propose(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        await self._credentials.propose(charge_point_id, holder, password)

    async def withdraw(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        await self._credentials.withdraw(charge_point_id, holder)

    async def clear(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        self._let_in.pop((charge_point_id, holder), None)
        await self._credentials.clear(charge_point_id, holder)

    async def verify(self, charge_point_id: ChargePointId, holder: Holder, presented: bytes | None) -> bool | None:
        """Raises `StoreUnavailable` for a charger that was not let in by this process."""
        if (charge_point_id, holder) in self._let_in and self._now_s() < self._down_until_s:
            return self._verify_from_memory(charge_point_id, holder, presented)
        try:
            verdict = await self._credentials.verify(charge_point_id, holder, presented)
        except StoreUnavailable as outage:
            self._down_until_s = self._now_s() + self._ask_again_s
            if (charge_point_id, holder) not in self._let_in:
                raise
            log.warning("known chargers are judged by what was right before: %s", outage)
            return self._verify_from_memory(charge_point_id, holder, presented)
        if verdict is None:
            self._let_in[charge_point_id, holder] = None
        elif verdict and presented is not None:
            self._let_in[charge_point_id, holder] = self._hash(charge_point_id, presented)
        return verdict

    async def close(self) -> None:
        await self._credentials.close()

    def _verify_from_memory(
        self, charge_point_id: ChargePointId, holder: Holder, presented: bytes | None
    ) -> bool | None:
        known = self._let_in[charge_point_id, holder]
        if known is None:
            return None
        return presented is not None and hmac.compare_digest(known, self._hash(charge_point_id, presented))

    def _hash(self, charge_point_id: ChargePointId, password: bytes) -> bytes:
        return hmac.digest(self._key, charge_point_id.encode() + b"\0" + password, "sha256")
