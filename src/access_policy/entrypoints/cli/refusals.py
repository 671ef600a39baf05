"""The problem documents of the service (RFC 9457) in the words of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from access_policy.entrypoints.cli.quoting import printable
from access_policy.entrypoints.cli.terms import in_terms

if TYPE_CHECKING:
    import httpx

LINES_MAX = 20


def problem_in(response: httpx.Response, url: str) -> dict[str, Any]:
    """Return the problem document; a substitute if something else than the service answered."""
    import msgspec

    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        answered = f"{url} answered {response.status_code} {response.reason_phrase}"
        return {"detail": f"{answered}; check that it is the address of this service"}


def lines_of(problem: Mapping[str, Any], terms: Mapping[str, str]) -> list[str]:
    """Return the refusal and each invalid field, named by the option or argument that fills it."""
    detail = str(problem.get("detail") or problem.get("title"))
    more = []
    for each in problem.get("errors", []):
        term = in_terms(each["pointer"], terms)
        detail = detail.replace(f"{each['pointer']}: ", f"{term}: ", 1) if each["pointer"] else detail
        more.append(": ".join(filter(None, (term, each["message"]))))
    return [printable(line) for line in [detail, *(each for each in more if detail not in each)][:LINES_MAX]]
