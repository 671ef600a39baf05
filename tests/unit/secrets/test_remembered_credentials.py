"""While passwords cannot be asked for, the one that was right last is right, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from access_policy.adapters.secrets.remembered_credentials import RememberedCredentials
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.secrets import Holder
from access_policy.domain.ids import ChargePointId, ChargerId, TenantId
from tests.support.stores import charger_credentials

pytestmark = pytest.mark.threads  # a closed executor refuses

CP, OPEN, STRANGER = ChargePointId("CP-1"), ChargePointId("CP-2"), ChargePointId("CP-3")
HOLDER: Holder = (TenantId("acme"), ChargerId("gate-1"))
NEXT: Holder = (TenantId("rival"), ChargerId("gate-1"))
PASSWORD = "0123456789abcdef"


@pytest.fixture
async def known(tmp_path: Path) -> RememberedCredentials:
    """It has let in a charger with a password, and one without; then nobody can be asked any more."""
    credentials = RememberedCredentials(charger_credentials(tmp_path))
    await credentials.set_password(CP, HOLDER, PASSWORD)
    assert await credentials.verify(CP, HOLDER, PASSWORD.encode())
    assert await credentials.verify(OPEN, HOLDER, None) is None
    return credentials


async def test_what_was_right_last_is_right_while_nobody_can_be_asked(known: RememberedCredentials) -> None:
    await known.close()

    assert await known.verify(CP, HOLDER, PASSWORD.encode()) is True
    assert await known.verify(CP, HOLDER, b"another password") is False
    assert await known.verify(CP, HOLDER, None) is False
    assert await known.verify(OPEN, HOLDER, None) is None
    with pytest.raises(StoreUnavailable):
        await known.verify(STRANGER, HOLDER, PASSWORD.encode())


async def test_remembered_password_of_a_previous_holder_opens_nothing_for_the_next(
    known: RememberedCredentials,
) -> None:
    await known.close()

    with pytest.raises(StoreUnavailable):
        await known.verify(CP, NEXT, PASSWORD.encode())


@pytest.mark.parametrize("change", ["set", "clear"])
async def test_a_password_that_was_changed_here_is_not_remembered(known: RememberedCredentials, change: str) -> None:
    await (known.set_password(CP, HOLDER, "the next password") if change == "set" else known.clear(CP, HOLDER))
    await known.close()

    with pytest.raises(StoreUnavailable):
        await known.verify(CP, HOLDER, PASSWORD.encode())


async def test_a_password_that_was_proposed_and_used_is_remembered(known: RememberedCredentials) -> None:
    await known.propose(CP, HOLDER, "the next password")
    assert await known.verify(CP, HOLDER, b"the next password")
    await known.close()

    assert await known.verify(CP, HOLDER, b"the next password") is True
    assert await known.verify(CP, HOLDER, PASSWORD.encode()) is False


async def test_who_can_be_asked_is_asked(known: RememberedCredentials) -> None:
    await known.withdraw(CP, HOLDER)
    assert await known.verify(CP, HOLDER, b"wrong") is False
    await known.clear(CP, HOLDER)

    assert await known.verify(CP, HOLDER, PASSWORD.encode()) is None
    await known.close()


async def test_known_chargers_do_not_each_wait_for_who_does_not_answer() -> None:
    asked, now_s = CountingCredentials(), [0.0]
    credentials = RememberedCredentials(asked, retry_after_s=5, now_s=lambda: now_s[0])
    assert await credentials.verify(CP, HOLDER, PASSWORD.encode())
    asked.is_down = True

    for _ in range(3):
        assert await credentials.verify(CP, HOLDER, PASSWORD.encode()) is True
    assert asked.times == 2
    with pytest.raises(StoreUnavailable):
        await credentials.verify(STRANGER, HOLDER, None)
    now_s[0], asked.is_down = 5.0, False
    assert await credentials.verify(CP, HOLDER, b"whatever it says now") is True
    assert asked.times == 4


class CountingCredentials:
    """Lets everybody in, unless it is down."""

    def __init__(self) -> None:
        self.times = 0
        self.is_down = False

    async def verify(self, charge_point_id: ChargePointId, holder: Holder, presented: bytes | None) -> bool | None:
        self.times += 1
        if self.is_down:
            raise StoreUnavailable("told to fail")
        return True
