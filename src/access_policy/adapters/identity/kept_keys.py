"""The issuer's signing keys in a file. If the issuer is unreachable at a start, tokens are verified by its last known keys.

The file is bound to its issuer and to this installation by an HMAC, so write access to the file is not enough to add a key.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from access_policy.adapters.identity.issuer import SigningKey, SigningKeys
from access_policy.adapters.secrets.key_files import derived_key
from access_policy.application.ports.clock import Clock

log = logging.getLogger(__name__)

FILE: Final = "issuer-keys.json"
KEPT_MAX: Final = timedelta(hours=24)


class _Key(msgspec.Struct, frozen=True):
    kid: str
    public: bytes  # DER
    algorithms: list[str]


class _Kept(msgspec.Struct, frozen=True):
    issuer: str
    fetched_at: datetime
    keys: list[_Key]


class _Sealed(msgspec.Struct, frozen=True):
    seal: str
    kept: msgspec.Raw


class KeptKeys:
    """The file of the keys. All methods block for a moment. `master_key` is a key of the installation."""

    def __init__(self, file: Path, issuer: str, master_key: bytes, clock: Clock) -> None:
        self._file = file
        self._issuer = issuer
        self._seal_key = derived_key(master_key, "keys of the issuer")
        self._clock = clock

    def put(self, keys: SigningKeys) -> None:
        """Replace the kept keys. A failure is only logged, because the keys in memory do not depend on the file."""
        described = [
            _Key(kid, each.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), sorted(each.algorithms))
            for kid, each in keys.items()
        ]
        kept = msgspec.json.encode(_Kept(self._issuer, self._clock.now(), described))
        try:
            self._replace(msgspec.json.encode(_Sealed(self._seal(kept), msgspec.Raw(kept))))
        except OSError as error:
            log.warning("the issuer's keys are not kept for the next start: %s", error)

    def find(self) -> tuple[SigningKeys, timedelta] | None:
        """Return the keys and how long they may still be used; None if the file has no usable keys of this issuer."""
        try:
            stored = msgspec.json.decode(self._file.read_bytes(), type=_Sealed)
            if not hmac.compare_digest(stored.seal.encode(), self._seal(bytes(stored.kept)).encode()):
                raise ValueError("it was not written by this installation")
            kept = msgspec.json.decode(stored.kept, type=_Kept)
            age = self._clock.now() - kept.fetched_at
            if kept.issuer != self._issuer or not timedelta(0) <= age < KEPT_MAX:
                return None
            return {each.kid: _signing_key(each) for each in kept.keys}, KEPT_MAX - age
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("the issuer's keys in %s are not used: %s", self._file, error)
            return None

    def _seal(self, kept: bytes) -> str:
        return hmac.new(self._seal_key, kept, hashlib.sha256).hexdigest()

    def _replace(self, text: bytes) -> None:
        descriptor, draft = tempfile.mkstemp(prefix=f".{self._file.name}.", dir=self._file.parent)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            Path(draft).replace(self._file)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


def _signing_key(kept: _Key) -> SigningKey:
    key = load_der_public_key(kept.public)
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise ValueError(f"the key {kept.kid!r} is of another type")
    return SigningKey(key, frozenset(kept.algorithms))
