"""The streams with events in the spool: their versions, and when they leave."""

from __future__ import annotations

import pytest

from access_policy.application.ports.event_store import Append, Recorded, StreamId, VersionConflict
from access_policy.application.recording.spooled_streams import SpooledStream, SpooledStreams
from tests.support.depot_in_memory import TENANT
from tests.support.stores import notes, text_of

FIRST, SECOND = StreamId(f"{TENANT}/a/1"), StreamId(f"{TENANT}/a/2")


def recorded(append: Append) -> list[Recorded]:
    """The append as the store would have recorded it."""
    return [
        Recorded(append.stream, version, 7, new.event, new.envelope)
        for version, new in enumerate(append.events, append.expected_version + 1)
    ]


def test_spooled_streams_when_the_last_pending_append_is_stored_forget_the_stream() -> None:
    streams, one, two = SpooledStreams(), notes(FIRST, ["a"]), notes(FIRST, ["b"], expected_version=1)
    streams.add([one])
    streams.add([two])
    assert streams.backlog == 2

    streams.settled(one)
    assert (streams.backlog, FIRST in streams) == (1, True)
    streams.settled(two)

    assert (streams.backlog, FIRST in streams) == (0, False)


def test_spooled_streams_when_one_append_of_several_conflicts_add_none() -> None:
    streams = SpooledStreams()
    streams.add([notes(FIRST, ["a", "b"], expected_version=3)])

    with pytest.raises(VersionConflict):
        streams.add([notes(SECOND, ["x"]), notes(FIRST, ["c"], expected_version=4)])

    assert (list(streams), streams.backlog, streams[FIRST].head) == ([FIRST], 1, 5)


def test_spooled_streams_when_an_append_is_taken_back_keep_a_later_one() -> None:
    streams, lost, later = SpooledStreams(), notes(FIRST, ["lost"]), notes(FIRST, ["later"], expected_version=1)
    streams.add([lost])
    streams.add([later])

    streams.take_back([lost])

    assert [text_of(new.event) for new in streams[FIRST].events] == ["later"]
    assert streams.backlog == 1


def test_spooled_streams_when_an_append_of_an_earlier_process_is_stored_stay_as_they_are() -> None:
    streams = SpooledStreams()
    streams.add([notes(FIRST, ["a"])])

    streams.settled(notes(SECOND, ["x"]))

    assert streams.backlog == 1


def test_spooled_stream_after_stored_events_drops_those_beyond_its_base() -> None:
    stored = recorded(notes(FIRST, ["a", "b", "theirs"]))
    spooled = SpooledStream(2, list(notes(FIRST, ["c", "d"]).events))

    assert [(each.version, text_of(each.event)) for each in spooled.after(stored, FIRST, after_version=0)] == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
        (4, "d"),
    ]
    assert [each.version for each in spooled.after([], FIRST, after_version=3)] == [4]
