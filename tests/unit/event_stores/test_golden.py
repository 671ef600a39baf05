"""Bytes that were stored once are read for ever.

`golden/<stored name>.json` holds the bytes of one event as a release stored them. A golden file is never changed or
removed. A new version of an event gets a file of its own beside the old one; its sample moves to the new class, and the
old file then has to be read as it through the upcaster.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from access_policy.adapters.event_stores.event_types import EVENT_TYPES
from access_policy.adapters.event_stores.serde import DOMAIN_SERDE, UPCASTERS
from tests.unit.event_stores.samples import ENVELOPE, SAMPLES

GOLDEN = Path(__file__).parent / "golden"
FILES = {file.name.removesuffix(".json"): file for file in sorted(GOLDEN.glob("*.json"))}
SAMPLE_OF = {type(sample).TYPE: sample for sample in SAMPLES}  # type: ignore[attr-defined]


def test_every_stored_name_has_a_golden_file() -> None:
    current = {event_type.TYPE for event_type in EVENT_TYPES}  # type: ignore[attr-defined]
    missing = sorted((current | {upcaster.source for upcaster in UPCASTERS}) - FILES.keys())

    assert missing == [], "store the samples: python -m tests.unit.event_stores.write_golden"


def test_every_event_class_has_a_sample() -> None:
    assert len(SAMPLE_OF) == len(SAMPLES)
    assert set(EVENT_TYPES) == {type(sample) for sample in SAMPLES}


@pytest.mark.parametrize("name", FILES)
def test_a_stored_event_is_read_as_what_it_meant(name: str) -> None:
    event, envelope = DOMAIN_SERDE.decode(name, FILES[name].read_bytes())

    assert envelope == ENVELOPE
    assert event == SAMPLE_OF[event.TYPE]


@pytest.mark.parametrize("name", sorted(FILES.keys() & SAMPLE_OF.keys()))
def test_an_event_of_a_current_name_is_stored_as_it_always_was(name: str) -> None:
    _, state = DOMAIN_SERDE.encode(SAMPLE_OF[name], ENVELOPE)

    assert json.loads(state) == json.loads(FILES[name].read_bytes())
