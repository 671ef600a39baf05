"""The pages of an import from a CSV file: plan, review (errors first, then removals, then changes), apply with progress.

Vehicles, chargers and the dispatch sheet have the same pages; `ImportPages` holds what differs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from fastapi.responses import HTMLResponse, Response

from access_policy.application.event_loop import cooperatively, release
from access_policy.application.registry_import.errors import ImportHasErrors, ImportRowsRefused, RemovalsNotConfirmed
from access_policy.application.registry_import.runs import ImportRuns
from access_policy.domain.vehicle_registry.import_plan import Action, ImportMode, PlannedFile, PlanRecord, PlanState
from access_policy.entrypoints.http.calls import Call
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Visit
from access_policy.entrypoints.http.v1.registry_imports import WAIT_S, ApplyBody

SHOWN_MAX: Final = 200  # rows of each action on the page
AT_A_TIME: Final = 500

Plan = Callable[[bytes, ImportMode], Awaitable[tuple[PlanRecord, PlannedFile]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPages:
    """What differs between the kinds of import. `subject` names what a row describes, such as `vehicle`, and `subjects`
    is its plural. `base` is the page that lists them, with the title `listed`; `path` is the page of the upload;
    `export` is the address of a file that imports without changes. `heading` names the upload. `missing` names the
    subjects that a complete file leaves out; `removing` and `removed` are the words for what the import does with them,
    and `warning` states the consequence. `about` says what cells mean. `key` is the name of the subject's id in the
    API's models, which `row_of` and `head_of` make; `body` is the request body that applies a plan. `href_of` returns
    the page of a row's subject. `profiles` are the names and titles of the profiles that a cell can have. `of_depot`: a
    file belongs to one depot."""

    subject: str
    subjects: str
    heading: str
    listed: str
    missing: str
    key: str
    base: str
    path: str
    export: str
    columns: str
    about: str
    removing: str
    removed: str
    warning: str
    row_of: Callable[[Any], Any]
    head_of: Callable[[PlanRecord], Any]
    href_of: Callable[[Any], str | None]
    body: type[ApplyBody] = ApplyBody
    profiles: tuple[tuple[str, str], ...] = ()
    of_depot: bool = False

    def upload(self, here: Visit, form: Form, *, status: int = HTTPStatus.OK) -> HTMLResponse:
        return here.page("import_upload.html", status=status, form=form, pages=self)

    def empty_upload(self, here: Visit) -> HTMLResponse:
        return self.upload(here, Form.of({"mode": ImportMode.MERGE.value}))

    async def planned(self, here: Visit, sent: Sent, plan: Plan) -> Response:
        try:
            uploaded = sent.files.get("file")
            if uploaded is None:
                raise invalid({"file": "Choose a CSV file."})
            mode = ImportMode(sent.text("mode") or ImportMode.MERGE)
            record, made = await plan(await uploaded.read(), mode)
            rows = list(made.rows)
            del made  # so that only the list holds the rows
            await release(rows)
        except REFUSALS as error:
            return self.upload(here, sent.refused(error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return here.done(here.url(f"{self.path}/{record.plan_id}"), "Planned. Nothing is changed until you apply it.")

    async def review(self, here: Visit, runs: ImportRuns[Any], plan_id: str) -> HTMLResponse:
        record = await runs.find(here.caller.tenant_id, plan_id)
        return await self._review(here, runs, record, Form.of({"confirm_removals": "", "partial": ""}))

    async def applied(self, here: Visit, call: Call, runs: ImportRuns[Any], plan_id: str, sent: Sent) -> Response:
        try:
            body = sent.body(self.body, numbers=("confirm_removals",), flags=("partial",), lists=("entries",))
            record = await runs.apply(call.context, plan_id, body.options(), wait_s=WAIT_S)
            if record.state is PlanState.APPLIED:
                await call.settled(await runs.log_position())
        except REFUSALS as error:
            record = await runs.find(here.caller.tenant_id, plan_id)
            return await self._review(here, runs, record, _refused(sent, error), refusal=error)
        said = "The import is applied." if record.state is PlanState.APPLIED else "The import is being applied."
        return here.done(here.url(f"{self.path}/{plan_id}"), said)

    async def _review(
        self, here: Visit, runs: ImportRuns[Any], record: PlanRecord, form: Form, *, refusal: Exception | None = None
    ) -> HTMLResponse:
        rows, guarded = await self._by_action(runs, record)
        return here.page(
            "import_plan.html",
            status=HTTPStatus.OK if refusal is None else HTTPStatus.UNPROCESSABLE_ENTITY,
            plan=self.head_of(record),
            rows=rows,
            guarded=guarded,
            form=form,
            refused_rows=refusal.rows if isinstance(refusal, ImportRowsRefused) else (),
            shown_max=SHOWN_MAX,
            pages=self,
        )

    async def _by_action(self, runs: ImportRuns[Any], record: PlanRecord) -> tuple[dict[str, list[Any]], list[Any]]:
        """Return the first rows of each action, and the first of those that a person must name. A plan may have
        hundreds of thousands."""
        rows = list(await runs.rows(record))
        found: defaultdict[str, list[Any]] = defaultdict(list)
        guarded: list[Any] = []
        async for row in cooperatively(rows, at_a_time=AT_A_TIME):
            if len(found[row.action.value]) < SHOWN_MAX:
                found[row.action.value].append(self.row_of(row))
            if getattr(row, "guard", None) is not None and len(guarded) < SHOWN_MAX:
                guarded.append(self.row_of(row))
        await release(rows)
        return {action.value: found[action.value] for action in Action}, guarded


def _refused(sent: Form, error: Exception) -> Form:
    match error:
        case ImportHasErrors():
            problem = "Some rows have errors: tick the box to leave them out, or correct the file and plan it again."
            return replace(sent, problem=problem)
        case RemovalsNotConfirmed():
            how_many = error.detail.split(";")[0]
            return sent.refused(invalid({"confirm_removals": f"{how_many}; if you mean this, enter their number."}))
        case _:
            return sent.refused(error)
