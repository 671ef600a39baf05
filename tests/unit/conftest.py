"""Unit tests have no threads, but for those that are about threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.support.shared_statements import share_statements
from tests.support.threadless_loop import ThreadlessLoop, ThreadlessVirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("threads") is not None:
        return {"loop": asyncio.SelectorEventLoop}
    return {"loop": ThreadlessLoop if item.get_closest_marker("virtual_time") is None else ThreadlessVirtualTimeLoop}


@pytest.fixture(scope="session", autouse=True)
def shared_statements() -> None:
    share_statements()
