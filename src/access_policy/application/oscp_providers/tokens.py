"""Tokens of OSCP, which are sent without encoding."""

from __future__ import annotations

from typing import Final

from access_policy.application.partners.tokens import random_token

PREFIX: Final = "oscp_"
LENGTH_MAX: Final = 255  # characters of a provider's token


def new_token() -> str:
    return random_token(PREFIX)
