"""Which local list each charger was sent last, on every place of records."""

from __future__ import annotations

from pathlib import Path

from access_policy.adapters.records.lists_sent import SqlListsSent
from access_policy.application.ports.local_lists import ListSent
from access_policy.domain.ids import ChargerId, TenantId
from tests.support.places import Place
from tests.support.records import inside

BAY, OTHER = (TenantId("acme"), ChargerId("bay-1")), (TenantId("other"), ChargerId("bay-1"))


async def test_lists_sent_when_opened_again_are_the_latest_of_each_charger(records_location: Place) -> None:
    first = SqlListsSent(inside(records_location, "local_lists"))
    for version in range(1, 4):
        first.remember(BAY, ListSent(version, f"digest-{version}"))
        assert await first.latest(BAY) == ListSent(version, f"digest-{version}")
    first.remember(OTHER, ListSent(2**40, "another"))
    await first.close()

    again = SqlListsSent(inside(records_location, "local_lists"))

    assert await again.latest(BAY) == ListSent(3, "digest-3")
    assert await again.latest(OTHER) == ListSent(2**40, "another")
    assert await again.latest((TenantId("acme"), ChargerId("bay-2"))) is None
    await again.close()


async def test_a_list_that_cannot_be_written_is_forgotten_and_holds_up_nobody(tmp_path: Path) -> None:
    lists = SqlListsSent(tmp_path / "lists.sqlite")
    await lists._tables.close()
    lists.remember(BAY, ListSent(1, "digest"))
    assert lists._writing is not None
    await lists._writing

    assert lists._writing is None
