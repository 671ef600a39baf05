"""The DynamoDB recorder by pyeventsourcing's own test cases, and what they leave out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from unittest.mock import Mock, patch

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_stores.dynamodb.recorder import DynamoDbRecorder
from tests.support.aws import Stub, stub
from tests.support.dynamodb import table_at

with patch.dict(sys.modules, {"eventsourcing.cipher": Mock()}):  # it needs a package that we do not
    library = import_module("eventsourcing.tests.persistence")

TIMEOUT_S = 20.0


@contextmanager
def recorder_of(table: AwsAddress) -> Iterator[DynamoDbRecorder]:
    recorder = DynamoDbRecorder(table, timeout_s=TIMEOUT_S)
    try:
        yield recorder
    finally:
        recorder.close()


@pytest.fixture
def recorder(dynamodb_table: AwsAddress) -> Iterator[DynamoDbRecorder]:
    with recorder_of(dynamodb_table) as opened:
        yield opened


class _OfTheLibrary:
    """Without what measures time, and what begins streams at version 0."""

    test_performance = None
    test_concurrent_no_conflicts = None
    test_concurrent_throughput = None

    @pytest.fixture(autouse=True)
    def _opened(self, recorder: DynamoDbRecorder) -> None:
        self._recorder = recorder
        self._numbers = count()

    def create_recorder(self) -> DynamoDbRecorder:
        return self._recorder

    def new_originator_id(self) -> str:
        return f"acme/thing/{next(self._numbers)}"


class TestApplicationRecorder(_OfTheLibrary, library.ApplicationRecorderTestCase):
    pass


def event(version: int = 1, stream: str = "acme/a") -> StoredEvent:
    return StoredEvent(stream, version, "happened", b"state")


def test_a_gap_in_a_stream_is_refused_by_the_recorder_itself(recorder: DynamoDbRecorder) -> None:
    recorder.insert_events([event(1)])

    for gap in ([event(3)], [event(2), event(4)], [event(2, "acme/never-seen")]):
        with pytest.raises(IntegrityError):
            recorder.insert_events(gap)
    assert recorder.max_notification_id() == 1


def test_what_another_recorder_appended_is_known_after_a_look(dynamodb_table: AwsAddress) -> None:
    with recorder_of(dynamodb_table) as ours, recorder_of(dynamodb_table) as theirs:
        ours.insert_events([event(1)])
        theirs.insert_events([event(2), event(3)])

        for taken in (2, 3):
            with pytest.raises(IntegrityError):
                ours.insert_events([event(taken)])
        with pytest.raises(IntegrityError):
            ours.insert_events([event(5)])
        assert ours.insert_events([event(4)]) == [4]


def test_events_are_read_between_versions_in_both_orders(recorder: DynamoDbRecorder) -> None:
    versions = list(range(1, 61))
    for first in range(1, 61, 3):
        recorder.insert_events([event(version) for version in range(first, first + 3)])

    for gt in (None, 0, 1, 17, 59, 60, 90):
        for lte in (None, 0, 1, 2, 19, 60, 90):
            for limit in (None, 1, 4):
                wanted = [v for v in versions if v > (gt or 0) and v <= (60 if lte is None else lte)]
                for desc in (False, True):
                    found = recorder.select_events("acme/a", gt=gt, lte=lte, desc=desc, limit=limit)
                    assert [each.originator_version for each in found] == wanted[:: -1 if desc else 1][:limit]


@pytest.fixture
async def faulty(dynamodb_table: AwsAddress) -> AsyncIterator[tuple[Stub, AwsAddress]]:
    async with stub(dynamodb_table.options["endpoint_url"]) as made:
        yield made, table_at(dynamodb_table.name, made.url)


async def test_events_whose_answer_was_lost_have_the_positions_that_they_were_given(
    faulty: tuple[Stub, AwsAddress], dynamodb_table: AwsAddress
) -> None:
    aws, table = faulty
    aws.answer_lost = lambda action: action == "TransactWriteItems" and aws.calls["answer lost"] == 0

    def insert() -> None:
        with recorder_of(table) as ours, recorder_of(dynamodb_table) as theirs:
            theirs.insert_events([event(1, "acme/theirs")])
            assert ours.insert_events([event(1), event(2)]) == [2, 3]
            with pytest.raises(IntegrityError):
                ours.insert_events([event(1), event(2)])
            assert theirs.max_notification_id() == 3

    await asyncio.to_thread(insert)

    assert aws.calls["answer lost"] == 1


def test_a_closed_recorder_says_so(dynamodb_table: AwsAddress) -> None:
    with recorder_of(dynamodb_table) as recorder:
        pass
    recorder.close()

    with pytest.raises(OperationalError, match="closed"):
        recorder.max_notification_id()
