"""What DynamoDB must promise beyond the contract: nothing missed by readers, nothing doubled by lost answers, an answer in
time whatever the service does, and its limits."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from eventsourcing.persistence import PersistenceError

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_stores.dynamodb import appends, items
from access_policy.adapters.event_stores.dynamodb.appends import ACTIONS
from access_policy.adapters.event_stores.dynamodb.calls import Calls, TableMissing
from access_policy.adapters.event_stores.dynamodb.log import Log
from access_policy.adapters.event_stores.dynamodb.store import dynamodb_event_store, has_events
from access_policy.adapters.event_stores.dynamodb.table import make_table
from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.application.ports.event_store import (
    AppendTooLarge,
    StoreUnavailable,
    StreamId,
    VersionConflict,
)
from access_policy.application.recording.group_commit import GroupCommit
from access_policy.domain.charger_condition.events import ConnectorRecovered
from tests.support.aws import Stub, client, stub
from tests.support.dynamodb import delete_table, new_name, table_at
from tests.support.lengths import Length
from tests.support.stores import notes, text_of

A = StreamId("acme/depot/a")
WRITERS = 16
APPENDS_EACH = Length(ci=6, soak=24, of=f"appends of each of {WRITERS} writers")
SEED = 20261121
# a warning of aiohttp, which does not apply: the recorder's loop serves nobody else
LARGE_BODY = "ignore:Sending a large body directly:ResourceWarning"
STREAMS_MAX = ACTIONS - 1  # of one append: the last action is for the log
FAULTY_APPENDS = Length(ci=15, soak=200, of="appends under each fault")
EVENTUALLY_S = 30.0
Answer = TypeVar("Answer")
SHORT_S = 1.0  # the deadline of stores whose service will not answer


def cancelled(*reasons: str) -> tuple[int, dict[str, Any]]:
    """Of an append to one stream: its slice, and the commit."""
    told = [{"Code": reason, "Message": "told by the stub"} for reason in reasons]
    return 400, {"__type": "TransactionCanceledException", "message": str(reasons), "CancellationReasons": told}


THROTTLED = (400, {"__type": "ThrottlingException", "message": "told by the stub"})
CONFLICT = "TransactionConflict"
BROKEN = (500, {"__type": "InternalServerError", "message": "told by the stub"})


@asynccontextmanager
async def opened(table: AwsAddress, *, timeout_s: float = 5.0) -> AsyncIterator[RecorderEventStore]:
    store = await asyncio.to_thread(dynamodb_event_store, table, timeout_s=timeout_s)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def faulty(dynamodb_table: AwsAddress) -> AsyncIterator[tuple[Stub, AwsAddress]]:
    """A stub in front of the service, and the table behind it."""
    async with stub(dynamodb_table.options["endpoint_url"]) as made:
        yield made, table_at(dynamodb_table.name, made.url)


async def all_texts(store: RecorderEventStore) -> list[str]:
    return [text_of(recorded.event) for recorded in await store.read_log(after=0, limit=100_000)]


# --- a tailing reader -----------------------------------------------------------------------------------------------


async def written_and_delivered(table: AwsAddress) -> tuple[list[str], list[int], list[str]]:
    """What sixteen writers with their own connections appended; where a reader at the log's end saw what of it.

    They pause, and each third append is refused as a whole by one of its two streams.
    """
    chance = random.Random(SEED)
    async with AsyncExitStack() as closing:
        stores = [await closing.enter_async_context(opened(table, timeout_s=30.0)) for _ in range(WRITERS + 1)]
        *writers, reader = stores
        written: list[str] = []
        delivered: list[tuple[int, str]] = []
        finished = asyncio.Event()

        async def write(number: int) -> None:
            for n in range(APPENDS_EACH.count):
                texts = [f"{number}-{n}-{part}" for part in range(1 + n % 5)]
                await writers[number].append([notes(f"acme/writer/{number}-{n}", texts)])
                written.extend(texts)
                if n % 3 == 0:
                    refused = [notes(f"acme/beside/{number}-{n}", ["x"]), notes(f"acme/writer/{number}-{n}", ["y"])]
                    with pytest.raises(VersionConflict):
                        await writers[(number + 1) % WRITERS].append(refused)
                await asyncio.sleep(chance.uniform(0, 0.004))

        async def tail() -> None:
            after = 0
            while True:
                was_finished = finished.is_set()
                page = await reader.read_log(after=after, limit=50)
                delivered.extend((recorded.position, text_of(recorded.event)) for recorded in page)
                after = page[-1].position if page else after
                if was_finished and not page:
                    return

        tailing = asyncio.create_task(tail())
        await asyncio.gather(*map(write, range(WRITERS)))
        finished.set()
        await tailing
    return written, [position for position, _ in delivered], [text for _, text in delivered]


@pytest.mark.soak(APPENDS_EACH)
async def test_a_tailing_reader_misses_nothing_of_sixteen_writers_with_pauses_and_refusals(
    dynamodb_table: AwsAddress,
) -> None:
    written, positions, delivered = await written_and_delivered(dynamodb_table)

    assert sorted(delivered) == sorted(written)
    assert positions == list(range(1, len(written) + 1))


@pytest.mark.soak(APPENDS_EACH)
async def test_where_commits_may_lie_anywhere_behind_the_end_the_same_reader_does_miss_events(
    dynamodb_table: AwsAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: positions are taken first, by each writer some for itself, and readers go on over gaps."""
    taken = 0

    async def take(log: Log) -> int:
        nonlocal taken
        taken += 10
        log.end = taken
        await asyncio.sleep(random.Random(taken).uniform(0, 0.02))
        return log.end

    monkeypatch.setattr(Log, "look_for_end", take)
    monkeypatch.setattr(Log, "ended_at", lambda log, position: setattr(log, "end", 0))
    monkeypatch.setattr(Log, "_commits", commits_over_gaps)

    written, _, delivered = await written_and_delivered(dynamodb_table)

    assert set(delivered) < set(written)


