"""`access-policy registry apply` waits until the import has ended, in whichever process it waits or is applied."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from access_policy.entrypoints.cli import imports
from tests.support.cli_in_memory import Cli


def state(name: str, error: str | None = None) -> dict[str, Any]:
    result = {"applied": {"add": 1}} if name == "applied" else None
    return {"state": name, "of": 1, "done": 0, "error": error, "result": result}


def cli_of(answers: list[dict[str, Any]], asked: list[str]) -> Cli:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(200, json=answers.pop(0))

    return Cli(httpx.MockTransport(answer))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "POLL_EVERY_S", 0.0)


def test_import_queued_or_lost_by_another_process_is_applied_again_until_it_ends() -> None:
    asked: list[str] = []
    cli = cli_of([state("applying"), state("planned"), state("applying"), state("applying"), state("applied")], asked)

    assert "applied: 1 add" in cli("registry", "apply", "p-1").output
    assert asked == ["POST", "GET", "POST", "GET", "GET"]


def test_import_refused_after_waiting_shows_the_reason() -> None:
    cli = cli_of([state("applying"), state("planned", "the registry has changed since")], [])

    assert "the registry has changed since" in cli("registry", "apply", "p-1", status=1).output
