"""Recently verified passwords in memory, for outages of the database. A charger that reconnects during an outage is admitted by
the process that admitted it before.
"""

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

RETRY_AFTER_S: Final = 5.0


class RememberedCredentials:
    """Implements `ChargerCredentials` over `credentials`, and answers from memory while they are unavailable.

    During an outage, a charger's last verified password is the only valid one. If another process changed the password just
    before the outage, the old one is still accepted; a change by this process takes effect. After a failure, known chargers are
    verified from memory for `retry_after_s`, without waiting for `credentials`.
    """

    def __init__(
        self,
        credentials: ChargerCredentials,
        *,
        retry_after_s: float = RETRY_AFTER_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._retry_after_s = retry_after_s
        self._now_s = now_s
        self._down_until_s = -math.inf
        self._key = secrets.token_bytes(32)
        self._admitted: dict[tuple[ChargePointId, Holder], bytes | None] = {}  # keyed hash; None: no password

    async def set_password(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        self._admitted.pop((charge_point_id, holder), None)
        await self._credentials.set_password(charge_point_id, holder, password)

    async def propose(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        await self._credentials.propose(charge_point_id, holder, password)

    async def withdraw(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        await self._credentials.withdraw(charge_point_id, holder)

    async def clear(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        self._admitted.pop((charge_point_id, holder), None)
        await self._credentials.clear(charge_point_id, holder)

    async def verify(self, charge_point_id: ChargePointId, holder: Holder, presented: bytes | None) -> bool | None:
        """Raises `StoreUnavailable` for a charger that this process has not admitted before."""
        if (charge_point_id, holder) in self._admitted and self._now_s() < self._down_until_s:
            return self._verify_from_memory(charge_point_id, holder, presented)
        try:
            result = await self._credentials.verify(charge_point_id, holder, presented)
        except StoreUnavailable as outage:
            self._down_until_s = self._now_s() + self._retry_after_s
            if (charge_point_id, holder) not in self._admitted:
                raise
            log.warning("known chargers are verified by their last password: %s", outage)
            return self._verify_from_memory(charge_point_id, holder, presented)
        if result is None:
            self._admitted[charge_point_id, holder] = None
        elif result and presented is not None:
            self._admitted[charge_point_id, holder] = self._hash(charge_point_id, presented)
        return result

    async def close(self) -> None:
        await self._credentials.close()

    def _verify_from_memory(
        self, charge_point_id: ChargePointId, holder: Holder, presented: bytes | None
    ) -> bool | None:
        known = self._admitted[charge_point_id, holder]
        if known is None:
            return None
        return presented is not None and hmac.compare_digest(known, self._hash(charge_point_id, presented))

    def _hash(self, charge_point_id: ChargePointId, password: bytes) -> bytes:
        return hmac.digest(self._key, charge_point_id.encode() + b"\0" + password, "sha256")
