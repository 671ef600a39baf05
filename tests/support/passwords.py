"""Credentials of chargers for tests of what comes after the handshake."""

from __future__ import annotations

from access_policy.application.ports.secrets import Holder
from access_policy.domain.ids import ChargePointId


class NoPasswords:
    """Knows no charger's password."""

    async def set_password(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        raise AssertionError("this test sets no password")

    async def propose(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        raise AssertionError("this test proposes no password")

    async def clear(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        raise AssertionError("this test clears no password")

    async def verify(self, charge_point_id: ChargePointId, holder: Holder, presented: bytes | None) -> bool | None:
        return None