async def commits_over_gaps(log: Log, after: int, up_to: int, page_limit: int | None) -> AsyncIterator[items.Commit]:
    async for item in log._items(after + 1, up_to, page_limit):
        yield items.commit_of(item)


# --- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.soak(FAULTY_APPENDS)
@pytest.mark.parametrize("fault", ["throttled", "broken", "cancelled", "lost", "not_heard", "not_heard_and_conflicts"])
async def test_appends_under_faults_are_done_once_each(fault: str, faulty: tuple[Stub, AwsAddress]) -> None:
    aws, table = faulty
    chance = random.Random(SEED)
    heard_of: list[int] = []

    def now(action: str) -> bool:
        return action == "TransactWriteItems" and chance.random() < 0.3

    def under_way(action: str) -> bool:
        """Once after each lost answer, the transaction still shows only in part."""
        lost = aws.calls["answer lost"]
        if action != "TransactWriteItems" or lost == len(heard_of):
            return False
        heard_of.append(lost)
        return True

    async with opened(table) as store:
        match fault:
            case "throttled":
                aws.refuse = lambda action: THROTTLED if now(action) else None
            case "broken":
                aws.refuse = lambda action: BROKEN if now(action) else None
            case "cancelled":
                why = [(CONFLICT, "None"), ("None", CONFLICT), ("ThrottlingError", "None")]
                aws.refuse = lambda action: cancelled(*chance.choice(why)) if now(action) else None
            case "lost":
                aws.answer_lost = now
            case "not_heard":
                aws.refuse = lambda action: BROKEN if now(action) else None
                aws.answer_lost = now
            case _:
                aws.refuse = lambda action: cancelled("ConditionalCheckFailed", CONFLICT) if under_way(action) else None
                aws.answer_lost = now

        positions = [await store.append([notes(f"acme/faulty/{n}", [f"{n}"])]) for n in range(FAULTY_APPENDS.count)]

    faults = aws.calls["refused"] + aws.calls["answer lost"]
    assert faults > FAULTY_APPENDS.count / 5
    assert positions == list(range(1, FAULTY_APPENDS.count + 1))
    async with opened(table) as store:
        assert await all_texts(store) == [f"{n}" for n in range(FAULTY_APPENDS.count)]


