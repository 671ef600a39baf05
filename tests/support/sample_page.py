"""A page with a form, as page modules of the console have them: it changes a depot's name and clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Request
from fastapi.responses import Response
from jinja2 import ChoiceLoader, DictLoader

from access_policy.application.commands.put_depot import PutDepot
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.ids import DepotId
from access_policy.entrypoints.http import console
from access_policy.entrypoints.http.auth import ADMINS
from access_policy.entrypoints.http.calls import Call
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.templating import environment
from access_policy.entrypoints.http.dependencies import Handler, Views, provided
from access_policy.entrypoints.http.v1.depots import DepotBody

PATH = "/console/sample/{depot_id}"
TEMPLATE = """
{% extends "layout.html" %}
{% import "forms.html" as f %}
{% block title %}Sample{% endblock %}
{% block content %}
<h1>{{ stored.name }}</h1>
{% call f.form(here, form, here.path) %}
{{ f.field(form, "name", "Name") }}
{{ f.field(form, "time_zone", "Time zone", help="An IANA name, such as Europe/Berlin.") }}
{{ f.submit("Save", back=here.url("/console/board")) }}
{% endcall %}
{% endblock %}
"""

router = pages_router()


async def _stored(here: Visit, views: Views, depot_id: str) -> dict[str, str | int]:
    row = await views.depot(here.caller.tenant_id, DepotId(depot_id))
    if row is None:
        raise DepotUnknown(f"There is no depot {depot_id}.")
    return {"name": row["name"], "time_zone": row["time_zone"], "version": row["version"]}


@router.get(PATH, dependencies=visitors(ADMINS))
async def sample(here: Here, views: Views, depot_id: str) -> Response:
    stored = await _stored(here, views, depot_id)
    values = {"name": str(stored["name"]), "time_zone": str(stored["time_zone"])}
    return here.page("sample.html", stored=stored, form=Form.of(values, int(stored["version"])))


@router.post(PATH, dependencies=visitors(ADMINS))
async def save(
    request: Request,
    here: Here,
    views: Views,
    depot_id: str,
    sent: Sent,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_depot)],
) -> Response:
    try:
        body = sent.body(DepotBody)
        command = PutDepot(depot_id=DepotId(depot_id), settings=body.settings(), expected_version=sent.version)
        await Call(request, Response(), here.caller)(handler, command)
    except REFUSALS as error:
        stored = await _stored(here, views, depot_id)
        values = {"name": str(stored["name"]), "time_zone": str(stored["time_zone"])}
        return here.page("sample.html", status=422, stored=stored, form=sent.refused(error, values))
    return here.done(here.url(f"/console/sample/{depot_id}"), f"{body.name} is saved.")


@contextmanager
def with_sample_page() -> Iterator[None]:
    """Applications made within the block have the page."""
    templates, routers = environment(), console.ROUTERS
    loader = templates.loader
    assert loader is not None
    templates.loader = ChoiceLoader([loader, DictLoader({"sample.html": TEMPLATE})])
    console.ROUTERS = (router, *routers)  # type: ignore[misc]  # before the page for addresses that lead nowhere
    try:
        yield
    finally:
        templates.loader, console.ROUTERS = loader, routers  # type: ignore[misc]
