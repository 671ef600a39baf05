"""The actions of each protocol version, and what its published schemas say about their payloads.

Validation costs about a millisecond for a message of a few kilobytes, so messages on the hot path are read by lenient
checks of their handlers instead. Formats (dates, URIs) are not checked here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any, Final, cast

import msgspec
from jsonschema import Draft4Validator, Draft6Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from access_policy.adapters.ocpp.errors import (
    FormatViolation,
    NotImplementedAction,
    NotSupported,
    OccurrenceConstraintViolation,
    OcppError,
    OcppVersion,
    PropertyConstraintViolation,
    ProtocolError,
    TypeConstraintViolation,
)

_FOLDER: Final = {OcppVersion.V16: "v16", OcppVersion.V201: "v201", OcppVersion.V21: "v21"}
_REQUEST_SUFFIX: Final = {OcppVersion.V16: "", OcppVersion.V201: "Request", OcppVersion.V21: "Request"}
_ERRORS_LOOKED_AT: Final = 50

# The error of a failed keyword. Of several errors in one payload the one listed first is reported.
_ERROR_OF: Final[dict[str, type[OcppError]]] = {
    "required": ProtocolError,
    "type": TypeConstraintViolation,
    "additionalProperties": FormatViolation,
    "minItems": OccurrenceConstraintViolation,
    "maxItems": OccurrenceConstraintViolation,
    "enum": PropertyConstraintViolation,
    "maxLength": PropertyConstraintViolation,
    "minimum": PropertyConstraintViolation,
    "maximum": PropertyConstraintViolation,
    "multipleOf": PropertyConstraintViolation,
}
_RANK: Final = {keyword: rank for rank, keyword in enumerate(_ERROR_OF)}


@cache
def known_actions(version: OcppVersion) -> frozenset[str]:
    """All actions of the version, whichever side sends them."""
    suffix = _REQUEST_SUFFIX[version] + ".json"
    names = (file.name for file in _schemas(version).iterdir())
    return frozenset(
        name.removesuffix(suffix) for name in names if name.endswith(suffix) and not name.endswith("Response.json")
    )


def not_handled(version: OcppVersion, action: str) -> OcppError:
    """The error for an action that nobody here handles."""
    if action in known_actions(version):
        return NotSupported(f"{action} is not supported by this service")
    return NotImplementedAction(f"OCPP {version.value} has no such action")


def validate(version: OcppVersion, action: str, payload: Mapping[str, Any], *, response: bool = False) -> None:
    """Check `payload` against the published schema of the action's request, or of its response.

    Raises the `OcppError` that a peer is to get, naming the field and not its value; `NotImplementedAction` for an
    action that the version does not have.
    """
    if action not in known_actions(version):
        raise not_handled(version, action)
    found = list(islice(_validator(version, action, response).iter_errors(payload), _ERRORS_LOOKED_AT))
    if not found:
        return
    worst = min(found, key=lambda error: (_RANK.get(str(error.validator), len(_RANK)), list(map(str, error.path))))
    raise _ERROR_OF.get(str(worst.validator), FormatViolation)(_describe(worst))


@cache
def _validator(version: OcppVersion, action: str, response: bool) -> Validator:
    suffix = "Response" if response else _REQUEST_SUFFIX[version]
    schema = (_schemas(version) / f"{action}{suffix}.json").read_text(encoding="utf-8-sig")
    draft = _Draft4 if version is OcppVersion.V16 else Draft6Validator
    return draft(msgspec.json.decode(schema))


def _schemas(version: OcppVersion) -> Any:
    return resources.files("ocpp") / _FOLDER[version] / "schemas"


def _multiple_of(_: Validator, step: float, instance: object, __: object) -> Iterator[ValidationError]:
    """1.6 asks for multiples of 0.1, which no binary fraction is: 21.4 has to pass."""
    if isinstance(instance, int | float) and not isinstance(instance, bool):
        steps = instance / step
        if not math.isclose(steps, round(steps), abs_tol=1e-6):
            yield ValidationError(f"is not a multiple of {step}")


_Draft4: Final[Any] = extend(Draft4Validator, {"multipleOf": _multiple_of})  # type: ignore[no-untyped-call]


def _describe(error: ValidationError) -> str:
    where = "/".join(str(part) for part in error.absolute_path)
    match error.validator:
        case "required":
            required, present = cast("list[str]", error.validator_value), cast("dict[str, Any]", error.instance)
            missing = [name for name in required if name not in present]
            text = f"{', '.join(missing)} missing"
        case "type":
            text = f"must be of type {error.validator_value}"
        case "additionalProperties":
            text = "has a field that the action does not have"
        case "enum":
            text = "has a value that is not allowed"
        case keyword:
            text = f"violates {keyword} {error.validator_value}"
    return f"{where or 'payload'}: {text}"
