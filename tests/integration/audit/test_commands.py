"""`access-policy audit head` and `audit verify` on a data directory."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.entrypoints.cli.root import app
from access_policy.settings import Settings
from tests.support.stores import notes
from tests.support.tampering import TamperedSqlite


def command(directory: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["audit", *words, "--data", str(directory)])


def filled(directory: Path) -> Path:
    """The data of a new installation with three events. Returns the file of the events."""
    settings = Settings(data=directory)

    async def fill() -> None:
        container = Container(settings=settings)
        await container.stores.store().append([notes("acme/charger_condition/bay-1", ["one", "two", "three"])])
        await close_opened(container)

    asyncio.run(fill())
    location = settings.store_location
    assert isinstance(location, Path)
    return location


def test_audit_verify_against_an_exported_head_exits_0_and_names_what_holds(tmp_path: Path) -> None:
    filled(tmp_path)
    head = tmp_path / "head.jwt"
    head.write_text(command(tmp_path, "head").stdout)

    answer = command(tmp_path, "verify", "--head", str(head))

    assert answer.exit_code == 0, answer.output
    assert answer.stdout == "The audit chain holds: 3 events, 1 link in 1 chain, up to position 3.\n"


def test_audit_verify_edited_event_exits_1_and_names_it(tmp_path: Path) -> None:
    events = filled(tmp_path)
    command(tmp_path, "head")
    TamperedSqlite(events).edit(2, b"two", b"2!!")

    people, scripts = command(tmp_path, "verify"), command(tmp_path, "verify", "--json")

    assert (people.exit_code, scripts.exit_code) == (1, 1)
    assert (
        "acme: edited: the event at position 2, number 2 of acme/charger_condition/bay-1, was changed" in people.stdout
    )
    found = json.loads(scripts.stdout)
    assert [(each["kind"], each["first"]) for each in found["findings"]] == [("edited", 2)]
    assert found["holds"] is False


OF_ANOTHER_TYPE = [
    "state = CAST(state AS TEXT)",
    "state = CAST(x'ff' AS TEXT)",
    "state = 7",
    "topic = CAST(topic AS BLOB)",
    "topic = CAST(x'ff' AS TEXT)",
    "originator_version = -1",
    "originator_version = 'two'",
]


@pytest.mark.parametrize("change", OF_ANOTHER_TYPE)
def test_audit_verify_value_of_another_type_in_sqlite_is_a_finding(tmp_path: Path, change: str) -> None:
    events = filled(tmp_path)
    command(tmp_path, "head")
    with closing(sqlite3.connect(events)) as connection, connection:
        connection.execute(f"UPDATE stored_events SET {change} WHERE rowid = 2")

    answer = command(tmp_path, "verify", "--json")

    assert answer.exit_code == 1
    assert [(each["kind"], each["first"]) for each in json.loads(answer.stdout)["findings"]] == [("edited", 2)]


@pytest.mark.parametrize("change", OF_ANOTHER_TYPE)
def test_audit_head_event_rewritten_before_it_was_chained_is_logged_and_later_a_finding(
    tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    events = filled(tmp_path)
    with closing(sqlite3.connect(events)) as connection, connection:
        connection.execute(f"UPDATE stored_events SET {change} WHERE rowid = 2")

    chained = command(tmp_path, "head")
    answer = command(tmp_path, "verify", "--json")

    assert chained.exit_code == 0, chained.output
    assert "position 2 of acme/charger_condition/bay-1 was changed in the database" in caplog.text
    found = json.loads(answer.stdout)
    assert [(each["kind"], each["first"]) for each in found["findings"]] == [("edited", 2)]
    assert found["events"] == 3


def test_audit_verify_head_that_was_not_signed_here_is_refused_in_one_line(tmp_path: Path) -> None:
    filled(tmp_path / "one")
    filled(tmp_path / "other")
    head = tmp_path / "head.jwt"

    for text in (command(tmp_path / "other", "head").stdout, "nonsense", "", "\x00"):
        head.write_text(text)
        answer = command(tmp_path / "one", "verify", "--head", str(head))
        assert answer.exit_code == 1
        assert answer.stdout == ""
        assert "exported" in answer.stderr
        assert len(answer.stderr.splitlines()) == 1
