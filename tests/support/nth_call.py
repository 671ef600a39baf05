"""The n-th call of a port fails once, the caller tries again, and what is recorded in the end is compared with a run
without the failure.

A `Story` is one step of the service: a command, a message, a look of a loop, a part of the start. `tried` lives it once
undisturbed to count the calls of all ports, and then once for each call: with the call failing before it had an effect, and,
where it has one, with the effect done and its answer lost; or only for some of these failures, from all parts of the step.
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import json
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from access_policy.adapters.event_stores.serde import DOMAIN_SERDE
from access_policy.application.ports.event_store import StoreUnavailable

READS: Final = frozenset(
    {
        "load",
        "read_log",
        "last_position",
        "verify",
        "find",
        "rows",
        "unfinished",
        "values",
        "unseal",
        "unseal_many",
        "counts",
        "latest",
        "oldest",
        "position",
        "held",
        "sealed_identifiers",
        "open_sessions",
        "attempts_since",
        "connected_chargers",
        "was_denied",
        "list_state",
        "list_version",
        "due",
        "all",
        "of_tenant",
        "read_switch",
        "has_display",
        "trigger_statuses",
    }
)  # a lost answer of these is the same as a failure

LINE_BY_LINE: Final = (",\n", ": ")  # `indent` would keep json from its encoder in C


class World(Protocol):
    """What a story happens in: made anew for each run, with its past lived through."""

    async def facts(self) -> Any:
        """All that is recorded or kept in the end, as JSON takes it. Random ids may differ."""
        ...

    async def close(self) -> None: ...


@dataclass
class Faults:
    """Wraps ports and counts their calls from `arm` on. The `fail_at`-th (from 1) fails; `loses_answer`: after its effect."""

    fail_at: int = 0
    loses_answer: bool = False
    calls: list[str] = field(default_factory=list)
    is_armed: bool = False
    has_struck: bool = False

    def around(
        self, name: str, port: Any, error: type[Exception] = StoreUnavailable, *, reliable: frozenset[str] = frozenset()
    ) -> Any:
        """`error` is what the port documents; its `reliable` methods raise none."""
        return _Failing(self, name, port, error, reliable)

    def arm(self) -> None:
        self.is_armed = True

    async def call(
        self, name: str, method: Callable[..., Awaitable[Any]], error: type[Exception], *args: Any, **kw: Any
    ) -> Any:
        if not self.is_armed:
            return await method(*args, **kw)
        self.calls.append(name)
        if len(self.calls) != self.fail_at:
            return await method(*args, **kw)
        if self.loses_answer:
            await method(*args, **kw)
        self.has_struck = True
        raise error(f"call {self.fail_at}, {name}, {'lost its answer' if self.loses_answer else 'failed'}")


class _Failing:
    def __init__(self, faults: Faults, name: str, port: Any, error: type[Exception], reliable: frozenset[str]) -> None:
        self._faults, self._name, self._port, self._error = faults, name, port, error
        self._reliable = reliable

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._port, attribute)
        if attribute == "commands":  # of one charger: their calls are counted as the port's own
            return lambda key: self
        if not inspect.iscoroutinefunction(found) or attribute in self._reliable:
            return found

        async def call(*args: Any, **kw: Any) -> Any:
            return await self._faults.call(f"{self._name}.{attribute}", found, self._error, *args, **kw)

        return call


@dataclass(frozen=True)
class Story:
    """`covers`: what of the service the step runs. `tries`: how often the step is run at least (a look of a loop comes
    again by itself); one that raised an error of a port is run once more in any case. `done_already`: what a repetition may
    be refused with where the first run was done although it failed later or its answer was lost. `only`: the facts to
    compare, where failures are facts themselves."""

    name: str
    covers: tuple[Any, ...]
    past: Callable[[Faults], Awaitable[Any]]
    step: Callable[[Any], Awaitable[Any]]
    tries: int = 1
    errors: tuple[type[Exception], ...] = (StoreUnavailable,)
    done_already: tuple[type[Exception], ...] = ()
    only: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


@dataclass
class Tried:
    """`pairs` counts the runs with a failure, `before_effect` those in which a call was to fail before it had an effect;
    `differences` says of each that ended otherwise, where and how."""

    calls: list[str]
    pairs: int = 0
    before_effect: int = 0
    differences: list[str] = field(default_factory=list)


async def tried(story: Story, failures_max: int = sys.maxsize) -> Tried:
    undisturbed = Faults()
    expected = await _lived(story, undisturbed)
    report = Tried(undisturbed.calls)
    for number, loses_answer in _spread(_failures(undisturbed.calls), failures_max):
        faults = Faults(number, loses_answer)
        how = "answer lost" if loses_answer else "failed"
        where = f"{story}: call {number} of {len(undisturbed.calls)}, {undisturbed.calls[number - 1]}, {how}"
        report.before_effect += not loses_answer
        try:
            ended = await _lived(story, faults)
        except Exception as error:  # noqa: BLE001  one run's end is a finding among others
            report.pairs += 1
            report.differences.append(f"{where}: ended with {error!r}")
            continue
        if len(faults.calls) < number:
            report.differences.append(f"{where}: the call never came")
        if not faults.has_struck:
            continue  # the call had no effect whose answer could be lost: it was refused
        report.pairs += 1
        if ended != expected:
            report.differences.append(f"{where}:\n{_difference(expected, ended)}")
    return report


def _failures(calls: Sequence[str]) -> list[tuple[int, bool]]:
    """Each way in which each call can fail: the number of the call, from 1, and whether its answer is lost."""
    return [
        (number, loses_answer)
        for number, name in enumerate(calls, 1)
        for loses_answer in ((False,) if name.rpartition(".")[2] in READS else (False, True))
    ]


def _spread(failures: Sequence[tuple[int, bool]], at_most: int) -> Sequence[tuple[int, bool]]:
    """Evenly from all of them, the first among them."""
    count = min(len(failures), at_most)
    return [failures[place * len(failures) // count] for place in range(count)]


async def _lived(story: Story, faults: Faults) -> str:
    world = await story.past(faults)
    try:
        faults.arm()
        failed = False
        for _ in range(story.tries):
            failed = await _failed(story, world)
        if failed:
            with contextlib.suppress(*story.done_already):  # what is recorded must be the same all the same
                await story.step(world)
        faults.is_armed = False
        facts = await world.facts()
        return normalised({name: facts[name] for name in story.only or facts})
    finally:
        await world.close()


async def _failed(story: Story, world: Any) -> bool:
    try:
        await story.step(world)
    except story.errors:
        return True
    return False


def normalised(facts: Any) -> str:
    """As text, with random ids renamed in the order in which they first occur."""
    names: dict[str, str] = {}
    text = json.dumps(facts, sort_keys=True, default=str, separators=LINE_BY_LINE)
    return re.sub(
        r"\b(?:[0-9a-f]{40}|[0-9a-f]{32}|[0-9a-f]{16})\b", lambda m: names.setdefault(m[0], f"id-{len(names)}"), text
    )


def _difference(expected: str, ended: str) -> str:
    before, after = expected.splitlines(), ended.splitlines()
    lines = difflib.unified_diff(before, after, "undisturbed", "with the failure", n=2, lineterm="")
    return "\n".join(list(lines)[:60])


async def recorded_in(store: Any) -> dict[str, list[Any]]:
    """All streams of a store: the type and the state of each event, without its id."""
    streams: dict[str, list[Any]] = {}
    for recorded in await store.read_log(after=0, limit=100_000):
        name, state = DOMAIN_SERDE.encode(recorded.event, recorded.envelope)
        known = json.loads(state)
        del known["envelope"]["event_id"]
        streams.setdefault(str(recorded.stream), []).append([name, known])
    return streams
