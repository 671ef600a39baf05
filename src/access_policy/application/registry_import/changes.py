"""The changes of a plan row, column by column, in displayable form: identifiers are masked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from access_policy.application.registry_import.identifier_cells import KINDS
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.vehicle_registry.events import VehicleDescription
from access_policy.domain.vehicle_registry.import_plan import PlanRow

DESCRIBED = ("name", "access_class", "agreement_id", "valid_from", "valid_until")

Shown = str | list[str] | None


@dataclass(frozen=True, slots=True)
class Change:
    before: Shown
    after: Shown


def changes_of(row: PlanRow) -> dict[str, Change]:
    """Return the changes in the order of the columns."""
    before, after = described(row.before), described(row.description)
    changes = {
        column: Change(_shown(before[column]), _shown(after[column]))
        for column in DESCRIBED
        if before[column] != after[column]
    }
    has = [each.ref for each in row.identifiers]
    if set(row.had) != set(has):
        for column, kind in KINDS.items():
            change = Change(_masked(row.had, kind), _masked(has, kind))
            if {ref for ref in row.had if ref.kind is kind} != {ref for ref in has if ref.kind is kind}:
                changes[column] = change
    return changes


def described(description: VehicleDescription | None) -> dict[str, object]:
    """Return the values by column; all None if there is no description."""
    return {column: getattr(description, column, None) for column in DESCRIBED}


def _masked(refs: Iterable[IdentifierRef], kind: IdentifierKind) -> list[str]:
    return [ref.masked for ref in refs if ref.kind is kind]


def _shown(value: object) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return None if value is None else str(value)
