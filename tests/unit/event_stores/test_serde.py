"""Stored names and bytes: exact round trips, clear errors, old versions read as new ones."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import pkgutil
import types
import typing
from datetime import UTC, date, datetime, time
from enum import Enum
from functools import cache
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import access_policy.domain
from access_policy.adapters.event_stores.event_types import EVENT_TYPES
from access_policy.adapters.event_stores.serde import (
    DOMAIN_SERDE,
    EventSerde,
    UnknownStoredName,
    UnreadableEvent,
    Upcaster,
)
from access_policy.application.ports.event_store import Envelope
from access_policy.domain.charger_access_policy.events import ModeOverridden
from tests.support.lengths import Length
from tests.unit.event_stores.samples import ENVELOPE, OVERRIDE, SAMPLES

EVENTS = Length(ci=4, soak=300, of="events of each type")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
    time: st.times(),
    types.NoneType: st.none(),
}


@cache
def values(of: Any) -> st.SearchStrategy[Any]:
    """Any value of a type as domain events use it."""
    while hasattr(of, "__supertype__"):
        of = of.__supertype__
    if of in LEAVES:
        return LEAVES[of]
    origin, arguments = typing.get_origin(of), typing.get_args(of)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([values(argument) for argument in arguments])
    if origin is frozenset:
        return st.frozensets(values(arguments[0]), max_size=4)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if issubclass(of, Enum):
        return st.sampled_from(of)
    hints = typing.get_type_hints(of)
    return st.builds(of, **{field.name: values(hints[field.name]) for field in dataclasses.fields(of)})


def domain_event_classes() -> set[type]:
    found = set()
    for module_info in pkgutil.walk_packages(access_policy.domain.__path__, "access_policy.domain."):
        module = importlib.import_module(module_info.name)
        found |= {c for _, c in inspect.getmembers(module, inspect.isclass) if "TYPE" in vars(c)}
    return found


def test_every_event_class_of_the_domain_is_registered_once() -> None:
    assert len(EVENT_TYPES) == len(set(EVENT_TYPES))
    assert set(EVENT_TYPES) == domain_event_classes()


def test_every_stored_name_ends_with_its_version() -> None:
    names = [event_type.TYPE for event_type in EVENT_TYPES]  # type: ignore[attr-defined]

    assert [name for name in names if not name.rpartition(".v")[2].isdigit()] == []


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.__name__)
@pytest.mark.soak(EVENTS)
@settings(max_examples=EVENTS.count, deadline=None)
@given(data=st.data())
def test_any_event_comes_back_exactly_as_it_was(event_type: type, data: st.DataObject) -> None:
    event, envelope = data.draw(values(event_type)), data.draw(values(Envelope))

    name, state = DOMAIN_SERDE.encode(event, envelope)

    assert name == event_type.TYPE  # type: ignore[attr-defined]
    assert DOMAIN_SERDE.decode(name, state) == (event, envelope)
    assert DOMAIN_SERDE.encode(*DOMAIN_SERDE.decode(name, state)) == (name, state)


def test_an_instant_comes_back_in_utc_with_its_microseconds() -> None:
    name, state = DOMAIN_SERDE.encode(SAMPLES[0], ENVELOPE)

    _, envelope = DOMAIN_SERDE.decode(name, state)

    assert envelope.occurred_at.tzinfo is UTC
    assert envelope.occurred_at.microsecond == 123456


def test_an_unknown_stored_name_is_an_error_that_names_it() -> None:
    with pytest.raises(UnknownStoredName, match=r"'depot\.depot_demolished\.v1'"):
        DOMAIN_SERDE.decode("depot.depot_demolished.v1", b"{}")


@pytest.mark.parametrize(
    "state",
    [b"", b"{", b"[]", b"\xff", b'{"envelope":{},"data":{}}', b'{"data":{"charge_point_id":"x"}}'],
)
def test_bytes_that_are_no_such_event_are_an_error_that_names_it(state: bytes) -> None:
    with pytest.raises(UnreadableEvent, match=r"charge_point\.released\.v1"):
        DOMAIN_SERDE.decode("charge_point.released.v1", state)


def test_an_unknown_value_of_a_closed_set_is_an_error() -> None:
    name, state = DOMAIN_SERDE.encode(SAMPLES[0], ENVELOPE)

    with pytest.raises(UnreadableEvent, match=r"data\.reason"):
        DOMAIN_SERDE.decode(name, state.replace(b'"reason":"observed"', b'"reason":"mood"'))


def test_a_field_that_only_a_newer_program_knows_is_passed_over() -> None:
    name, state = DOMAIN_SERDE.encode(SAMPLES[0], ENVELOPE)
    newer = json.loads(state)
    newer["data"]["added_later"] = {"any": "thing"}
    newer["envelope"]["added_later"] = 1

    assert DOMAIN_SERDE.decode(name, json.dumps(newer).encode()) == (SAMPLES[0], ENVELOPE)


def test_a_class_that_is_not_registered_is_not_stored() -> None:
    with pytest.raises(TypeError, match="Door is not registered"):
        DOMAIN_SERDE.encode(Door(is_open=True), ENVELOPE)


@pytest.mark.parametrize("value", ["\ud800", 10**5000], ids=["lone surrogate", "huge integer"])
def test_what_json_cannot_hold_is_refused_when_it_is_written(value: object) -> None:
    broken = dataclasses.replace(SAMPLES[0], lineage=value)  # type: ignore[type-var]

    with pytest.raises(ValueError):  # noqa: PT011 - UnicodeEncodeError is one with a message of its own
        DOMAIN_SERDE.encode(broken, ENVELOPE)


# --- names outlive classes, versions outlive shapes -----------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OperatorPutModeInForce:
    """What `ModeOverridden` might be called one day."""

    TYPE: ClassVar = ModeOverridden.TYPE
    charger_id: str
    override_id: str
    mode: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    made_by: str


def test_renaming_a_class_changes_nothing_that_is_stored() -> None:
    today = next(sample for sample in SAMPLES if isinstance(sample, ModeOverridden))
    renamed = EventSerde([OperatorPutModeInForce])

    read, envelope = renamed.decode(*DOMAIN_SERDE.encode(today, ENVELOPE))

    assert isinstance(read, OperatorPutModeInForce)
    assert read.override_id == OVERRIDE
    assert renamed.encode(read, envelope) == DOMAIN_SERDE.encode(today, ENVELOPE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DoorV1:
    TYPE: ClassVar = "test.door.v1"
    open: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    TYPE: ClassVar = "test.door.v3"
    is_open: bool
    seen_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    seen_by: tuple[str, ...] = ()


DOOR_V1_TO_V2 = Upcaster("test.door.v1", "test.door.v2", lambda data: {"is_open": data["open"]})
DOOR_V2_TO_V3 = Upcaster("test.door.v2", "test.door.v3", lambda data: {**data, "seen_at": "2020-02-02T02:02:02Z"})
DOORS = EventSerde([Door], [DOOR_V2_TO_V3, DOOR_V1_TO_V2])


def test_bytes_of_every_older_version_are_read_as_the_newest() -> None:
    first = EventSerde([DoorV1]).encode(DoorV1(open=True), ENVELOPE)
    second = ("test.door.v2", first[1].replace(b'"open"', b'"is_open"'))

    expected = (Door(is_open=True, seen_at=datetime(2020, 2, 2, 2, 2, 2, tzinfo=UTC)), ENVELOPE)
    assert DOORS.decode(*first) == expected
    assert DOORS.decode(*second) == expected


def test_an_event_that_was_upcast_is_stored_under_the_newest_name() -> None:
    first = EventSerde([DoorV1]).encode(DoorV1(open=True), ENVELOPE)

    name, state = DOORS.encode(*DOORS.decode(*first))

    assert name == "test.door.v3"
    assert DOORS.decode(name, state) == DOORS.decode(*first)


def test_what_an_upcaster_makes_is_checked_like_anything_stored() -> None:
    careless = EventSerde([Door], [Upcaster("test.door.v2", "test.door.v3", lambda data: {"is_open": "ajar"})])
    _, state = DOORS.encode(Door(is_open=True), ENVELOPE)

    with pytest.raises(UnreadableEvent, match="is_open"):
        careless.decode("test.door.v2", state)


def test_who_asks_for_an_event_gets_its_older_versions_too() -> None:
    assert DOORS.stored_names(["test.door.v3"]) == ("test.door.v1", "test.door.v2", "test.door.v3")
    assert DOMAIN_SERDE.stored_names(["depot.depot_amended.v1"]) == ("depot.depot_amended.v1",)


@pytest.mark.parametrize("name", ["test.door.v2", "test.window.v1"])
def test_asking_for_a_name_that_no_class_has_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        DOORS.stored_names([name])


@pytest.mark.parametrize(
    ("event_types", "upcasters", "complaint"),
    [
        ([Door, dataclasses.make_dataclass("Gate", [], namespace={"TYPE": Door.TYPE})], [], "two event classes"),
        ([Door], [DOOR_V1_TO_V2], "do not end at an event class"),
        ([Door], [DOOR_V1_TO_V2, DOOR_V1_TO_V2, DOOR_V2_TO_V3], "has two upcasters"),
        ([Door], [Upcaster("test.door.v3", "test.door.v4", dict)], "has two upcasters"),
        ([Door], [DOOR_V1_TO_V2, Upcaster("test.door.v2", "test.door.v1", dict)], "do not end at an event class"),
    ],
)
def test_a_registry_that_contradicts_itself_is_refused(
    event_types: list[type], upcasters: list[Upcaster], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        EventSerde(event_types, upcasters)
