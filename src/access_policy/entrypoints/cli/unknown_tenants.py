"""Sentences about a tenant that the installation does not have."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from access_policy.entrypoints.cli.quoting import printable


def unknown_tenant(tenant: str, known: Sequence[str]) -> str:
    """Name the known tenant that was probably meant, or say how to create the one that was typed."""
    alike = get_close_matches(tenant, known, n=1)
    advice = (
        f"did you mean {printable(alike[0])}?"
        if alike
        else "see: access-policy tenants list; create it with: access-policy tenants create"
    )
    return f"there is no tenant {printable(tenant)}; {advice}"
