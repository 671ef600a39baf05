"""The form of an agreement: its fields, its hours row by row, and the API's body from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.domain.mode_schedule.recurrence import WEEKDAYS
from access_policy.entrypoints.http.console.forms import Form
from access_policy.entrypoints.http.console.vehicle_form import INSTANTS, Values, local_text
from access_policy.entrypoints.http.v1.agreements import Agreement, AgreementBody

ROWS_SPARE: Final = 1  # empty rows below the hours
ROWS_MAX: Final = 100
DAYS: Final = tuple(zip(WEEKDAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))
PARTS: Final = ("days", "start", "end")

Hours = list[dict[str, Any]]


def values_of(agreement: Agreement, zone: ZoneInfo) -> Values:
    hours: Hours = [{"days": each.days, "start": each.start[:5], "end": each.end[:5]} for each in agreement.hours]
    return {
        "name": agreement.name,
        "fleet": agreement.fleet,
        "valid_from": local_text(agreement.valid_from, zone),
        "valid_until": local_text(agreement.valid_until, zone),
        "charger_ids": "\n".join(sorted(agreement.charger_ids)),
        "depot_ids": sorted(agreement.depot_ids),
        "identifier_kinds": sorted(each.value for each in agreement.identifier_kinds),
        **_rows(hours),
    }


def tidied(sent: Form) -> Form:
    """Drop empty rows of hours, so that the index in an error is that of its row."""
    values: Values = {name: value for name, value in sent.values.items() if not name.startswith("hours/")}
    return replace(sent, values={**values, **_rows(hours_in(sent))})


def body_of(sent: Form, zone: ZoneInfo) -> AgreementBody:
    """Build the body. Raises `RequestValidationError`."""
    rows = [name for name in sent.values if name.startswith("hours/")]
    return sent.body(
        AgreementBody,
        lists=("depot_ids", "identifier_kinds"),
        instants=INSTANTS,
        zone=zone,
        ignored=(*rows, "charger_ids", "agreement_id"),
        charger_ids=sent.text("charger_ids").replace(",", " ").split(),
        hours=hours_in(sent),
    )


def rows_shown(form: Form) -> range:
    return range(min(len(hours_in(form)) + ROWS_SPARE, ROWS_MAX))


def hours_in(form: Form) -> Hours:
    """Return the rows with anything in them."""
    rows = (
        {
            "days": form.texts(f"hours/{index}/days"),
            "start": form.text(f"hours/{index}/start"),
            "end": form.text(f"hours/{index}/end"),
        }
        for index in range(ROWS_MAX)
    )
    return [row for row in rows if any(row.values())]


def _rows(hours: list[Mapping[str, Any]] | Hours) -> Values:
    return {f"hours/{index}/{part}": row[part] for index, row in enumerate(hours) for part in PARTS}
