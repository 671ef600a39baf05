"""Parts of a batch of the log: never in the middle of a command."""

from __future__ import annotations

from dataclasses import replace

from access_policy.application.decision_view.whole_commands import FOLDED_AT_A_TIME, whole_commands
from access_policy.application.ports.event_store import Recorded, StreamId
from tests.support.stores import envelope, note


def recorded(position: int, command: str, *, stream: str = "acme/a/1") -> Recorded:
    return Recorded(
        StreamId(stream), position, position, note(str(position)), replace(envelope(), correlation_id=command)
    )


def sizes(batch: list[Recorded]) -> list[int]:
    parts = list(whole_commands(batch))
    assert [each for part in parts for each in part] == batch
    return [len(part) for part in parts]


def test_whole_commands_of_an_empty_batch_are_none() -> None:
    assert sizes([]) == []


def test_whole_commands_of_single_events_are_parts_of_equal_size() -> None:
    batch = [recorded(position, f"c-{position}") for position in range(1, 2 * FOLDED_AT_A_TIME + 2)]

    assert sizes(batch) == [FOLDED_AT_A_TIME, FOLDED_AT_A_TIME, 1]


def test_whole_commands_with_a_long_command_at_the_end_of_a_part_keep_it_together() -> None:
    singles = [recorded(position, f"c-{position}") for position in range(1, FOLDED_AT_A_TIME)]
    long = [recorded(FOLDED_AT_A_TIME + number, "one") for number in range(30)]
    last = recorded(FOLDED_AT_A_TIME + 30, "another")

    assert sizes([*singles, *long, last]) == [FOLDED_AT_A_TIME - 1 + 30, 1]


def test_whole_commands_separate_equal_correlation_ids_of_two_streams() -> None:
    one = [recorded(position, "one") for position in range(1, FOLDED_AT_A_TIME + 1)]
    other = [recorded(FOLDED_AT_A_TIME + 1, "one", stream="acme/a/2")]

    assert sizes([*one, *other]) == [FOLDED_AT_A_TIME, 1]
