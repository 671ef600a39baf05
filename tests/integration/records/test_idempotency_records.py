"""Answers under Idempotency-Keys: found again for a day, by their own tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from access_policy.adapters.records.idempotency import LEASE, SqlIdempotencyRecords
from access_policy.application.ports.idempotency import Begun, StoredAnswer, UnderWay, UsedOtherwise
from tests.support.places import Place
from tests.support.records import files_holding, inside, rows
from tests.support.stores import TEST_KEY

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ANSWER = StoredAnswer("POST /v1/overrides 1", 201, {"ETag": '"4"', "Content-Type": "application/json"}, b'{"a":"\xc3"}')
ANOTHER = StoredAnswer("POST /v1/overrides 2", 409, {}, b"")


@pytest.fixture
async def records(records_location: Place) -> AsyncIterator[SqlIdempotencyRecords]:
    opened = SqlIdempotencyRecords(inside(records_location, "idempotency"), TEST_KEY)
    yield opened
    await opened.close()


async def test_an_answer_is_found_again_as_it_was(records: SqlIdempotencyRecords) -> None:
    await records.keep("acme", "key-1", ANSWER, now=NOW)

    assert await records.find("acme", "key-1", now=NOW) == ANSWER


async def test_an_answer_is_found_for_a_day_and_not_after(records: SqlIdempotencyRecords) -> None:
    await records.keep("acme", "key-1", ANSWER, now=NOW)

    assert await records.find("acme", "key-1", now=NOW + DAY - SECOND) == ANSWER
    assert await records.find("acme", "key-1", now=NOW + DAY) is None


async def test_the_same_key_of_another_tenant_or_another_key_is_not_found(records: SqlIdempotencyRecords) -> None:
    await records.keep("acme", "key-1", ANSWER, now=NOW)

    assert await records.find("rival", "key-1", now=NOW) is None
    assert await records.find("acme", "key-2", now=NOW) is None


async def test_a_key_that_is_used_again_later_has_its_new_answer(records: SqlIdempotencyRecords) -> None:
    await records.keep("acme", "key-1", ANSWER, now=NOW)
    await records.keep("acme", "key-1", ANOTHER, now=NOW + DAY)

    assert await records.find("acme", "key-1", now=NOW + DAY) == ANOTHER


async def test_old_answers_are_deleted_when_new_ones_come(
    records: SqlIdempotencyRecords, records_location: Place
) -> None:
    await records.keep("acme", "key-1", ANOTHER, now=NOW)
    await records.keep("acme", "key-2", ANSWER, now=NOW + DAY)

    assert rows(records_location, "idempotency", "SELECT key FROM answers") == [("key-2",)]


async def test_old_answers_leave_the_file_when_new_ones_come(tmp_path: Path) -> None:
    records = SqlIdempotencyRecords(tmp_path / "idempotency.sqlite", TEST_KEY)
    await records.keep("acme", "key-1", StoredAnswer("f", 200, {}, b"the old answer"), now=NOW)
    await records.keep("acme", "key-2", ANSWER, now=NOW + DAY)
    await records.close()

    assert files_holding(tmp_path, b"the old answer") == []


async def test_answers_survive_reopening_in_a_file_of_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "idempotency.sqlite"
    records = SqlIdempotencyRecords(path, TEST_KEY)
    await records.keep("acme", "key-1", ANSWER, now=NOW)
    await records.close()

    records = SqlIdempotencyRecords(path, TEST_KEY)
    assert await records.find("acme", "key-1", now=NOW + SECOND) == ANSWER
    await records.close()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_the_fingerprint_of_a_request_is_keyed(tmp_path: Path) -> None:
    """A request may hold a PIN: whoever has the file must not be able to try them all."""
    ours = SqlIdempotencyRecords(tmp_path / "ours.sqlite", TEST_KEY)
    theirs = SqlIdempotencyRecords(tmp_path / "theirs.sqlite", b"o" * 32)
    request = b'{"kind": "pin", "value": "4829"}'

    assert ours.fingerprint_of(request) == ours.fingerprint_of(request)
    assert len({ours.fingerprint_of(request), theirs.fingerprint_of(request), sha256(request).hexdigest()}) == 3
    await ours.close()
    await theirs.close()


# --- keys are recorded before their commands run --------------------------------------------------------------------------


async def test_a_command_begins_once_and_others_wait_until_it_is_answered(records: SqlIdempotencyRecords) -> None:
    first = await records.begin("acme", "key-1", "f", holder="here", now=NOW)
    others = await records.begin("acme", "key-1", "f", holder="there", now=NOW + SECOND)
    await records.keep("acme", "key-1", StoredAnswer("f", 201, {}, b"{}"), now=NOW + SECOND)

    assert isinstance(first, Begun)
    assert others == UnderWay("f")
    assert await records.begin("acme", "key-1", "f", holder="there", now=NOW + SECOND) == StoredAnswer(
        "f", 201, {}, b"{}"
    )


async def test_a_command_without_an_answer_is_begun_again_with_its_seed(records: SqlIdempotencyRecords) -> None:
    first = await records.begin("acme", "key-1", "f", holder="here", now=NOW)
    await records.release("acme", "key-1", holder="here")
    released = await records.begin("acme", "key-1", "f", holder="there", now=NOW + SECOND)
    expired = await records.begin("acme", "key-1", "f", holder="here", now=NOW + SECOND + LEASE)

    assert first == released == expired


async def test_a_key_of_another_request_is_refused_until_it_is_forgotten(records: SqlIdempotencyRecords) -> None:
    await records.begin("acme", "key-1", "f", holder="here", now=NOW)
    await records.release("acme", "key-1", holder="here")
    other = await records.begin("acme", "key-1", "g", holder="here", now=NOW)
    await records.begin("acme", "key-1", "f", holder="here", now=NOW)
    await records.forget("acme", "key-1", holder="here")

    assert other == UsedOtherwise()
    assert isinstance(await records.begin("acme", "key-1", "g", holder="here", now=NOW), Begun)


async def test_a_key_that_is_used_again_a_day_later_has_another_seed(records: SqlIdempotencyRecords) -> None:
    first = await records.begin("acme", "key-1", "f", holder="here", now=NOW)
    second = await records.begin("acme", "key-1", "f", holder="here", now=NOW + DAY)
    of_a_rival = await records.begin("rival", "key-1", "f", holder="here", now=NOW)

    assert len({first, second, of_a_rival}) == 3


async def test_a_key_that_several_begin_at_once_is_begun_by_one(records_location: Place) -> None:
    opened = [SqlIdempotencyRecords(inside(records_location, "idempotency"), TEST_KEY) for _ in range(4)]
    beginning = [each.begin("acme", "key-1", "f", holder=str(n), now=NOW) for n, each in enumerate(opened)]

    outcomes = await asyncio.gather(*beginning)

    assert sorted(type(each).__name__ for each in outcomes) == ["Begun", "UnderWay", "UnderWay", "UnderWay"]
    for each in opened:
        await each.close()
