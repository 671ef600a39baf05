"""All kinds of bearer tokens that an installation accepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from access_policy.adapters.identity.embedded import EmbeddedTokens
from access_policy.application.ports.identity import BearerTokens, Identity, TokenRefused


class AcceptedTokens:
    """Verifies each token by the first of `kinds` that recognises it. A kind is created only when the kinds before it do not
    recognise the token, because some open tables.
    """

    def __init__(self, kinds: Sequence[Callable[[], BearerTokens]]) -> None:
        self._kinds = tuple(kinds)

    async def verify(self, token: str, *, is_use: bool = True) -> Identity:
        """Like `BearerTokens.verify`. Raises `TokenRefused`, including for a token of no known kind."""
        for made in self._kinds:
            kind = made()
            if kind.recognises(token):
                return await kind.verify(token, is_use=is_use)
        raise TokenRefused("a token of no known kind")


class EmbeddedBearerTokens:
    """The tokens that the embedded key signs."""

    def __init__(self, tokens: EmbeddedTokens) -> None:
        self._tokens = tokens

    def recognises(self, token: str) -> bool:
        return is_jwt(token)

    async def verify(self, token: str, *, is_use: bool = True) -> Identity:
        return self._tokens.verify(token)


def is_jwt(token: str) -> bool:
    """Tell whether the token has the three parts of a signed JWT (RFC 7515, 7.1)."""
    return token.count(".") == 2
