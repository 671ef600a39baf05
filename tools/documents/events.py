"""Write docs/events: a JSON Schema for each event and version, one AsyncAPI document, and a page for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from access_policy import __version__
from access_policy.adapters.event_intake.messages import CONSUMED_EVENTS
from access_policy.application.published_events import attempts, chargers, modes, registry, reservations, site_energy
from access_policy.application.published_events.detail import SOURCE, Detail
from tools.documents.event_fields import meaning

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
CONSUMED_DIRECTORY: Final = "consumed"

Schema = dict[str, Any]

_INTRO: Final = """\
# Events

`make docs` generates this directory from the code; a test validates every published event against these schemas.

The service publishes events in EventBridge's envelope: `source` is `betterfleet.access-policy`, `detail-type` is the
event's name, and `detail` follows the event's schema. Delivery is at least once; a repeated event has the same
`detail.event_id` (but not the same envelope `id`). Events of one `detail.aggregate` are published in the order of
its `version`. Versions have gaps, because some events are not public; an event that arrives later with a smaller
version is older. An event that exceeds the bus's limit (256 KiB) has `data: null`; read it from `href`, which every
event has.

A subscriber's rule names the version that it can read (`"detail": {"event_version": [1]}`). Within a version the
service only adds fields and enumeration values. Any other change is a new version, published beside the old one for
as long as that has readers.

No event contains the value of an identifier, a person's name or account, or free text about a vehicle. Identifiers
are keyed pseudonyms; equal identifiers of a tenant have equal pseudonyms.

[asyncapi.json](asyncapi.json) describes all events for machines.
"""
_INTRO_CONSUMED: Final = """\
## Consumed

The service reads these events from the queue that `ACCESS_POLICY_INTAKE_URL` names, behind an EventBridge rule, or
receives them by `POST /v1/events` (role `service`, the event as EventBridge's API destinations send it). A repeated
event has no effect, and neither has an event whose `aggregate.version` is smaller than one already consumed from the
same source for the same subject. An event that does not fit yet (an unknown agreement, an identifier that another
vehicle has) is answered with 409; from the queue the service retries it eight times within some ten minutes. An event
that can never fit is answered with 422 or goes to the dead-letter queue (`QUEUE-dead-letters` unless `dead_letters=`
names another) with its `reason`. A dead letter is the message as received, identifiers included: protect that queue
like the first.
"""


def published() -> list[type]:
    """Return the classes of public events, sorted by name and version."""
    found = [
        each
        for module in (attempts, chargers, modes, registry, reservations, site_energy)
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == module.__name__ and hasattr(each, "VERSION")
    ]
    return sorted(found, key=lambda each: (each.__name__, each.VERSION))


def file_name(event: type) -> str:
    version = 1 if issubclass(event, BaseModel) else event.VERSION  # type: ignore[attr-defined]
    return f"{event.__name__}.v{version}.json"


def detail_schema(event: type) -> Schema:
    """Return the schema of a public event's `detail`."""
    data, detail = _schema(event), _schema(Detail)
    definitions = data.pop("$defs", {}) | detail.pop("$defs", {}) | {event.__name__: data}
    detail["properties"]["event_version"] = {"const": event.VERSION}  # type: ignore[attr-defined]
    detail["properties"]["data"] = {"anyOf": [{"$ref": f"#/$defs/{event.__name__}"}, {"type": "null"}]}
    titled = {"title": event.__name__, "description": f"{data['description']} {detail['description']}"}
    return _described({"$schema": DIALECT, **detail, **titled, "$defs": dict(sorted(definitions.items()))})


def event_schema(event: type[BaseModel]) -> Schema:
    """Return the schema of a consumed event, envelope included."""
    schema = _plain(event.model_json_schema(by_alias=True, mode="validation"))
    return _described({"$schema": DIALECT, **schema, "title": event.__name__})


def files() -> dict[str, str]:
    """Return the text of each file under docs/events, by name."""
    documents: dict[str, Any] = {file_name(event): detail_schema(event) for event in published()}
    documents |= {f"{CONSUMED_DIRECTORY}/{file_name(event)}": event_schema(event) for event in CONSUMED_EVENTS}
    documents["asyncapi.json"] = asyncapi()
    texts = {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in documents.items()}
    return texts | {"README.md": "\n".join(_page()) + "\n"}


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    out, consumed = published(), CONSUMED_EVENTS
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "access_policy",
            "version": __version__,
            "description": "Who may charge when at a depot's chargers: the events it publishes and consumes.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "published": {
                "address": None,
                "description": "The bus that ACCESS_POLICY_BUS_URL names.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in map(_message_name, out)},
            },
            "takenIn": {
                "address": None,
                "description": "The queue that ACCESS_POLICY_INTAKE_URL names, and POST /v1/events.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in map(_message_name, consumed)},
            },
        },
        "operations": {
            "publish": {
                "action": "send",
                "channel": {"$ref": "#/channels/published"},
                "summary": "At least once, in order for each aggregate; a repetition has the same detail.event_id.",
            },
            "takeIn": {
                "action": "receive",
                "channel": {"$ref": "#/channels/takenIn"},
                "summary": "Repetitions and older events have no effect.",
            },
        },
        "components": {
            "messages": {
                **{_message_name(event): _message(event, _enveloped(event)) for event in out},
                **{
                    _message_name(event): _message(event, {"$ref": f"{CONSUMED_DIRECTORY}/{file_name(event)}"})
                    for event in consumed
                },
            }
        },
    }


