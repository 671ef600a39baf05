"""`python -m benchmarks loop` drives everything that the service can be asked for: what is new needs a driver there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import httpx

from access_policy.adapters.event_intake.messages import CONSUMED_EVENTS, read
from benchmarks.loop.commands import COMMANDS, ELSEWHERE
from benchmarks.loop.operations import OPERATIONS, messages
from benchmarks.loop.scene import Scene
from tests.support.command_tree import commands_to_read
from tests.support.reused_service import openapi_document


def test_every_http_operation_has_a_driver() -> None:
    paths = openapi_document()["paths"]
    operations = {operation["operationId"] for each in paths.values() for operation in each.values()}

    assert set(OPERATIONS) == operations


def test_every_command_has_a_line() -> None:
    assert set(COMMANDS) | set(ELSEWHERE) == set(commands(commands_to_read()))


def commands(command: Any, *path: str) -> Iterator[str]:
    if not hasattr(command, "commands"):
        yield " ".join(path)
        return
    for name, part in command.commands.items():
        yield from commands(part, *path, name)


def test_every_intake_message_has_an_example_that_can_be_read() -> None:
    scene = Scene(httpx.Client(), "north", "bay-1", chargers=1, vehicles=1)
    consumed = {str(get_args(each.model_fields["detail_type"].annotation)[0]) for each in CONSUMED_EVENTS}

    examples = messages(scene, "queue")

    assert set(examples) == consumed
    for kind, example in examples.items():
        assert read(json.dumps(example)).event_id == f"{kind}-queue-0"
