"""A page for each event that the service publishes or consumes, from the schemas of `docs/events`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from access_policy.adapters.event_intake.messages import CONSUMED_EVENTS
from access_policy.application.published_events.detail import SOURCE
from tools.documents.event_fields import example
from tools.documents.events import CONSUMED_DIRECTORY, Schema, detail_schema, event_schema, file_name, published
from tools.site import json_schema

DIRECTORY: Final = "events"
INDEX: Final = f"{DIRECTORY}/README.md"
_DATA: Final = {"type": "object or null", "description": "The fields above"}
_OTHER_STREAMS: Final = {
    "ChargerUnreachableAtTransition": "charger_notice",
    "ConnectorFaulted": "charger_condition",
    "ConnectorRecovered": "charger_condition",
}


def pages() -> dict[str, str]:
    written = {_page_of(DIRECTORY, event): "\n".join(_published(event)) for event in published()}
    inside = f"{DIRECTORY}/{CONSUMED_DIRECTORY}"
    return written | {_page_of(inside, event): "\n".join(_consumed(event)) for event in CONSUMED_EVENTS}


def contents() -> str:
    """Return the table of contents of these pages, for the end of their list."""
    names = [page.removeprefix(f"{DIRECTORY}/").removesuffix(".md") for page in pages()]
    return "\n```{toctree}\n:hidden:\n:titlesonly:\n\n" + "\n".join(names) + "\n```\n"


def message(event: type) -> Schema:
    """Return an example of the event as the bus and the queue carry it."""
    if event in CONSUMED_EVENTS:
        schema = event_schema(event)
        sent: Schema = _example(event.__name__, schema, schema)
        sent["detail"]["aggregate"] |= {"type": "", "id": next(iter(sent["detail"]["data"].values()))}
        return sent
    schema = detail_schema(event)
    detail = _example(event.__name__, schema, schema)
    kind, subject, detail["href"] = _subject(event.__name__, detail["data"])
    detail["aggregate"] |= {"type": kind, "id": subject}
    return {"detail-type": event.__name__, "source": SOURCE, "detail": detail}


def _subject(event: str, data: Schema) -> tuple[str, str, str]:
    """Return the kind and the id of the event's aggregate, and the path at which its subject can be read."""
    if event.startswith("Reservation"):
        reservation = data.get("reservation", data)["reservation_id"]
        return "reservation_book", data["depot_id"], f"/v1/reservations/{reservation}"
    if event.startswith(("AccessNarrowed", "AccessWidened", "EnergyControl")):
        return "site_energy", data["depot_id"], f"/v1/depots/{data['depot_id']}/energy"
    if "attempt_id" in data:
        return "access_attempt", data["attempt_id"], f"/v1/access-events/{data['attempt_id']}"
    if event == "DepotDigestMade":
        return "depot_digest", f"{data['depot_id']}/20261121T050000.000000Z", f"/v1/depots/{data['depot_id']}"
    if (charger := data.get("charger_id")) is not None:
        kind = _OTHER_STREAMS.get(event, "charger_access_policy")
        due = "/20261120T210000.000000Z" if kind == "charger_notice" else ""
        return kind, f"{charger}{due}", f"/v1/chargers/{charger}"
    if "plan_id" in data:
        return "vehicle_registry", "registry", f"/v1/registry/imports/{data['plan_id']}"
    if "vehicle_id" in data:
        return "vehicle_registry", "registry", f"/v1/vehicles/{data['vehicle_id']}"
    agreement = data.get("agreement", data)["agreement_id"]
    if event == "AgreementEndsSoon":
        return "agreement_notice", f"{agreement}/20261120T170000.000000Z", f"/v1/agreements/{agreement}"
    return "vehicle_registry", "registry", f"/v1/agreements/{agreement}"


def _published(event: type) -> Iterator[str]:
    schema = _with_values(detail_schema(event))
    shapes = schema["$defs"]
    data, aggregate = shapes.pop(event.__name__), shapes.pop("Aggregate")
    anchor = _anchor(event)
    yield f"# {_title(event)}\n\n{json_schema.escaped(data['description'])}\n"
    yield f"The fields of `detail.data`; each of them is always present. {_download(event)}\n"
    yield from json_schema.fields(data, anchor, marked=False)
    yield from json_schema.shapes(shapes, anchor, marked=False)
    yield from _example_of(event)
    yield "## Envelope\n\nEach event has these fields in `detail`. `data` is null in an event that exceeds the bus's limit.\n"
    yield from json_schema.fields(schema | {"properties": schema["properties"] | {"data": _DATA}}, anchor, marked=False)
    yield from json_schema.shapes({"Aggregate": aggregate}, anchor, marked=False)


def _consumed(event: type[Any]) -> Iterator[str]:
    schema = _with_values(event_schema(event))
    yield f"# {_title(event)}\n\n{json_schema.escaped(schema['description'])}\n"
    yield f"The service consumes this event. {_download(event)}\n"
    yield from json_schema.fields(schema, _anchor(event))
    yield from json_schema.shapes(schema["$defs"], _anchor(event))
    yield from _example_of(event)


def _example_of(event: type) -> Iterator[str]:
    yield "## Example\n\n```json\n" + json.dumps(message(event), indent=2, ensure_ascii=False) + "\n```\n"


def _with_values(schema: Schema) -> Schema:
    """Replace each reference to a list of values with the list, so that only shapes with fields remain in `$defs`."""
    lists = {name: shape for name, shape in schema["$defs"].items() if "properties" not in shape}

    def replaced(part: Any) -> Any:
        match part:
            case {"$ref": str(reference)} if (name := reference.rpartition("/")[2]) in lists:
                return lists[name] | {key: value for key, value in part.items() if key != "$ref"}
            case dict():
                return {key: replaced(value) for key, value in part.items()}
            case list():
                return [replaced(each) for each in part]
        return part

    plain: Schema = replaced({name: part for name, part in schema.items() if name != "$defs"})
    return plain | {"$defs": {name: replaced(part) for name, part in schema["$defs"].items() if name not in lists}}


def _example(shape: str, schema: Schema, root: Schema) -> Any:
    """Return a value that fits the schema of the shape, with values of the table where it has them."""
    made = {}
    for field, each in schema["properties"].items():
        given = example(shape, field)
        made[field] = given if given is not None else _value(each, root)
    return made


def _value(schema: Schema, root: Schema) -> Any:
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            shape = root["$defs"][name]
            return _example(name, shape, root) if "properties" in shape else _value(shape, root)
        case {"const": value} | {"enum": [value, *_]}:
            return value
        case {"anyOf": [{"$ref": _} as first, *_]}:
            return _value(first, root)
        case {"anyOf": _}:
            return None
        case {"type": "array", "items": items}:
            return [_value(items, root)]
    raise ValueError(f"no example for {schema}; add one to tools/documents/event_fields.py")


def _anchor(event: type) -> json_schema.Anchor:
    return lambda name: f"{event.__name__.lower()}-{name.lower()}"


def _title(event: type) -> str:
    return file_name(event).removesuffix(".json")


def _page_of(directory: str, event: type) -> str:
    return f"{directory}/{_title(event)}.md"


def _download(event: type) -> str:
    return f"Its {{download}}`JSON Schema <{file_name(event)}>` is for machines."
