"""Why a command on a charger's policy is refused."""

from __future__ import annotations

from typing import Self

from access_policy.domain.errors import Conflict, Invalid, Unknown
from access_policy.domain.ids import ID_LENGTH_MAX


class ChargerUnknown(Unknown):
    code = "charger-not-found"

    @classmethod
    def named(cls, charger_id: str) -> Self:
        """Return the refusal of a command that names this charger."""
        return cls(f"There is no charger {charger_id[:ID_LENGTH_MAX]}.")


class ChargerRetired(Conflict):
    code = "charger-retired"


class IdTaken(Conflict):
    """The id of a new rule, exception or override is already used at this charger."""

    code = "id-taken"


class RuleUnknown(Unknown):
    code = "mode-rule-not-found"


class ExceptionUnknown(Unknown):
    code = "mode-exception-not-found"


class OverrideUnknown(Unknown):
    code = "override-not-found"


class ExceptionInvalid(Invalid):
    code = "mode-exception-invalid"


class CalendarUnknown(Invalid):
    """A rule or an exception names a holiday calendar that the charger's depot does not have."""

    code = "holiday-calendar-unknown"


class CalendarInUse(Conflict):
    code = "holiday-calendar-in-use"


class RuleOfSchedule(Conflict):
    """A command names a rule that the charger has from a schedule, which alone can amend it."""

    code = "mode-rule-of-schedule"


class ScheduleElsewhere(Conflict):
    """The schedule belongs to another depot; a charger can follow only schedules of its own depot."""

    code = "schedule-of-another-depot"


class OverrideInvalid(Invalid):
    code = "override-invalid"


class OverrideInThePast(Invalid):
    code = "override-in-the-past"


class OverrideTooLong(Invalid):
    code = "override-too-long"


class NoNextTransition(Invalid):
    code = "no-next-transition"


class TooManyRules(Conflict):
    code = "too-many-mode-rules"


class SettingsInvalid(Invalid):
    code = "charger-invalid"


class ProfileNotThere(SettingsInvalid):
    """The settings name a capability profile that does not exist."""

    names_unknown = True
