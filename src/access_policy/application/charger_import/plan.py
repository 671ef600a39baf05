"""A planned import of chargers: the command of each row, and the charger's version against which it was planned."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands.put_charger import PutCharger
from access_policy.domain.ids import ChargerId
from access_policy.domain.vehicle_registry.import_plan import TOUCHING, Action, CellError, PlannedFile

PLAN_IDS = "chargers-"  # the prefix of the ids of charger plans


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """Values in displayable form: a password is masked. `before` is None for a new charger, `after` for a removed one."""

    column: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerPlanRow:
    """`base_version` is the charger's version at planning, 0 for a new one. Applying runs `command`, or retires the
    charger. `takes_from` is the charger that releases the charge point id that this one takes. `line` is None for a
    charger that is not in the file."""

    line: int | None
    action: Action
    charger_id: ChargerId | None
    base_version: int = 0
    command: PutCharger | None = None
    takes_from: ChargerId | None = None
    changes: tuple[ColumnChange, ...] = ()
    errors: tuple[CellError, ...] = ()

    @property
    def subject(self) -> str | None:
        return self.charger_id

    @property
    def touched(self) -> ChargerId | None:
        """The charger that the row changes."""
        return self.charger_id if self.action in TOUCHING else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerImportPlan(PlannedFile):
    rows: tuple[ChargerPlanRow, ...]
