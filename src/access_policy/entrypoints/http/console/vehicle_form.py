"""The form of a vehicle: its fields, its identifiers row by row, and the API's body from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.entrypoints.http.console.forms import Form
from access_policy.entrypoints.http.v1.vehicle_models import Vehicle, VehicleBody

Values = dict[str, str | list[str]]

ROWS_SPARE: Final = 2  # empty rows below the identifiers
ROWS_MAX: Final = 200
INSTANTS: Final = ("valid_from", "valid_until")


def local_text(at: datetime | None, zone: ZoneInfo) -> str:
    """Return the local time for an input of type `datetime-local`; empty for None."""
    if at is None:
        return ""
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%dT%H:%M:%S}" if local.second else f"{local:%Y-%m-%dT%H:%M}"


def values_of(vehicle: Vehicle, zone: ZoneInfo) -> Values:
    """Return the values of the form. Identifiers without a readable value, such as PINs, are left out."""
    values: Values = {
        "name": vehicle.name,
        "access_class": vehicle.access_class.value,
        "agreement_id": vehicle.agreement_id or "",
        "valid_from": local_text(vehicle.valid_from, zone),
        "valid_until": local_text(vehicle.valid_until, zone),
    }
    shown = [(each.kind.value, each.value or "") for each in vehicle.identifiers if _has_value(each)]
    return {**values, **_rows(shown)}


def unseen(vehicle: Vehicle) -> list[str]:
    """Return the identifiers that the form cannot show."""
    return [f"{each.kind.value} {each.masked}" for each in vehicle.identifiers if not _has_value(each)]


def tidied(sent: Form) -> Form:
    """Drop empty rows of identifiers, so that the index in an error is that of its row, and the agreement of an own
    vehicle."""
    values: Values = {name: value for name, value in sent.values.items() if not name.startswith("identifiers/")}
    if sent.text("access_class") == AccessClass.OWN:
        values["agreement_id"] = ""
    return replace(sent, values={**values, **_rows(identifiers_in(sent.values))})


def rows_shown(form: Form) -> range:
    return range(min(len(identifiers_in(form.values)) + ROWS_SPARE, ROWS_MAX))


def body_of(sent: Form, zone: ZoneInfo) -> VehicleBody:
    """Build the body. If no identifier was changed, all stay as they are, including the unseen ones. Raises
    `RequestValidationError`."""
    rows = identifiers_in(sent.values)
    untouched = sent.was and rows == identifiers_in(sent.was)
    identifiers: Any = None if untouched else [{"kind": kind, "value": value} for kind, value in rows]
    plain = [name for name in sent.values if name.startswith("identifiers/")]
    return sent.body(VehicleBody, instants=INSTANTS, zone=zone, ignored=(*plain, "vehicle_id"), identifiers=identifiers)


def identifiers_in(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(kind, value) for kind, value in _all_rows(values) if value]


def _all_rows(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for index in range(ROWS_MAX):
        value = values.get(f"identifiers/{index}/value")
        if value is None:
            return
        yield str(values.get(f"identifiers/{index}/kind", "")), str(value).strip()


def _rows(identifiers: list[tuple[str, str]]) -> Values:
    found: Values = {}
    for index, (kind, value) in enumerate(identifiers):
        found[f"identifiers/{index}/kind"] = kind
        found[f"identifiers/{index}/value"] = value
    return found


def _has_value(identifier: Any) -> bool:
    return "value" in identifier.model_fields_set and identifier.value is not None
