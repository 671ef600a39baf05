"""Writes docs/events from the shapes of events: a JSON Schema for each event and version, an AsyncAPI document over all of
them, and a page for people (`make docs`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from access_policy import __version__
from access_policy.adapters.event_intake.messages import TAKEN_IN
from access_policy.application.published_events import attempts, chargers, registry
from access_policy.application.published_events.detail import SOURCE, Detail

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
TAKEN_IN_DIRECTORY: Final = "taken-in"

Schema = dict[str, Any]

_INTRO: Final = """\
# Events

Made by `make docs` from the code; a test holds every published event against these schemas.

The service publishes what happens in EventBridge's envelope: `source` is `betterfleet.access-policy`, `detail-type`
the event's name, `detail` as its schema says. Delivery is at least once; `detail.event_id` tells a repetition (the
envelope's own `id` does not). Events about the same `detail.aggregate` are published in the order of its `version`,
which has gaps where something is not public; what arrives later with a smaller version is older. An event larger than
the bus takes (256 KiB) comes with `data: null`; `href` says where to read it, for that event as for all others.

A subscriber names the version it can read in its rule (`"detail": {"event_version": [1]}`). Within a version fields
and values of enumerations are only ever added. A change beyond that is a new version, published beside the old one
for as long as that is read.

No event holds the value of an identifier, a person's name or account, or free text about a vehicle. Identifiers are
keyed pseudonyms, equal for equal identifiers of a tenant.

[asyncapi.json](asyncapi.json) has all of it for machines.
"""
_INTRO_TAKEN_IN: Final = """\
## Taken in

From the queue that `ACCESS_POLICY_INTAKE_URL` names, behind an EventBridge rule, or by `POST /v1/events` (role
`service`, the event as EventBridge's API destinations send it). An event that comes again has no effect, nor has one
with a smaller `aggregate.version` than was taken in of the same source and subject. What does not fit yet (an
agreement nobody knows, an identifier another vehicle has) is answered with 409 or comes again from the queue, eight
times in some ten minutes. What can never fit is answered with 422 or goes to the queue of dead letters
(`QUEUE-dead-letters` unless `dead_letters=` names another) with its `reason`; the dead letter is the message as it
came, identifiers included, so that queue is to be guarded like the first.
"""


def published() -> list[type]:
    """The classes of public events, by name and version."""
    found = [
        each
        for module in (attempts, chargers, registry)
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == module.__name__ and hasattr(each, "VERSION")
    ]
    return sorted(found, key=lambda each: (each.__name__, each.VERSION))


def file_name(event: type) -> str:
    version = 1 if issubclass(event, BaseModel) else event.VERSION  # type: ignore[attr-defined]
    return f"{event.__name__}.v{version}.json"


def detail_schema(event: type) -> Schema:
    """Of the `detail` in which a public event comes."""
    data, detail = _schema(event), _schema(Detail)
    definitions = data.pop("$defs", {}) | detail.pop("$defs", {}) | {event.__name__: data}
    detail["properties"]["event_version"] = {"const": event.VERSION}  # type: ignore[attr-defined]
    detail["properties"]["data"] = {"anyOf": [{"$ref": f"#/$defs/{event.__name__}"}, {"type": "null"}]}
    titled = {"title": event.__name__, "description": f"{data['description']} {detail['description']}"}
    return {"$schema": DIALECT, **detail, **titled, "$defs": dict(sorted(definitions.items()))}


def event_schema(event: type[BaseModel]) -> Schema:
    """Of an event that is taken in, envelope included."""
    schema = _plain(event.model_json_schema(by_alias=True, mode="validation"))
    return {"$schema": DIALECT, **schema, "title": event.__name__}


def files() -> dict[str, str]:
    """The text of each file under docs/events, by name."""
    documents: dict[str, Any] = {file_name(event): detail_schema(event) for event in published()}
    documents |= {f"{TAKEN_IN_DIRECTORY}/{file_name(event)}": event_schema(event) for event in TAKEN_IN}
    documents["asyncapi.json"] = asyncapi()
    texts = {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in documents.items()}
    return texts | {"README.md": "\n".join(_page()) + "\n"}


def asyncapi() -> dict[str, Any]:
    out, taken = published(), TAKEN_IN
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "access_policy",
            "version": __version__,
            "description": "Who may charge when at a depot's chargers: what happened, and what is taken in.",
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
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in map(_message_name, taken)},
            },
        },
        "operations": {
            "publish": {
                "action": "send",
                "channel": {"$ref": "#/channels/published"},
                "summary": "At least once, in order for each aggregate; detail.event_id tells repetitions.",
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
                    _message_name(event): _message(event, {"$ref": f"{TAKEN_IN_DIRECTORY}/{file_name(event)}"})
                    for event in taken
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
    yield _INTRO_TAKEN_IN
    yield from _table(None, TAKEN_IN, f"{TAKEN_IN_DIRECTORY}/")


def _table(heading: str | None, events: Sequence[type], directory: str) -> Iterator[str]:
    if heading is not None:
        yield f"## {heading}\n"
    yield "| event | what it says |"
    yield "|---|---|"
    for event in events:
        name = file_name(event)
        says = " ".join((event.__doc__ or "").split()).replace("|", "\\|")
        yield f"| [{_message_name(event)}]({directory}{name}) | {says} |"
    yield ""


def _schema(shape: type) -> Schema:
    schema: Schema = _plain(TypeAdapter(shape).json_schema(mode="serialization"))
    return schema


def _plain(schema: Any) -> Any:
    """Without titles, which repeat names; descriptions on one line; times as they are written, which is without an offset."""
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
