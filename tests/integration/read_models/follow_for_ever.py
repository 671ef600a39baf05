"""A process that follows a log without end and says after each batch how far it is, until it is killed."""

from __future__ import annotations

import asyncio
import sys

from access_policy.application.ports.event_store import Recorded
from access_policy.domain.ids import AttemptId
from tests.support.attempts import denied, ended, started
from tests.support.places import Place, place_of, read_models_at
from tests.support.rows import log_of

BATCH = 200


def events_from(after: int, up_to: int) -> list[Recorded]:
    """The log's events in `(after, up_to]`: of attempts that are refused, begin and end."""
    events: list[object] = []
    for number in range(up_to // 3 + 1):
        of = {"attempt_id": AttemptId(f"try-{number:06d}")}
        events += [denied(**of), started(**of), ended(**of)]
    return log_of(*events[:up_to])[after:]


async def follow_for_ever(place: Place) -> None:
    models = read_models_at(place)
    while True:
        after = await models.followed_to()
        await models.follow(events_from(after, after + BATCH), after + BATCH)
        print(after + BATCH, flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(follow_for_ever(place_of(sys.argv[1])))
