"""The preview of a change of a schedule: the week before and after, once for all chargers that have the same two weeks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from access_policy.application.commands.changed_one import ChangedOne
from access_policy.application.event_loop import cooperatively
from access_policy.application.what_if.recent import Counted
from access_policy.domain.mode_schedule.timeline import Timeline
from access_policy.entrypoints.http.console import pictures
from access_policy.entrypoints.http.console.here import Visit
from access_policy.entrypoints.http.console.pictures import Picture, Window
from access_policy.entrypoints.http.v1.schedule_models import AttemptsCounted

Modes = tuple[tuple[Any, Any, str], ...]


@dataclass(frozen=True, slots=True)
class Alike:
    """Chargers with the same week before and the same one after."""

    charger_ids: list[str]
    before: Picture
    after: Picture


@dataclass(frozen=True, slots=True)
class PreviewShown:
    window: Window
    ticks: list[pictures.Tick]
    clock_changes: list[tuple[float, str]]
    changed: list[Alike]
    unchanged: list[str] = field(default_factory=list)
    refused: list[ChangedOne] = field(default_factory=list)
    what_if: Counted | AttemptsCounted | None = None

    @property
    def number_changed(self) -> int:
        return sum(len(each.charger_ids) for each in self.changed)


def week_of(here: Visit) -> Window:
    """Return the seven days from today."""
    return Window.of(here.now.astimezone(here.zone).date(), 7, here.zone)


async def preview_of(
    here: Visit, window: Window, results: Iterable[ChangedOne], what_if: Counted | AttemptsCounted | None
) -> PreviewShown:
    shown = PreviewShown(window, pictures.ticks(window), pictures.clock_changes(window), [], what_if=what_if)
    alike: dict[tuple[Modes, Modes], Alike] = {}
    async for each in cooperatively(list(results)):
        if each.preview is None:
            shown.refused.append(each)
            continue
        before, after = _modes(each.preview.before), _modes(each.preview.after)
        if before == after:
            shown.unchanged.append(each.charger_id)
            continue
        if (before, after) not in alike:
            weeks = (each.preview.before, each.preview.after)
            drawn = [pictures.picture(window, week.segments, [], here.now) for week in weeks]
            alike[before, after] = Alike([], *drawn)
        alike[before, after].charger_ids.append(each.charger_id)
    shown.changed.extend(sorted(alike.values(), key=lambda each: (-len(each.charger_ids), each.charger_ids)))
    return shown


def _modes(week: Timeline) -> Modes:
    """Return the modes of a week without their causes, with neighbours of the same mode joined."""
    return tuple(_joined(week))


def _joined(week: Timeline) -> Iterator[tuple[Any, Any, str]]:
    held: tuple[Any, Any, str] | None = None
    for segment in week.segments:
        if held is not None and held[2] == segment.mode:
            held = (held[0], segment.end, held[2])
            continue
        if held is not None:
            yield held
        held = (segment.start, segment.end, segment.mode)
    if held is not None:
        yield held
