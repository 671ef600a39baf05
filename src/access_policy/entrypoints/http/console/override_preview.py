"""The preview of an override of many chargers: which would change, which have the mode already, which refuse, and which
other overrides it would win over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from access_policy.application.commands.override_many import OverriddenOne
from access_policy.application.commands.override_previews import OverrideEffect
from access_policy.domain.ids import OverrideId
from access_policy.domain.mode_schedule.differences import Difference
from access_policy.domain.mode_schedule.timeline import Override


@dataclass(frozen=True, slots=True)
class Alike:
    """Chargers whose mode would change in the same parts of the period."""

    charger_ids: list[str]
    changes: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Another override, and the chosen chargers that have it."""

    override: Override
    charger_ids: list[str]


@dataclass(frozen=True, slots=True)
class OverridePreview:
    changed: list[Alike] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    overtaken: list[Overtaken] = field(default_factory=list)
    refused: list[OverriddenOne] = field(default_factory=list)

    @property
    def number_changed(self) -> int:
        return sum(len(each.charger_ids) for each in self.changed)

    @property
    def number_taking(self) -> int:
        """The chargers that would have the override."""
        return self.number_changed + len(self.unchanged)


def preview_of(results: Iterable[OverriddenOne]) -> OverridePreview:
    shown = OverridePreview()
    alike: dict[tuple[object, ...], Alike] = {}
    others: dict[OverrideId, Overtaken] = {}
    for one in results:
        if one.effect is None:
            shown.refused.append(one)
            continue
        for each in one.effect.others:
            others.setdefault(each.override_id, Overtaken(each, [])).charger_ids.append(one.charger_id)
        if not one.effect.changes:
            shown.unchanged.append(one.charger_id)
            continue
        found = alike.setdefault(_modes(one.effect), Alike([], one.effect.changes))
        found.charger_ids.append(one.charger_id)
    shown.changed.extend(sorted(alike.values(), key=lambda each: -len(each.charger_ids)))
    shown.overtaken.extend(sorted(others.values(), key=lambda each: each.override.ends_at))
    return shown


def _modes(effect: OverrideEffect) -> tuple[object, ...]:
    return tuple((each.start, each.end, each.before.mode, each.after.mode) for each in effect.changes)
