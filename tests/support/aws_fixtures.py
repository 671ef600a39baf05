"""Fixtures: Amazon's interfaces, served on this machine for all tests of a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.aws import CREDENTIALS, WITHOUT, Stub, moto_server, stub


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    set_credentials(monkeypatch)


def set_credentials(patch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        patch.setenv(name, value)
    for name in WITHOUT:
        patch.delenv(name, raising=False)


@pytest.fixture
async def faulty_aws(moto: str, aws_credentials: None) -> AsyncIterator[Stub]:
    async with stub(moto) as opened:
        yield opened
