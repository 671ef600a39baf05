"""Bytes that were stored once are read for ever.

`golden/<stored name>.json` holds the bytes of one event as a release stored them. A golden file is never changed or
removed. A new version of an event gets a file of its own beside the old one; its sample moves to the new class, and the
old file then has to be read as it through the upcaster.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
def test_an_event_of_a_current_name_is_stored_with_everything_it_always_had(name: str) -> None:
    """New fields may have come since, with defaults: what reads the old ones reads them still."""
    _, state = DOMAIN_SERDE.encode(SAMPLE_OF[name], ENVELOPE)

    assert _part_of(json.loads(state), like=json.loads(FILES[name].read_bytes())) == json.loads(
        FILES[name].read_bytes()
    )


def _part_of(stored: Any, *, like: Any) -> Any:
    """What `stored` has at the places that `like` has."""
    if isinstance(stored, dict) and isinstance(like, dict):
        return {key: _part_of(value, like=like[key]) for key, value in stored.items() if key in like}
    if isinstance(stored, list) and isinstance(like, list) and len(stored) == len(like):
        return [_part_of(each, like=other) for each, other in zip(stored, like, strict=True)]
    return stored
