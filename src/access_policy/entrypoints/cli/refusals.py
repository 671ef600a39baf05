"""The problem documents of the service (RFC 9457) in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from access_policy.entrypoints.cli.quoting import printable
from access_policy.entrypoints.cli.terms import in_terms

if TYPE_CHECKING:
    import httpx

LINES_MAX = 20
PROBLEM = "urn:access-policy:problem:"

_FIELD = re.compile(r"'([a-z_]+)'|\b([a-z]+_[a-z_]+)\b")
_ONE_OF = re.compile(r"(?<=one of )[a-z_]+(?:(?:, | and | or )[a-z_]+)+")
_WORD = re.compile(r"[a-z_]+")
_QUERY = re.compile(r"\?([a-z_]+)=")
_WORDS = {"send partial": "give --partial", "leave If-Match out": "leave --if-match out", "If-Match": "--if-match"}
_TIMES = ("/from", "/until")
_SEE = {
    "charger-not-found": "chargers list",
    "depot-not-found": "depots list",
    "vehicle-not-found": "vehicles list",
    "agreement-not-found": "agreements list",
    "agreement-unknown": "agreements list",
    "schedule-not-found": "schedules list",
    "holiday-calendar-not-found": "calendars list DEPOT",
    "holiday-calendar-unknown": "calendars list DEPOT",
    "mode-rule-not-found": "rules list CHARGER",
    "mode-exception-not-found": "exceptions list CHARGER",
    "override-not-found": "overrides CHARGER",
    "attempt-not-found": "attempts list",
    "session-not-found": "attempts list",
    "denied-identifier-not-found": "denied list",
    "ad-hoc-permission-not-found": "attempts allowed DEPOT",
    "profile-not-found": "profiles",
    "tenant-not-found": "tenants list",
}


def problem_in(response: httpx.Response, url: str) -> dict[str, Any]:
    """Return the problem document; a substitute if something other than the service answered."""
    import msgspec

    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        answered = f"{url} answered {response.status_code} {response.reason_phrase}"
        return {"detail": f"{answered}; check that it is the address of this service"}


def lines_of(problem: Mapping[str, Any], terms: Mapping[str, str]) -> list[str]:
    """Return the refusal and each invalid field, named by the option or argument that sets it."""
    detail = _in_words(str(problem.get("detail") or problem.get("title")), terms)
    more = []
    for each in problem.get("errors", []):
        term = in_terms(each["pointer"], terms)
        detail = detail.replace(f"{each['pointer']}: ", f"{term}: ", 1) if each["pointer"] else detail
        more.append(": ".join(filter(None, (term, _in_words(each["message"], terms)))))
    if (see := _SEE.get(str(problem.get("type")).removeprefix(PROBLEM))) is not None:
        more.append(f"see: access-policy {see}")
    return [printable(line) for line in [detail, *(each for each in more if detail not in each)][:LINES_MAX]]


def refused_times(problem: Mapping[str, Any]) -> bool:
    """Return whether the service refused the start or the end of a period, which may be in the past."""
    return any(each["pointer"] in _TIMES for each in problem.get("errors", []))


def _in_words(text: str, terms: Mapping[str, str]) -> str:
    """Replace the API's fields and headers that the text quotes with the command's options."""
    text = text.removeprefix("The body: ")
    text = _QUERY.sub(lambda query: terms.get(query[1], query[0]), text)
    text = _ONE_OF.sub(lambda fields: _WORD.sub(lambda field: terms.get(field[0], field[0]), fields[0]), text)
    text = _FIELD.sub(lambda field: terms.get(field[1] or field[2], field[0]), text)
    if "if_match" in terms or "partial" in terms:
        for name, word in _WORDS.items():
            text = text.replace(name, word)
    return text
