"""Tokens of OSCP, which are sent as they are."""

from __future__ import annotations

from typing import Final

from access_policy.application.partners.tokens import random_token

PREFIX: Final = "oscp_"
LENGTH_MAX: Final = 255  # characters of a token of a provider


def new_token() -> str:
    return random_token(PREFIX)
