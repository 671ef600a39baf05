"""docs/events says what is really published and taken in, and a contract once given is kept.

`golden/` holds the schemas as they were released, never changed or removed. A new event or version gets its file by
`python -m tests.unit.event_bus.write_golden`.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.adapters.event_intake.messages import CONSUMED_EVENTS, BadEvent, read
from access_policy.application.published_events.detail import entry_of
from access_policy.application.published_events.mapping import PUBLISHED, TYPES
from tests.support.histories import histories
from tests.support.incoming import (
    CARD,
    agreement_changed,
    booked,
    booking_canceled,
    commissioned,
    decommissioned,
    demand_measured,
    envelope_changed,
    envelope_withdrawn,
    source_offline,
)
from tests.support.rows import log_of
from tests.unit.event_bus.schemas import Schema, broken_for_readers, broken_for_senders, closed
from tests.unit.event_stores.samples import SAMPLES
from tools.documents.events import asyncapi, detail_schema, event_schema, file_name, files, published

DOCS = Path(__file__).resolve().parents[3] / "docs" / "events"
GOLDEN = Path(__file__).parent / "golden"
RELEASED = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(GOLDEN.glob("*.json"))}
NOW: dict[str, Schema] = {file_name(event): detail_schema(event) for event in published()} | {
    file_name(event): event_schema(event) for event in CONSUMED_EVENTS
}
SENT_BY_OTHERS = {file_name(event) for event in CONSUMED_EVENTS}
STRICT = {
    name: jsonschema.Draft202012Validator(closed(schema), format_checker=jsonschema.FormatChecker())
    for name, schema in NOW.items()
}


def test_the_documents_are_made_from_the_code() -> None:
    written = {str(path.relative_to(DOCS)): path.read_text("utf-8") for path in DOCS.rglob("*") if path.is_file()}

    assert written == files(), "run `make docs`"


def test_every_public_event_has_a_schema_and_every_schema_an_event() -> None:
    made = {type(PUBLISHED[type(sample)](sample)) for sample in SAMPLES if type(sample) in PUBLISHED}

    assert made == set(published())


@pytest.mark.parametrize("schema", NOW.values(), ids=NOW)
def test_a_schema_is_one(schema: Schema) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "sample", [each for each in SAMPLES if type(each).TYPE in TYPES], ids=lambda each: type(each).__name__
)
def test_what_is_published_is_as_its_schema_says_and_no_more(sample: object) -> None:
    (recorded,) = log_of(sample)

    _check(recorded)


@given(history=histories())
def test_whatever_happens_is_published_as_its_schema_says(history: Any) -> None:
    for recorded in history:
        if type(recorded.event).TYPE in TYPES:
            _check(recorded)


def _check(recorded: Any) -> None:
    entry = entry_of(recorded)
    detail = json.loads(entry.detail)
    STRICT[f"{entry.detail_type}.v{detail['event_version']}.json"].validate(detail)


SENT = {
    "VehicleCommissioned.v1.json": [
        commissioned("bus-7", 1, identifiers=[CARD], valid_from="2026-01-01T00:00:00Z"),
        commissioned("van", 2, access_class="agreement", agreement_id="a"),
    ],
    "VehicleDecommissioned.v1.json": [decommissioned("bus-7", 1)],
    "AgreementChanged.v1.json": [
        agreement_changed("a", 1),
        agreement_changed("a", 2, hours=[{"days": ["MO"], "start": "20:00", "end": "05:00"}], ended_at=None),
    ],
    "BookingReserved.v1.json": [booked("b", 1), booked("c", 1, connector_id=2, terms={"late_stop_min": 30})],
    "BookingChanged.v1.json": [booked("b", 2, "BookingChanged", charger_id=None, group_id="fast", holder={})],
    "BookingCanceled.v1.json": [booking_canceled("b", 3)],
    "OperatingEnvelopeChanged.v1.json": [
        envelope_changed("e", 1),
        envelope_changed("e", 2, fallback={"import_limit_w": 0, "valid_until": "2026-11-19T00:00:00Z"}),
    ],
    "OperatingEnvelopeWithdrawn.v1.json": [envelope_withdrawn("e", 3)],
    "DemandMeasured.v1.json": [demand_measured(1, ("main", "2026-11-18T11:58:00Z", 10_000))],
    "EnergySourceOffline.v1.json": [source_offline(1)],
}


@pytest.mark.parametrize("name", sorted(SENT_BY_OTHERS))
def test_what_fits_the_schema_of_an_event_taken_in_is_read(name: str) -> None:
    for message in SENT[name]:
        jsonschema.Draft202012Validator(NOW[name], format_checker=jsonschema.FormatChecker()).validate(message)
        assert read(json.dumps(message)).event_id == message["detail"]["event_id"]


@pytest.mark.parametrize("name", sorted(SENT_BY_OTHERS))
@given(data=st.data())
def test_what_does_not_fit_the_schema_is_not_read(name: str, data: st.DataObject) -> None:
    message = deepcopy(data.draw(st.sampled_from(SENT[name])))
    part = message
    for step in data.draw(st.sampled_from([(), ("detail",), ("detail", "data"), ("detail", "aggregate")])):
        part = part[step]
    key = data.draw(st.sampled_from(sorted(part)))
    part[key] = data.draw(st.sampled_from([None, 0, -1, 1.5, "", "x" * 300, [], [None], {}, True]))

    if not jsonschema.Draft202012Validator(NOW[name], format_checker=jsonschema.FormatChecker()).is_valid(message):
        with pytest.raises(BadEvent):
            read(json.dumps(message))


def test_the_asyncapi_document_names_every_event_once_and_its_references_lead_somewhere() -> None:
    document = asyncapi()
    messages = document["components"]["messages"]

    assert document["asyncapi"] == "3.0.0"
    assert {f"{name}.json" for name in messages} == NOW.keys()
    for reference in _references(document):
        file, _, pointer = reference.partition("#")
        if file:
            assert (DOCS / file).is_file(), reference
        else:
            found: Any = document
            for step in pointer.strip("/").split("/"):
                found = found[step]
    used = {ref.rpartition("/")[2] for channel in document["channels"].values() for ref in _references(channel)}
    assert used == messages.keys()


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        here = [node["$ref"]] if "$ref" in node else []
        return here + [each for value in node.values() for each in _references(value)]
    return [each for value in node for each in _references(value)] if isinstance(node, list) else []


def test_every_event_and_version_is_in_the_golden_files() -> None:
    assert sorted(NOW.keys() - RELEASED.keys()) == [], "python -m tests.unit.event_bus.write_golden"


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_version_reads_as_it_did(name: str) -> None:
    assert name in NOW, "a released version is published as long as anybody may read it"
    broken = broken_for_senders if name in SENT_BY_OTHERS else broken_for_readers

    assert broken(RELEASED[name], NOW[name]) == [], "give the event a new version beside this one"


CHANGES: list[tuple[str, Any, bool, bool]] = [
    ("a new property", lambda s: s["$defs"]["X"]["properties"].update(new={"type": "string"}), True, True),
    ("a new property that must be there", lambda s: _add_required(s, "new"), True, False),
    ("a new value", lambda s: s["$defs"]["E"]["enum"].append("c"), True, True),
    ("a description", lambda s: s.update(description="other words"), True, True),
    ("a property is gone", lambda s: s["$defs"]["X"]["properties"].pop("a"), False, False),
    ("a property is optional", lambda s: s["$defs"]["X"]["required"].remove("a"), False, True),
    ("a value is gone", lambda s: s["$defs"]["E"]["enum"].pop(), False, False),
    ("another type", lambda s: s["$defs"]["X"]["properties"]["a"].update(type="integer"), False, False),
    ("another format", lambda s: s["$defs"]["X"]["properties"]["a"].update(format="date"), False, False),
    ("null", lambda s: s["$defs"]["X"]["properties"].update(a={"anyOf": [{"type": "string"}, {"type": "null"}]}), False, False),
    ("other elements", lambda s: s["$defs"]["X"]["properties"]["l"]["items"].update(type="integer"), False, False),
]  # fmt: skip


def _add_required(schema: Schema, name: str) -> None:
    schema["$defs"]["X"]["properties"][name] = {"type": "string"}
    schema["$defs"]["X"]["required"].append(name)


@pytest.mark.parametrize(("what", "change", "reads", "sends"), CHANGES, ids=[what for what, *_ in CHANGES])
def test_red_control_what_breaks_a_contract_is_seen(what: str, change: Any, reads: bool, sends: bool) -> None:
    old: Schema = {
        "properties": {"data": {"anyOf": [{"$ref": "#/$defs/X"}, {"type": "null"}]}},
        "required": ["data"],
        "type": "object",
        "$defs": {
            "X": {
                "type": "object",
                "required": ["a", "e", "l"],
                "properties": {
                    "a": {"type": "string"},
                    "e": {"$ref": "#/$defs/E"},
                    "l": {"type": "array", "items": {"type": "string"}},
                },
            },
            "E": {"type": "string", "enum": ["a", "b"]},
        },
    }
    new = deepcopy(old)
    change(new)

    assert (broken_for_readers(old, new) == []) is reads
    assert (broken_for_senders(old, new) == []) is sends
