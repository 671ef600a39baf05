"""The encryption of records' contents, so that a copy of the database does not reveal tokens, plates and URLs."""

from __future__ import annotations

import os
from typing import Any, Final, Generic, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from access_policy.adapters.secrets.key_files import derived_key
from access_policy.application.ports.event_store import StoreUnavailable

NONCE_BYTES: Final = 12

Content = TypeVar("Content")


class Sealing(Generic[Content]):
    """Values of one type, encrypted with the installation's key for this `purpose` and bound to the ids of their row."""

    def __init__(self, master_key: bytes, of: type[Content], purpose: str) -> None:
        self._cipher = AESGCM(derived_key(master_key, purpose))
        self._decoder = msgspec.json.Decoder(of)
        self._kind = of.__name__

    def seal(self, content: Content, *ids: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, msgspec.json.encode(content), self._bound_to(ids))

    def open(self, sealed: Any, *ids: str) -> Content:
        """Decrypt the content. Raises `StoreUnavailable`."""
        try:
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._bound_to(ids))
            return self._decoder.decode(plain)
        except (InvalidTag, msgspec.DecodeError) as error:
            raise StoreUnavailable(
                f"{self._kind} {'/'.join(ids[1:])} cannot be read with this installation's keys; restore them from your "
                "backup"
            ) from error

    def _bound_to(self, ids: tuple[str, ...]) -> bytes:
        return "\0".join((self._kind, *ids)).encode()
