"""Claims of tokens, whoever signed them."""

from __future__ import annotations

from access_policy.application.ports.identity import DepotScope, TokenRefused
from access_policy.domain.errors import Refused
from access_policy.domain.ids import DepotId, checked_id


def names_of(claim: object) -> list[str]:
    """Return the names in a claim: a list of strings, or one string with spaces between the names. Raises `TokenRefused`
    otherwise.
    """
    if isinstance(claim, str):
        return claim.split()
    if not isinstance(claim, list) or not all(isinstance(each, str) for each in claim):
        raise TokenRefused("a claim that is neither a list of strings nor a string")
    return claim


def depots_of(claim: object) -> DepotScope:
    """Return the depots that the claim names, or None without the claim. Raises `TokenRefused`."""
    if claim is None:
        return None
    try:
        return frozenset(DepotId(checked_id(each, "depot")) for each in names_of(claim))
    except Refused as refusal:
        raise TokenRefused(refusal.detail) from refusal