def _message_name(event: type) -> str:
    return file_name(event).removesuffix(".json")


def _message(event: type, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": event.__name__,
        "title": event.__name__,
        "summary": " ".join((event.__doc__ or "").split()),
        "contentType": "application/json",
        "payload": payload,
    }


def _enveloped(event: type) -> Schema:
    return {
        "type": "object",
        "required": ["version", "id", "detail-type", "source", "time", "region", "resources", "detail"],
        "properties": {
            "version": {"const": "0"},
            "id": {"type": "string"},
            "detail-type": {"const": event.__name__},
            "source": {"const": SOURCE},
            "account": {"type": "string"},
            "time": {"type": "string", "format": "date-time"},
            "region": {"type": "string"},
            "resources": {"type": "array", "items": {"type": "string"}},
            "detail": {"$ref": file_name(event)},
        },
    }


def _page() -> Iterator[str]:
    yield _INTRO
    yield from _table("Published", published(), "")
    yield _INTRO_CONSUMED
    yield from _table(None, CONSUMED_EVENTS, f"{CONSUMED_DIRECTORY}/")


def _table(heading: str | None, events: Sequence[type], directory: str) -> Iterator[str]:
    if heading is not None:
        yield f"## {heading}\n"
    yield "| event | meaning |"
    yield "|---|---|"
    for event in events:
        name = file_name(event)
        meaning = " ".join((event.__doc__ or "").split()).replace("|", "\\|")
        yield f"| [{_message_name(event)}]({directory}{name}) | {meaning} |"
    yield ""


def _schema(shape: type) -> Schema:
    schema: Schema = _plain(TypeAdapter(shape).json_schema(mode="serialization"))
    return schema


def _described(schema: Schema) -> Schema:
    """Add the meaning of each field. Raises `LookupError` for a field without one."""
    for shape, part in {schema["title"]: schema, **schema["$defs"]}.items():
        for field, each in part.get("properties", {}).items():
            each["description"] = meaning(shape, field)
    return schema


def _plain(schema: Any) -> Any:
    """Drop titles, which repeat names; put descriptions on one line; describe times without an offset, as they are written."""
    match schema:
        case {"format": "time", **rest}:
            return {**_plain(rest), "pattern": "^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]$"}
        case dict():
            return {
                name: " ".join(value.split()) if name == "description" and isinstance(value, str) else _plain(value)
                for name, value in schema.items()
                if not (name == "title" and isinstance(value, str))
            }
        case list():
            return [_plain(each) for each in schema]
    return schema


def main(directory: Path) -> None:
    wanted = files()
    for name, text in wanted.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
