"""The application as a whole: what is open before the first request."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.entrypoints.http.app import create_app
from access_policy.entrypoints.http.dependencies import ServingProcess
from access_policy.settings import Settings


async def test_create_app_with_a_new_directory_opens_all_stores_before_the_first_request(tmp_path: Path) -> None:
    container = Container(settings=Settings(data=tmp_path))

    create_app(container, Mock(spec=ServingProcess))

    names = {path.name for path in tmp_path.iterdir()}
    await close_opened(container)
    assert {
        "idempotency.sqlite",
        "vault.sqlite",
        "unknown_identifiers.sqlite",
        "import_plans.sqlite",
        "intake.sqlite",
    } <= names
    assert (tmp_path / "keys").is_dir()
