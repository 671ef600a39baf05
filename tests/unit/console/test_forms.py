"""A form's fields as a body of the API, and its errors beside the fields."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from fastapi.exceptions import RequestValidationError

from access_policy.application.errors import VersionMismatch
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.entrypoints.http.console.forms import Form, invalid
from access_policy.entrypoints.http.v1.chargers import ChargerBody
from access_policy.entrypoints.http.v1.overrides import OverrideBody

BERLIN = ZoneInfo("Europe/Berlin")
OVERRIDE = {"csrf": "token", "version": "3", "was": "{}", "mode": "freevend", "reason": "Open house"}


def test_body_reads_local_times_on_the_depots_clock() -> None:
    form = Form(values={**OVERRIDE, "until": "2026-11-26T18:00", "from": ""})

    body = form.body(OverrideBody, instants=("until", "from"), zone=BERLIN)

    assert body.until is not None
    assert body.until.isoformat() == "2026-11-26T17:00:00+00:00"
    assert body.from_ is None


def test_body_has_numbers_where_the_page_says_so() -> None:
    values = {
        "charge_point_id": "CP",
        "depot_id": "north",
        "profile": "p",
        "baseline_mode": "managed",
        "connectors": "2",
    }

    assert Form(values=values).body(ChargerBody, numbers=("connectors",)).connectors == 2


def test_refused_body_has_its_error_beside_the_field_and_keeps_what_was_typed() -> None:
    form = Form(values={**OVERRIDE, "mode": "closed", "until": "2026-11-26T18:00"})

    with pytest.raises(RequestValidationError) as refused:
        form.body(OverrideBody, instants=("until",), zone=BERLIN)
    again = form.refused(refused.value)

    assert again.errors == {"mode": "Input should be 'freevend' or 'managed'"}
    assert again.values == form.values


def test_error_without_a_field_is_the_forms_own() -> None:
    form = Form(values=OVERRIDE)

    with pytest.raises(RequestValidationError) as refused:
        form.body(OverrideBody)

    assert form.refused(refused.value).problem == "give exactly one of until, for and until_next_transition"


def test_malformed_time_is_refused_at_its_field() -> None:
    form = Form(values={**OVERRIDE, "until": "six"})

    with pytest.raises(RequestValidationError) as refused:
        form.instant("until", BERLIN)

    assert list(form.refused(refused.value).errors) == ["until"]


def test_refusal_by_the_domain_is_shown() -> None:
    assert Form().refused(ChargerUnknown("There is no charger bay-9.")).problem == "There is no charger bay-9."
    assert Form(values={"name": ""}).refused(invalid({"name": "Enter a name."})).errors == {"name": "Enter a name."}


def test_overtaken_form_keeps_what_was_typed_and_takes_the_others_change_of_an_untouched_field() -> None:
    form = Form(values={"name": "Nights, mine", "start": "22:00"}, was={"name": "Nights", "start": "22:00"}, version=3)

    again = form.refused(VersionMismatch(expected=3, current=5), {"name": "Nights", "start": "21:00"})

    assert again.changed == {"start": "21:00"}
    assert (again.values, again.version) == ({"name": "Nights, mine", "start": "21:00"}, 5)
    assert again.refused(VersionMismatch(expected=5, current=6), {"name": "N", "start": "21:00"}).changed == {
        "name": "N"
    }


def test_other_errors_are_not_the_forms() -> None:
    with pytest.raises(KeyError):
        Form().refused(KeyError())
