"""Imports of files over the API: plan, show, confirm, apply and wait; and exports."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from access_policy.application.changes_in_words import change_in_words
from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.printing import Column, document, done, field, shown, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

ROWS_SHOWN = 50
POLL_EVERY_S = 0.5
_GUARDED = {"ad_hoc": "made or changed by hand", "begun": "has begun"}


@dataclass(frozen=True, slots=True)
class Imported:
    """A kind of import. `path` is its path in the API, `command` its group of commands, `subject` the word for one
    imported thing.

    `remove`: the verb for what happens to a subject that a complete file leaves out. `exported`: the content of an
    export. `named_by`: the field by which people know a row, if it is not the subject's id.
    """

    path: str
    command: str
    subject: str
    remove: str
    exported: str
    named_by: str | None = None


def plan_file(
    session: Session,
    of: Imported,
    file: Path,
    *,
    replace: bool,
    apply: bool,
    partial: bool,
    confirm_removals: int | None,
    depot_id: str | None = None,
    entries: Sequence[str] = (),
) -> None:
    """Plan an import and show it; apply it at once with `apply`, or after confirmation at a terminal."""
    mode = "replace" if replace else "merge"
    query = {"mode": mode} if depot_id is None else {"mode": mode, "depot_id": depot_id}
    plan = session.command("POST", f"{of.path}/imports", file=file.read_bytes(), file_type="text/csv", **query)
    if not apply and (session.as_json or not sys.stdin.isatty()):
        show_plan(session, of, plan)
        if not session.as_json:
            session.err.print(
                f"nothing has changed yet; apply the plan with: access-policy {of.command} apply {plan['plan_id']}"
            )
        return
    if not session.as_json:
        show_plan(session, of, plan)
    if not apply:
        confirm_removals = _confirmed(session, of, plan, partial, confirm_removals)
    apply_plan(session, of, plan["plan_id"], partial, confirm_removals, entries)


def _confirmed(session: Session, of: Imported, plan: Any, partial: bool, confirm_removals: int | None) -> int | None:
    """Ask for confirmation. Return the confirmed number of removals, if any; end the command otherwise."""
    counts = plan["counts"]
    if counts["error"] and not partial:
        session.refuse("nothing has changed; correct the rows with errors, or skip them with --partial")
    if not counts["add"] + counts["change"] + counts["remove"]:
        raise typer.Exit(0)
    if not typer.confirm("Apply this plan?", err=True):
        session.err.print("nothing has changed")
        raise typer.Exit(0)
    if plan.get("confirm_removals") and confirm_removals is None:
        entered: int = typer.prompt(f"Many {of.subject}s would be removed. Enter their number", type=int, err=True)
        return entered
    return confirm_removals


def apply_plan(
    session: Session,
    of: Imported,
    plan_id: str,
    partial: bool,
    confirm_removals: int | None,
    entries: Sequence[str] = (),
) -> None:
    path = f"{of.path}/imports/{segment(plan_id)}"
    body: dict[str, Any] = {"partial": partial}
    if confirm_removals is not None:
        body["confirm_removals"] = confirm_removals
    if entries:
        body["entries"] = list(entries)
    answer = session.command("POST", f"{path}/apply", body)
    from rich.progress import Progress

    with Progress(
        console=session.err, transient=True, disable=session.as_json or not session.err.is_terminal
    ) as progress:
        task = progress.add_task("Applying", total=answer["of"], completed=answer["done"])
        while _is_running(answer):
            time.sleep(POLL_EVERY_S)
            answer = session.get(path, rows="false")
            if answer["state"] == "planned" and answer["error"] is None:  # another process has it queued, or crashed
                answer = session.command("POST", f"{path}/apply", body)
            progress.update(task, total=answer["of"], completed=answer["done"])
    if answer["state"] != "applied":
        session.refuse(f"the import is {answer['state']}: {answer['error'] or 'see its plan'}")
    applied, left_out = answer["result"]["applied"], answer["result"].get("left_out") or []
    for row in left_out:
        session.err.print(f"not applied: {row[of.subject + '_id'] or ''} {row['message']}", markup=False)
    done(
        session,
        answer,
        "applied: " + (", ".join(f"{count} {action}" for action, count in applied.items()) or "nothing"),
    )


def _is_running(answer: Any) -> bool:
    return answer["state"] == "applying" or (answer["state"] == "planned" and answer["error"] is None)


def show_plan(session: Session, of: Imported, plan: Any) -> None:
    if document(session, plan):
        return
    counts = ", ".join(f"{count} {action}" for action, count in plan["counts"].items() if count) or "no rows"
    session.out.print(f"plan {plan['plan_id']}: {counts}", markup=False)
    changing = [row for row in plan["rows"] if row["action"] != "unchanged" or row.get("warnings")]
    changing.sort(key=lambda row: row["action"] != "error")
    layout: list[Column] = [
        ("line", field("line")),
        ("action", field("action")),
        (of.subject, field(of.named_by or f"{of.subject}_id")),
        ("what", _what),
    ]
    table(session, changing[:ROWS_SHOWN], layout, nothing="nothing would change")
    if len(changing) > ROWS_SHOWN:
        session.out.print(f"… and {counted(len(changing) - ROWS_SHOWN, 'more row')}; --json shows all of them")
    if plan.get("confirm_removals"):
        session.err.print(
            f"many {of.subject}s would be removed; confirm with --confirm-removals {plan['confirm_removals']}"
        )


def _what(row: Any) -> str:
    if row["errors"]:
        return _said(row["errors"])
    changes = row["changes"] or {}
    words = [
        change_in_words(name, shown(change.get("before")), shown(change.get("after")))
        for name, change in changes.items()
    ]
    if row.get("guard"):
        words.append(f"{_GUARDED[row['guard']]}: only with --entry {row['reservation_id']}")
    if row.get("warnings"):
        words.append(f"note: {_said(row['warnings'])}")
    return "; ".join(words)


def _said(remarks: Any) -> str:
    return "; ".join(f"{each['column']}: {each['message']}" for each in remarks)
