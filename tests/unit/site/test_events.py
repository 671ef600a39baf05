"""The pages of events: each has an example that fits its schema and names its subject as a real event does."""

from __future__ import annotations

import json

import jsonschema
import pytest

from access_policy.adapters.event_intake.messages import CONSUMED_EVENTS, read
from access_policy.application.published_events.detail import entry_of
from access_policy.application.published_events.mapping import TYPES
from tests.support.rows import log_of
from tests.unit.event_stores.samples import SAMPLES
from tools.documents.events import detail_schema, file_name, published
from tools.site.events import message, pages
from tools.site.source import on_the_site

REAL = {
    entry.detail_type: json.loads(entry.detail)
    for sample in SAMPLES
    if type(sample).TYPE in TYPES
    for entry in map(entry_of, log_of(sample))
}


def _collection(href: str) -> str:
    """The path without the subject's id."""
    return href.removesuffix("/energy").rpartition("/")[0]


@pytest.mark.parametrize("event", published(), ids=file_name)
def test_example_of_a_published_event_fits_its_schema_and_names_its_subject_as_a_real_one(event: type) -> None:
    detail, real = message(event)["detail"], REAL[event.__name__]

    jsonschema.Draft202012Validator(detail_schema(event), format_checker=jsonschema.FormatChecker()).validate(detail)
    assert detail["aggregate"]["type"] == real["aggregate"]["type"]
    assert detail["aggregate"]["id"].count("/") == real["aggregate"]["id"].count("/")
    assert _collection(detail["href"]) == _collection(real["href"])


@pytest.mark.parametrize("event", CONSUMED_EVENTS, ids=file_name)
def test_example_of_a_consumed_event_is_read_by_the_intake(event: type) -> None:
    sent = message(event)

    assert read(json.dumps(sent)).event_id == sent["detail"]["event_id"]


def test_pages_name_each_field_of_the_data_with_its_meaning() -> None:
    page = pages()["events/AccessDenied.v1.md"]

    assert "| `depot_id` | string | The depot of the charger |" in page
    assert "| `reason` | string | The row of the decision table that applied. One of: `freevend`, `own_vehicle`" in page


def test_on_the_site_the_list_of_events_links_to_their_pages_and_not_to_their_schemas() -> None:
    written = "[x](AccessDenied.v1.json) [y](consumed/AgreementChanged.v1.json) [all](asyncapi.json)"

    assert on_the_site("docs/events/README.md", written) == (
        "[x](AccessDenied.v1.md) [y](consumed/AgreementChanged.v1.md) [all](asyncapi.json)"
    )
