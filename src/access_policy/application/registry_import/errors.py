"""Refusals of a whole import. The plan's rows contain the errors of single rows."""

from __future__ import annotations

from collections.abc import Sequence

from access_policy.domain.errors import Conflict, Invalid, Unknown
from access_policy.domain.vehicle_registry.import_plan import RefusedRow


class ImportFileUnreadable(Invalid):
    """The file is not a readable table; the message says where and what to do."""

    code = "import-file-unreadable"


class ImportPlanUnknown(Unknown):
    code = "import-plan-not-found"


class RemovalsNotConfirmed(Conflict):
    code = "import-removals-not-confirmed"


class ImportRowsRefused(Conflict):
    """Rows prevent the plan from being applied; `names` is the field that identifies the vehicle or charger of each row."""

    def __init__(self, detail: str, rows: Sequence[RefusedRow], *, names: str = "vehicle_id") -> None:
        super().__init__(detail)
        self.rows = tuple(rows)
        self.names = names


class ImportPlanStale(ImportRowsRefused):
    """Vehicles of the plan have changed since it was made. Nothing was applied."""

    code = "import-plan-stale"


class ImportHasErrors(ImportRowsRefused):
    code = "import-has-errors"


class ImportFailed(ImportRowsRefused):
    """The plan was applied in part: others changed the vehicles of `rows` during the import."""

    code = "import-failed"


class EntriesNotInPlan(Invalid):
    """The caller names entries that the plan does not touch. Nothing was applied."""

    code = "import-entries-not-in-plan"
