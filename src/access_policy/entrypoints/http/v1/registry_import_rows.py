"""Response models of the rows of an import's plan."""

from __future__ import annotations

from access_policy.application.registry_import.changes import changes_of
from access_policy.domain.vehicle_registry.import_plan import Action, PlanRow
from access_policy.entrypoints.http.fields import ResponseModel


class RegistryImportChange(ResponseModel):
    """The values before and after. Identifiers are lists of masked values."""

    before: str | list[str] | None
    after: str | list[str] | None


class RegistryImportError(ResponseModel):
    column: str | None
    message: str


class RegistryImportRow(ResponseModel):
    """A row of a plan. `line` is null for a vehicle that is not in the file."""

    line: int | None
    action: Action
    vehicle_id: str | None
    changes: dict[str, RegistryImportChange]
    errors: list[RegistryImportError]

    @classmethod
    def of(cls, row: PlanRow) -> RegistryImportRow:
        return cls(
            line=row.line,
            action=row.action,
            vehicle_id=row.vehicle_id,
            changes={
                column: RegistryImportChange(before=change.before, after=change.after)
                for column, change in changes_of(row).items()
            },
            errors=[RegistryImportError(column=error.column, message=error.message) for error in row.errors],
        )