async def test_who_takes_a_lost_answer_for_a_lost_race_appends_twice_or_conflicts(
    faulty: tuple[Stub, AwsAddress], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail."""
    aws, table = faulty

    async def never(*_: object) -> bool:
        return False

    async def as_another(calls: Calls, actions: list[items.Item], _: str) -> None:
        await transact(calls, actions, uuid4().hex)

    transact = Calls.transact
    monkeypatch.setattr(Calls, "transact", as_another)
    monkeypatch.setattr(appends.Appends, "_is_committed", never)
    monkeypatch.setattr(RecorderEventStore, "_are_stored", lambda store, stored: False)
    async with opened(table) as store:
        aws.answer_lost = lambda action: action == "TransactWriteItems" and aws.calls["answer lost"] == 0
        with pytest.raises(VersionConflict):
            await store.append([notes(A, ["one"])])

    assert aws.calls["answer lost"] == 1


async def test_another_s_commit_at_our_place_is_not_ours_though_our_answer_was_lost(
    faulty: tuple[Stub, AwsAddress], dynamodb_table: AwsAddress
) -> None:
    """Ours never arrived; theirs came first; ours follows."""
    aws, table = faulty
    async with opened(table) as ours, opened(dynamodb_table) as theirs:
        await ours.append([notes(A, ["before"])])
        aws.refuse = lambda action: BROKEN if action == "TransactWriteItems" and aws.calls["refused"] < 3 else None

        async def append_first() -> None:
            while aws.calls["refused"] == 0:  # noqa: ASYNC110  the stub tells nobody
                await asyncio.sleep(0.001)
            await theirs.append([notes("acme/theirs", ["theirs"])])

        _, position = await asyncio.gather(append_first(), ours.append([notes("acme/ours", ["ours"])]))

        assert await all_texts(ours) == ["before", "theirs", "ours"]
        assert position == 3


async def test_reads_wait_for_a_throttled_service(faulty: tuple[Stub, AwsAddress]) -> None:
    aws, table = faulty
    async with opened(table) as store:
        await store.append([notes(A, ["one", "two"])])
        chance = random.Random(SEED)
        aws.refuse = lambda action: THROTTLED if chance.random() < 0.5 else None

        assert await all_texts(store) == ["one", "two"]
        assert len(await store.load(A)) == 2
        assert await store.last_position() == 2

    assert aws.calls["refused"] > 0


@pytest.mark.parametrize("how", ["throttled", "slow", "gone"])
async def test_a_service_that_does_not_answer_is_given_up_in_time_and_used_again(
    how: str, faulty: tuple[Stub, AwsAddress]
) -> None:
    aws, table = faulty
    async with opened(table, timeout_s=SHORT_S) as store:
        before, append = notes(A, ["before"]), notes("acme/late", ["late"])
        await eventually(lambda: store.append([before]))
        match how:
            case "throttled":
                aws.refuse = lambda action: THROTTLED
            case "slow":
                aws.delay_s = 3 * SHORT_S
            case _:
                aws.answer_lost = lambda action: True

        for call in (lambda: store.append([append]), lambda: store.load(A), lambda: store.read_log(after=0, limit=1)):
            async with asyncio.timeout(EVENTUALLY_S):
                with pytest.raises(StoreUnavailable):
                    await call()

        aws.refuse, aws.delay_s, aws.answer_lost = (lambda action: None), 0.0, (lambda action: False)
        assert await eventually(lambda: store.append([append])) > 0
        assert await eventually(lambda: all_texts(store)) == ["before", "late"]


async def eventually(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer of the call, which is repeated while the service is unavailable."""
    async with asyncio.timeout(EVENTUALLY_S):
        while True:
            try:
                return await call()
            except StoreUnavailable:
                await asyncio.sleep(0.05)


async def test_what_cannot_pass_is_told_at_once(faulty: tuple[Stub, AwsAddress]) -> None:
    aws, table = faulty
    async with opened(table) as store:
        await store.append([notes(A, ["one"])])
        for refusal in (
            (400, {"__type": "AccessDeniedException", "message": "not for you: ValidationError"}),
            cancelled("ValidationError", "None"),
        ):
            aws.refuse = lambda action, refusal=refusal: refusal
            asked = aws.calls["TransactWriteItems"]

            with pytest.raises(StoreUnavailable, match="ValidationError"):
                await store.append([notes(A, ["two"], expected_version=1)])
            assert aws.calls["TransactWriteItems"] == asked + 1


# --- limits ---------------------------------------------------------------------------------------------------------


def incompressible(size: int, seed: int = 0) -> str:
    return random.Random(seed).randbytes(size // 2).hex()


@pytest.mark.filterwarnings(LARGE_BODY)
async def test_events_beyond_400_kb_are_kept_whole_and_in_their_order(dynamodb_table: AwsAddress) -> None:
    large = [incompressible(3_000_000, seed) for seed in range(2)]
    async with opened(dynamodb_table, timeout_s=30.0) as store:
        await store.append([notes(A, ["small", large[0]]), notes("acme/b", ["between"])])
        await store.append([notes(A, [large[1], "last"], expected_version=2)])

    async with opened(dynamodb_table, timeout_s=30.0) as store:
        assert await all_texts(store) == ["small", large[0], "between", large[1], "last"]
        assert [text_of(each.event) for each in await store.load(A)] == ["small", large[0], large[1], "last"]
        assert [text_of(each.event) for each in await store.load(A, after_version=3)] == ["last"]
        with pytest.raises(VersionConflict):
            await store.append([notes(A, ["in between"], expected_version=3)])
        assert await store.append([notes(A, ["more"], expected_version=4)]) == 6


async def test_an_append_at_the_limit_is_taken_and_one_beyond_is_refused_before_it_is_sent(
    faulty: tuple[Stub, AwsAddress],
) -> None:
    aws, table = faulty
    async with opened(table, timeout_s=30.0) as store:
        most = [notes(f"acme/many/{n}", ["x"]) for n in range(STREAMS_MAX)]
        assert await store.append(most) == STREAMS_MAX
        sent = aws.calls.total()

        for too_much, limit in (
            ([notes(f"acme/more/{n}", ["x"]) for n in range(STREAMS_MAX + 1)], "101 items, and the limit is 100"),
            ([notes(A, [incompressible(9_000_000)])], "bytes"),
            ([notes(A, ["x"] * 10_001)], "10001 events, and the limit is 10000"),
        ):
            with pytest.raises(AppendTooLarge, match=f"{limit}.*Append them in parts|bytes"):
                await store.append(too_much)

        assert aws.calls.total() == sent
        assert await store.last_position() == STREAMS_MAX


async def test_a_group_of_more_than_the_store_takes_at_once_is_committed_in_parts(
    faulty: tuple[Stub, AwsAddress],
) -> None:
    aws, table = faulty
    async with opened(table, timeout_s=30.0) as store:
        commits = GroupCommit(store)
        await commits.append(notes("acme/first", ["x"]))
        sent = aws.calls["TransactWriteItems"]

        positions = await asyncio.gather(*(commits.append(notes(f"acme/group/{n}", [str(n)])) for n in range(300)))

        assert aws.calls["TransactWriteItems"] - sent <= 6
        assert max(positions) == await store.last_position() == 301
        assert await all_texts(store) == ["x", *(str(n) for n in range(300))]


async def test_the_log_is_read_over_the_borders_of_its_buckets(
    dynamodb_table: AwsAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "BUCKET", 10)
    monkeypatch.setattr(appends, "BUCKET", 10)
    sizes = [3, 10, 1, 7, 10, 10, 9, 1, 2, 10, 5, 10, 10, 10, 1]
    texts = [f"{n}-{part}" for n, size in enumerate(sizes) for part in range(size)]
    async with opened(dynamodb_table) as store, opened(dynamodb_table) as looker:
        for n, size in enumerate(sizes):
            last = await store.append([notes(f"acme/{n}", [f"{n}-{part}" for part in range(size)])])
            if n % 5 == 0:
                assert await looker.last_position() == last
        assert await looker.last_position() == len(texts)

    async with opened(dynamodb_table) as store:
        assert await store.last_position() == len(texts)
        assert await all_texts(store) == texts
    for step in (1, 4, 100):
        async with opened(dynamodb_table) as fresh:  # it has seen no end yet
            for after in range(0, len(texts) + 15, 7):
                page = await fresh.read_log(after=after, limit=step)
                assert [text_of(each.event) for each in page] == texts[after : after + step]
    async with opened(dynamodb_table) as store:
        page = await store.read_log(after=8, limit=50, up_to=31)
        assert [each.position for each in page] == list(range(9, 32))
        assert await store.append([notes("acme/next", ["x"])]) == len(texts) + 1


async def test_streams_and_logs_longer_than_one_answer_are_read_whole(faulty: tuple[Stub, AwsAddress]) -> None:
    """An answer has at most 1 MB of a query and 16 MB of a batch."""
    aws, table = faulty
    texts = [incompressible(700_000, n) for n in range(48)]
    async with opened(table, timeout_s=60.0) as store:
        for n, text in enumerate(texts):
            await store.append([notes(A, [text], expected_version=n)])
        asked = Counter(aws.calls)

        assert [text_of(each.event) for each in await store.load(A)] == texts
        assert await all_texts(store) == texts

    assert aws.calls["Query"] - asked["Query"] > 16
    assert aws.calls["BatchGetItem"] - asked["BatchGetItem"] > 1


async def test_what_is_known_is_not_asked_again(faulty: tuple[Stub, AwsAddress]) -> None:
    """Each call of a service at rest, or under load, is one request."""
    aws, table = faulty
    async with opened(table) as store:
        await store.append([notes(A, ["one"])])

        async def asked(call: Awaitable[object]) -> Counter[str]:
            before = Counter(aws.calls)
            await call
            return aws.calls - before

        transaction, query = Counter(["TransactWriteItems"]), Counter(["Query"])
        assert await asked(store.append([notes("acme/new", ["x"]), notes("acme/newer", ["y"])])) == transaction
        assert await asked(store.append([notes(A, ["two"], expected_version=1)])) == transaction
        assert await asked(store.last_position()) == query
        assert await asked(store.read_log(after=4, limit=100)) == query
        assert await asked(store.load(A)) == query
        assert await asked(store.load(A, after_version=2)) == query
        assert await asked(store.load(StreamId("acme/never-seen"))) == query
        assert await asked(store.read_log(after=0, limit=100)) == query + Counter(["BatchGetItem"])
        assert await asked(store.read_log(after=0, limit=100, types=[ConnectorRecovered.TYPE])) == query


# --- what shows only in part ----------------------------------------------------------------------------------------


class Hidden:
    """Takes the first of several items out of the next answer to `operation`."""

    def __init__(self, aws: Stub) -> None:
        aws.edited = self.edited
        self.operation = ""

    def edited(self, action: str, answer: bytes) -> bytes:
        if action != self.operation:
            return answer
        said = json.loads(answer)
        found = said["Items"] if action == "Query" else next(iter(said["Responses"].values()))
        if len(found) > 1:
            self.operation = ""
            del found[0]
        return json.dumps(said).encode()


async def test_a_transaction_that_shows_only_in_part_is_waited_for(faulty: tuple[Stub, AwsAddress]) -> None:
    """Queries and batches see the items of a transaction one by one while it is done."""
    aws, table = faulty
    hidden = Hidden(aws)
    async with opened(table) as store:
        await store.append([notes(A, ["one"]), notes("acme/b", ["two"])])
        await store.append([notes(A, ["three"], expected_version=1)])

        for operation in ("Query", "BatchGetItem"):
            hidden.operation = operation
            assert await all_texts(store) == ["one", "two", "three"]
            assert hidden.operation == ""
        hidden.operation = "Query"
        assert [text_of(each.event) for each in await store.load(A)] == ["one", "three"]
        assert hidden.operation == ""


async def test_a_log_with_a_hole_is_an_error_and_not_an_end(dynamodb_table: AwsAddress) -> None:
    """As a backup may leave one (ADR 0020)."""
    async with opened(dynamodb_table, timeout_s=SHORT_S) as store:
        for n in range(3):
            await store.append([notes(f"acme/{n}", ["x"])])
        async with client("dynamodb", dynamodb_table.options["endpoint_url"]) as other:
            await other.delete_item(TableName=dynamodb_table.name, Key=items.log_key(2))

        with pytest.raises(StoreUnavailable):
            await store.read_log(after=0, limit=10)


# --- the table ------------------------------------------------------------------------------------------------------


async def test_the_table_is_made_once_and_missing_until_then(dynamodb_endpoint: str) -> None:
    table = table_at(new_name(), dynamodb_endpoint)
    for use in (dynamodb_event_store, has_events):
        with pytest.raises(TableMissing, match=f"{table.name}.*access-policy migrate"):
            await asyncio.to_thread(use, table)

    assert await make_table(table)
    assert not await make_table(table)

    assert not await asyncio.to_thread(has_events, table)
    async with opened(table) as store:
        await store.append([notes(A, ["one"])])
    assert await asyncio.to_thread(has_events, table)
    async with client("dynamodb", dynamodb_endpoint) as other:
        described = (await other.describe_table(TableName=table.name))["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert described["DeletionProtectionEnabled"] is True
    await delete_table(table)


async def test_another_s_table_is_refused(dynamodb_endpoint: str) -> None:
    table = table_at(new_name(), dynamodb_endpoint)
    async with client("dynamodb", dynamodb_endpoint) as other:
        await other.create_table(
            TableName=table.name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

        with pytest.raises(TableMissing, match="other keys"):
            await make_table(table)
        with pytest.raises(TableMissing, match="other keys"):
            await asyncio.to_thread(dynamodb_event_store, table)
        await other.delete_table(TableName=table.name)


async def test_an_endpoint_where_nobody_answers_is_an_error(aws_credentials: None) -> None:
    table = table_at("nowhere", "http://127.0.0.1:1")

    with pytest.raises(PersistenceError, match="nowhere"):
        await asyncio.to_thread(dynamodb_event_store, table)
    with pytest.raises(PersistenceError, match="nowhere"):
        await make_table(table)
