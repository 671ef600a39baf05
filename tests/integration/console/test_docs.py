"""`/docs`: the API's document in Swagger UI."""

from __future__ import annotations

import asyncio

from tests.support.console_pages import WAIT_MS, Visitor

# Notes each path of the document that Swagger UI wants resolved, in place of resolving it, which reads the whole document. The
# promise is kept with the first one: the page's policy forbids Playwright to evaluate a condition again and again.
NOTING_WHAT_IS_RESOLVED = """
window.resolved = [];
let isResolved;
window.firstResolved = new Promise((resolved) => { isResolved = resolved; });
const noting = () => ({ fn: { resolveSubtree: async (document, path) => {
  window.resolved.push(path.join("/"));
  isResolved();
  return { errors: [], spec: {} };
} } });
let bundle;
Object.defineProperty(window, "SwaggerUIBundle", {
  get: () => bundle && ((options) => bundle({ ...options, plugins: [...(options.plugins || []), noting] })),
  set: (made) => { bundle = made; },
});
"""


async def test_document_of_the_api_is_shown_without_other_hosts(visitor: Visitor) -> None:
    page = await visitor.open("/docs")

    await page.get_by_role("heading", name="access_policy").wait_for()
    await page.get_by_role("button", name="Authorize").wait_for()
    assert visitor.errors == []
    assert visitor.requested.count(f"{visitor.depot.url}/openapi.json") == 1, (
        "the page uses what it has asked for beforehand"
    )


async def test_document_of_the_api_is_resolved_only_for_an_operation_that_is_opened(lone_visitor: Visitor) -> None:
    await lone_visitor.context.add_init_script(NOTING_WHAT_IS_RESOLVED)
    page = await lone_visitor.open("/docs#/depots/put_depot")

    async with asyncio.timeout(WAIT_MS / 1_000):
        await page.evaluate("window.firstResolved")

    assert set(await page.evaluate("window.resolved")) == {"paths//v1/depots/{depot_id}/put"}
