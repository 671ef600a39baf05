"""What the state machine found, each told shortly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, Enforcement
from tests.support.depot_in_memory import NIGHT
from tests.support.office import putting_charger, putting_depot
from tests.support.presented import presented
from tests.support.service_in_memory import ServiceInMemory


@pytest.fixture
def service() -> Iterator[ServiceInMemory]:
    service = ServiceInMemory(NIGHT)
    service.do(putting_depot())
    service.do(putting_charger(baseline_mode=AccessMode.MANAGED, enforcement=Enforcement.OBSERVE))
    yield service
    service.close()


def test_wrong_pins_count_where_nothing_is_enforced_and_still_do_after_a_restart(service: ServiceInMemory):
    def would_deny(message_id: str) -> Reason:
        return service.authorize("bay-1", presented("pin", "9999"), message_id).event.would_deny

    five = [would_deny(f"w{n}") for n in range(5)]
    sixth = would_deny("w5")
    service.restart()
    seventh = would_deny("w6")

    assert five == [Reason.UNKNOWN_IDENTIFIER] * 5
    assert (sixth, seventh) == (Reason.PIN_LOCKED_OUT, Reason.PIN_LOCKED_OUT)
