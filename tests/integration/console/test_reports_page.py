"""The reports, in Chromium."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.console_pages import Visitor, check_page, screenshots

NORTH = "depot_id=north-yard"


@pytest.mark.parametrize("by", ["day", "hour", "weekday"])
async def test_reports_page_shows_the_numbers_of_the_api(visitor: Visitor, by: str) -> None:
    page = await visitor.open(f"/console/reports?{NORTH}&by={by}")
    period = "from=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z"
    rows = (await visitor.depot.send("GET", f"/v1/reports/access?{period}&group_by=decision&{NORTH}"))["rows"]
    denied = sum(row["denied"] for row in rows)

    figures = await page.locator("dl.figures dd").all_inner_texts()
    assert figures[:3] == [str(sum(row[name] for row in rows)) for name in ("attempts", "allowed", "denied")]
    assert denied > 0
    assert f"{denied} denied" in (await page.locator("#attempts-chart-desc").text_content() or "")
    assert await page.locator(".column-chart .part-denied").count() >= 1
    assert "Unknown identifier" in await page.locator("section[aria-labelledby=denials]").inner_text()
    await check_page(visitor, page)
    await screenshots(page, f"reports-{by}")


async def test_reports_page_offers_files_with_the_same_filters(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/reports?{NORTH}&charger_id=bay-2")

    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download access by reason and decision as CSV").click()
    download = await downloading.value
    content = (await download.path()).read_text("utf-8-sig")

    rows = list(csv.DictReader(io.StringIO(content)))
    figures = await page.locator("dl.figures dd").all_inner_texts()
    assert download.suggested_filename.startswith("access-20")
    assert str(sum(int(row["denied"]) for row in rows)) == figures[2]


async def test_reports_page_of_a_period_without_attempts_says_what_to_do(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/reports?{NORTH}&from=2020-01-01&until=2020-01-31")

    assert "No attempts in this period" in await page.locator(".empty").inner_text()
    await check_page(visitor, page)


async def test_reports_page_opens_from_the_navigation_and_keeps_the_filters_in_its_links(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/board?{NORTH}")

    await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Reports").click()
    await page.get_by_label("Agreement", exact=True).fill("guests")
    await page.get_by_role("button", name="Show").click()
    await page.get_by_role("link", name="30 days").click()

    await page.wait_for_url("**agreement_id=guests*")
    assert "as the partner sees them" in await page.locator(".said").inner_text()


async def test_reports_page_counts_reservations_as_the_api_does(visitor: Visitor) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    body = {
        "depot_id": "north-yard",
        "charger_id": "bay-3",
        "holder": {"identifiers": [{"kind": "rfid", "value": "04AAAAAAAABBBB"}]},
        "start": (now - timedelta(minutes=2)).isoformat(),
        "end": (now + timedelta(minutes=5)).isoformat(),
    }
    made = await visitor.depot.send("POST", "/v1/reservations", body)
    period = "from=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z"
    rows = (await visitor.depot.send("GET", f"/v1/reports/reservations?{period}&group_by=source&{NORTH}"))["rows"]
    # Other tests have made reservations for tomorrow.
    around = f"from={now - timedelta(days=30):%Y-%m-%d}&until={now + timedelta(days=30):%Y-%m-%d}"
    page = await visitor.open(f"/console/reports?{NORTH}&{around}")
    section = page.locator("section[aria-labelledby=reservations]")

    counted = sum(row["reservations"] for row in rows)
    assert f"Of {counted} reservation" in await section.inner_text()
    assert "Made by hand" in await section.locator("table.compact").inner_text()
    assert await section.locator(".column-chart .part-managed").count() == 1
    await check_page(visitor, page)
    await screenshots(page, "reports-reservations")
    async with page.expect_download() as downloading:
        await section.get_by_role("link", name="as CSV").click()
    rows_of_file = list(csv.DictReader(io.StringIO((await (await downloading.value).path()).read_text("utf-8-sig"))))
    assert sum(int(row["reservations"]) for row in rows_of_file) == counted
    await visitor.depot.send("DELETE", f"/v1/reservations/{made['reservation_id']}?reason=over")

    await page.goto(f"{visitor.depot.url}/console/reports?{NORTH}&vehicle_id=bus-101")
    assert await section.count() == 0
