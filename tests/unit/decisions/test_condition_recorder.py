"""Records of a charger's condition: at the version the process knows, once each, beside other writers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from access_policy.application.ports.event_store import StoreUnavailable, StreamId
from access_policy.application.presence.condition_recorder import ConditionRecorder
from access_policy.application.recording.group_commit import GroupCommit
from access_policy.application.streams import condition_stream
from access_policy.domain.charger_condition.events import ChargerBooted, ConditionEvent, PasswordSent
from access_policy.domain.ids import ChargerKey
from tests.support.depot_in_memory import BAY, TENANT, DepotInMemory
from tests.support.outages import FailingStore
from tests.support.stores import NOON, memory_store

KEY = (TENANT, BAY)
SENT = PasswordSent(charger_id=BAY, sent_at=NOON)


def boot(firmware: str) -> ChargerBooted:
    return ChargerBooted(charger_id=BAY, vendor="V", model="M", firmware=firmware, booted_at=NOON)


class Yard:
    def __init__(self) -> None:
        self.depot = DepotInMemory(memory_store())
        self.store = FailingStore(self.depot.store)
        self.recorder = ConditionRecorder(self.depot.view, self.store, GroupCommit(self.store))
        self.heard: list[tuple[ChargerKey, ConditionEvent]] = []
        self.recorder.on_recorded(lambda key, event: self.heard.append((key, event)))

    async def recorded(self) -> Sequence[object]:
        return [each.event for each in await self.depot.store.load(condition_stream(*KEY))]


@pytest.fixture
async def yard() -> Yard:
    return Yard()


async def test_condition_recorder_reads_the_stream_before_its_first_record_only(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, load = [], yard.store.load

    async def counted(stream: StreamId, *, after_version: int = 0) -> object:
        read.append(stream)
        return await load(stream, after_version=after_version)

    monkeypatch.setattr(yard.store, "load", counted)
    versions = [await yard.recorder.record(KEY, boot(each), NOON) for each in "abc"]

    assert (versions, len(read)) == ([1, 2, 3], 1)


async def test_condition_recorder_after_another_process_wrote_records_behind_it(yard: Yard) -> None:
    other = ConditionRecorder(yard.depot.view, yard.depot.store, GroupCommit(yard.depot.store))
    await yard.recorder.record(KEY, boot("mine"), NOON)
    await other.record(KEY, boot("theirs"), NOON)

    assert await yard.recorder.record(KEY, SENT, NOON) == 3

    assert await yard.recorded() == [boot("mine"), boot("theirs"), SENT]


async def test_condition_recorder_with_records_at_once_keeps_their_order(yard: Yard) -> None:
    await yard.recorder.resume(KEY)

    versions = await asyncio.gather(*(yard.recorder.record(KEY, boot(str(number)), NOON) for number in range(5)))

    assert versions == [1, 2, 3, 4, 5]
    assert await yard.recorded() == [boot(str(number)) for number in range(5)]


async def test_condition_recorder_asks_whether_a_record_is_needed_after_others_may_have_written(yard: Yard) -> None:
    await yard.recorder.record(KEY, boot("a"), NOON)
    assert await yard.recorder.record(KEY, SENT, NOON, unless=lambda found: found.version == 1) == 2

    yard.recorder.others_wrote(KEY)

    assert await yard.recorder.record(KEY, SENT, NOON, unless=lambda found: found.version == 2) == 0
    assert len(await yard.recorded()) == 2


async def test_condition_recorder_when_the_answer_of_the_store_was_lost_records_the_same_report_once(
    yard: Yard,
) -> None:
    yard.store.loses_answers = True
    with pytest.raises(StoreUnavailable):
        await yard.recorder.record(KEY, boot("a"), NOON)
    assert yard.heard == []
    yard.store.loses_answers = False

    assert await yard.recorder.record(KEY, boot("a"), NOON) == 1

    assert await yard.recorded() == [boot("a")]
    assert yard.heard == [(KEY, boot("a"))]


async def test_condition_recorder_when_the_answer_was_lost_records_another_report_as_well(yard: Yard) -> None:
    yard.store.loses_answers = True
    with pytest.raises(StoreUnavailable):
        await yard.recorder.record(KEY, boot("a"), NOON)
    yard.store.loses_answers = False

    assert await yard.recorder.record(KEY, SENT, NOON) == 2

    assert await yard.recorded() == [boot("a"), SENT]
    assert [event for _, event in yard.heard] == [boot("a"), SENT]
