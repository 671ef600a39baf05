"""Messages about a tenant that does not exist in the installation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Final, Protocol

from access_policy.entrypoints.cli.quoting import printable, segment

TENANTS: Final = "/v1/tenants"


class Installation(Protocol):
    """Requests with a token of the installation."""

    def find(self, path: str, **query: Any) -> Any: ...
    def pages(self, path: str, limit: int | None, **query: Any) -> Iterator[Any]: ...


def trouble_with(installation: Installation, tenant: str) -> str | None:
    """Say why the tenant cannot be used: it was erased, or other tenants exist but not this one. None if it can be
    used.

    The first tenant of an installation needs no record. A service that does not accept tokens of these keys refuses the
    command itself.
    """
    if installation.find(TENANTS, limit=1) is None:
        return None
    found = installation.find(f"{TENANTS}/{segment(tenant)}")
    if found is not None:
        erased_at = found["erased_at"]
        return None if erased_at is None else f"the tenant {printable(tenant)} was erased at {erased_at}"
    known = [each["tenant_id"] for each in installation.pages(TENANTS, None) if each["erased_at"] is None]
    return unknown_tenant(tenant, known) if known else None


def unknown_tenant(tenant: str, known: Sequence[str]) -> str:
    """Suggest the known tenant that was probably meant, or say how to create the one that was typed."""
    alike = get_close_matches(tenant, known, n=1)
    advice = (
        f"did you mean {printable(alike[0])}?"
        if alike
        else "see: access-policy tenants list; create it with: access-policy tenants create"
    )
    return f"there is no tenant {printable(tenant)}; {advice}"
