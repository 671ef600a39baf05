"""Build payloads of CALLs from the dataclasses of the `ocpp` package.

The package's own `serialize_as_dict`, `remove_nones` and `snake_to_camel_case` give the same payload. But they copy it four
times, and rename keys of dictionaries inside it too; this module does neither.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any


def action_of(call: object) -> str:
    """Return the action, which is the name of the CALL's dataclass."""
    return type(call).__name__


def payload_of(call: Any) -> dict[str, Any]:
    """Return the JSON object of a dataclass of the `ocpp` package. Fields that are None are omitted."""
    return {
        name: _value(value) for field, name in _names(call.__class__) if (value := getattr(call, field)) is not None
    }


def _value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_value(each) for each in value]
    return payload_of(value) if is_dataclass(value) else value


@cache
def _names(kind: type[Any]) -> tuple[tuple[str, str], ...]:
    """Return each field with its name in the protocol, such as `evse_id` and `evseId`."""
    return tuple((field.name, _camel_case(field.name)) for field in fields(kind))


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)
