"""Print the changes that a command for many chargers made, or would make, at each of them."""

from __future__ import annotations

from typing import Any

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.printing import document, local
from access_policy.entrypoints.cli.session import Session

CHANGES_SHOWN = 5


def results(session: Session, answer: Any) -> None:
    """Print one line per charger of a command for many chargers. Exit with 1 if any refused."""
    if document(session, answer):
        return
    for each in answer["results"]:
        problem = each.get("problem")
        text = problem["detail"] if problem else _changes(session, each) or each.get("rule_id") or "unchanged"
        session.out.print(f"{each['charger_id']}: {text}{_others(session, each)}", markup=False)
    if any(each.get("problem") for each in answer["results"]):
        raise typer.Exit(1)


def _changes(session: Session, each: Any) -> str:
    """Describe the changes that a dry run found, or the number of changes made."""
    if "changes" not in each:
        count = each.get("change_count")
        return "" if count is None else counted(count, "change")
    zone = session.zone(each["time_zone"])
    changes = [
        f"{local(change['start'], zone)} to {local(change['end'], zone)}: "
        f"{change['before']['mode']} becomes {change['after']['mode']}"
        for change in each["changes"]
        if change["before"]["mode"] != change["after"]["mode"]
    ]
    more = [f"and {len(changes) - CHANGES_SHOWN} more"] if len(changes) > CHANGES_SHOWN else []
    return "\n  ".join(["would change", *changes[:CHANGES_SHOWN], *more]) if changes else "would change no mode"


def _others(session: Session, each: Any) -> str:
    """Name the overrides that a dry run of an override found in its period."""
    zone = session.zone(each.get("time_zone"))
    found = [
        f"\n  wins over {other['mode']} until {local(other['until'], zone)}, by {other['made_by']}: {other['reason']}"
        for other in each.get("other_overrides", ())
    ]
    return "".join(found)
