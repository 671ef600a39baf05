"""One office, with a depot and a charger in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.office import Office, putting_charger, putting_depot


@pytest.fixture
async def empty_office() -> AsyncIterator[Office]:
    office = Office()
    yield office
    await office.store.close()  # type: ignore[attr-defined]


@pytest.fixture
async def office(empty_office: Office) -> Office:
    await empty_office.do(putting_depot())
    await empty_office.do(putting_charger())
    return empty_office
