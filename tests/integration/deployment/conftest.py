"""The samples of a running service, scraped once for all tests here."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.samples import Sample

from tests.integration.deployment.scraped import scrape


@pytest.fixture(scope="package")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return asyncio.run(scrape(tmp_path_factory.mktemp("scraped")))
