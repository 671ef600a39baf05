"""A plugin for processes that collect and run tests. The process that starts xdist's workers does neither and does not load
it, because its workers would wait for these imports."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support import lengths, ocpp_schemas, order
from tests.support.octt import ids_of

if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # otherwise httpx would search for the missing package at each request to an app


def pytest_configure(config: pytest.Config) -> None:
    lengths.choose(in_full=config.getoption("--soak"))
    ocpp_schemas.watch_connections()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    ocpp_schemas.offences.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test during which the service sent a frame that violates the OCPP schemas."""
    yield
    if item.get_closest_marker("any_frames") is None:
        assert ocpp_schemas.offences == []


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Leave garbage alone while modules are imported and tests are made, and later what they hold: it stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    @cache
    def from_the_root(file: Path) -> Path:
        return file.relative_to(config.rootpath)

    items[:] = order.arranged(items, lambda item: from_the_root(item.path), lambda item: bool(lengths.lengths_of(item)))
    for item in items:
        item.user_properties += [("octt", each) for each in ids_of(item)]
