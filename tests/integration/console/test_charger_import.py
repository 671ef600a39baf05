"""The import of chargers with its review, in Chromium."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, FilePayload, Page

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.demo.fleet import KEYED, UNSWITCHABLE
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots, visiting

IMPORT = "/console/charger-imports"
HEADER = "charger_id,charge_point_id,depot_id,profile,baseline_mode,enforcement,password\r\n"
MARKUP = "<b>new<b>"


async def plan(page: Page, rows: str, *, replace: bool = False) -> None:
    await page.get_by_label("CSV file").set_input_files(
        FilePayload(name="chargers.csv", mimeType="text/csv", buffer=(HEADER + rows).encode())
    )
    if replace:
        await page.get_by_label("are retired").check()
    await page.get_by_role("button", name="Plan the import").press("Enter")
    await page.get_by_role("heading", name="Review the import").wait_for()


async def test_charger_import_is_reviewed_errors_first_and_applied_without_them(visitor: Visitor) -> None:
    page = await visitor.open("/console/chargers")
    await page.get_by_role("button", name="Import").click()
    await page.get_by_role("heading", name="Import chargers").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "charger-import")
    new = f"{MARKUP},NY-imported,north-yard,ocpp16-central,managed,,very secret\r\n"
    wrong = "imp-2,NY-wrong,nowhere,ocpp16-central,managed,,\r\n"

    await plan(page, f"{new}{wrong}{UNSWITCHABLE.charger_id},,,,,observe,\r\n{KEYED.charger_id},,,,,,\r\n")

    headings = await page.locator("#content h2").all_inner_texts()
    assert headings == ["1 row with errors", "1 charger to change", "1 charger to add", "Apply"]
    assert "very secret" not in await page.content()
    await check_page(visitor, page)
    await screenshots(page, "charger-import-review")
    await page.get_by_role("button", name="Apply the import").click()
    await page.get_by_text("Some rows have errors").wait_for()
    visitor.errors.clear()  # the browser notes the status 422
    await page.get_by_label("Leave the rows with errors out").check()
    await page.get_by_role("button", name="Apply the import").click()
    await page.get_by_role("heading", name="Import applied").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "charger-import-applied")

    depot = visitor.depot
    assert (await depot.send("GET", f"/v1/chargers/{quote(MARKUP)}"))["charge_point_id"] == "NY-imported"
    assert (await depot.send("GET", f"/v1/chargers/{UNSWITCHABLE.charger_id}"))["enforcement"] == "observe"
    assert (await depot.client.get("/v1/chargers/imp-2")).status_code == 404
    stored = await depot.send("GET", f"/v1/chargers/{UNSWITCHABLE.charger_id}")
    kept = {name: stored[name] for name in ("charge_point_id", "depot_id", "profile", "baseline_mode")}
    await depot.send("PUT", f"/v1/chargers/{UNSWITCHABLE.charger_id}", kept | {"enforcement": "enforce"})
    await depot.send("DELETE", f"/v1/chargers/{quote(MARKUP)}")


async def test_charger_import_that_retires_many_is_refused_without_their_number(visitor: Visitor) -> None:
    in_service = [
        each["charger_id"]
        for each in (await visitor.depot.send("GET", "/v1/chargers?limit=200"))["items"]
        if each["retired_at"] is None
    ]
    page = await visitor.open(IMPORT)

    await plan(page, f"{KEYED.charger_id},,,,,,\r\n", replace=True)
    await page.get_by_role("heading", name=f"{len(in_service) - 1} chargers to retire").wait_for()
    await page.get_by_role("button", name="Apply the import").click()
    await page.get_by_text(f"{len(in_service) - 1} of {len(in_service)} chargers would be").wait_for()
    visitor.errors.clear()
    await check_page(visitor, page)
    await screenshots(page, "charger-import-removals")

    shown = await visitor.depot.send("GET", f"/v1/chargers/{UNSWITCHABLE.charger_id}")
    assert shown["retired_at"] is None


async def test_charger_import_shows_its_progress_and_its_end_by_itself(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    imports = visitor.depot.service.container.commands.charger_imports()
    applier, may_end = imports._applier, asyncio.Event()

    async def slowly(context: Any, record: Any, plan: Any, options: Any, progress: Any) -> Any:
        progress(1, 2)
        await may_end.wait()
        return await applier(context, record, plan, options, progress)

    monkeypatch.setattr(imports, "_applier", slowly)
    page = await visitor.open(IMPORT)
    await plan(page, f"{UNSWITCHABLE.charger_id},,,,freevend,observe,\r\n")
    await page.get_by_role("button", name="Apply the import").click()
    await page.get_by_text("1 of 2 rows are applied.").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "charger-import-progress")

    may_end.set()

    await page.get_by_role("heading", name="Import applied").wait_for()
    stored = await visitor.depot.send("GET", f"/v1/chargers/{UNSWITCHABLE.charger_id}")
    assert stored["enforcement"] == "observe"
    kept = {name: stored[name] for name in ("charge_point_id", "depot_id", "profile", "baseline_mode")}
    await visitor.depot.send("PUT", f"/v1/chargers/{UNSWITCHABLE.charger_id}", kept | {"enforcement": "enforce"})


@pytest.mark.parametrize(("role", "depots"), [(Role.OPERATOR, None), (Role.VIEWER, None), (Role.ADMIN, ["north-yard"])])
async def test_charger_import_is_for_admins_of_all_depots(
    browser: Browser, depot: ServedDepot, role: Role, depots: list[str] | None
) -> None:
    async with visiting(browser, depot, role=None) as visitor:
        link = await depot.sign_in_link(role, depots=depots)
        page = await visitor.open(link.removeprefix(depot.url))
        await page.goto(f"{depot.url}/console/chargers")
        assert await page.get_by_role("button", name="Import").count() == 0

        answer = await page.goto(depot.url + IMPORT)

        assert answer is not None
        assert answer.status == 403
