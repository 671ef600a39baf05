"""Tokens that an issuer signed, and tokens that somebody forged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from access_policy.adapters.identity.issuer import SigningKeys, usable_keys
from access_policy.adapters.identity.oidc import OidcRules

ISSUER = "https://login.example/pool"
AUDIENCE = "https://api.example"
CLIENT = "console-client"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGERS_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RULES = OidcRules(
    issuer=ISSUER,
    audiences=frozenset({AUDIENCE}),
    clients=frozenset({CLIENT}),
    tenant_claim="tenant_id",
    roles_claim="roles",
    depots_claim="depots",
    role_map={},
    clock_skew=timedelta(seconds=30),
)


def public_jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}  # type: ignore[arg-type]


def issuers_keys() -> SigningKeys:
    return usable_keys({"keys": [public_jwk(RSA_KEY, "rsa"), public_jwk(EC_KEY, "ec")]})


def claims_at(now: datetime) -> dict[str, Any]:
    at = int(now.timestamp())
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "anna",
        "iat": at,
        "nbf": at,
        "exp": at + 3600,
        "tenant_id": "acme",
        "roles": ["admin"],
    }


def signed(
    claims: Mapping[str, Any], *, key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "rsa", **header: Any
) -> str:
    kid_header = {} if kid is None else {"kid": kid}
    return jwt.encode(dict(claims), key, algorithm=algorithm, headers={**kid_header, **header})


def part(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def raw(header: Any, payload: Any, *, key: rsa.RSAPrivateKey = RSA_KEY) -> str:
    """Sign any two texts with the issuer's own key, by RS256."""
    signer = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
    message = f"{part(header)}.{part(payload)}"
    signature = base64.urlsafe_b64encode(signer.sign(message.encode(), key)).rstrip(b"=").decode()
    return f"{message}.{signature}"


def forgeries(now: datetime) -> dict[str, Callable[[], str]]:
    """Tokens to be refused, by what is wrong with them; everything else about each is right."""
    claims = claims_at(now)
    header = {"alg": "RS256", "kid": "rsa", "typ": "JWT"}
    at = int(now.timestamp())
    cognito = {**{name: value for name, value in claims.items() if name != "aud"}, "token_use": "access"}
    good = signed(claims)
    head, body, signature = good.split(".")
    pem = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = RSA_KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def by_hmac(secret: bytes, algorithm: str = "HS256") -> str:
        message = f"{part({**header, 'alg': algorithm})}.{part(claims)}"
        digest = hmac.new(secret, message.encode(), hashlib.sha256).digest()
        return f"{message}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    def with_claims(**changed: Any) -> Callable[[], str]:
        return lambda: raw(header, {**claims, **changed})

    def without(*names: str) -> Callable[[], str]:
        return lambda: signed({name: value for name, value in claims.items() if name not in names})

    def with_header(**more: Any) -> Callable[[], str]:
        return lambda: signed(claims, **more)

    return {
        "alg none": lambda: f"{part({**header, 'alg': 'none'})}.{part(claims)}.",
        "alg None": lambda: f"{part({**header, 'alg': 'None'})}.{part(claims)}.",
        "alg none, with the signature": lambda: f"{part({**header, 'alg': 'none'})}.{body}.{signature}",
        "no alg": lambda: raw({"kid": "rsa"}, claims),
        "HS256 with the public key": lambda: by_hmac(pem),
        "HS256 with the public key in DER": lambda: by_hmac(der),
        "HS256 with an empty key": lambda: by_hmac(b""),
        "HS256 that claims RS256": lambda: by_hmac(pem, "RS256"),
        "RS512": with_header(algorithm="RS512"),
        "PS384": with_header(algorithm="PS384"),
        "ES256 under the kid of an RSA key": lambda: signed(claims, key=EC_KEY, algorithm="ES256", kid="rsa"),
        "RS256 under the kid of an EC key": with_header(kid="ec"),
        "another's key under a known kid": lambda: signed(claims, key=STRANGERS_RSA_KEY),
        "another's key under an unknown kid": lambda: signed(claims, key=STRANGERS_RSA_KEY, kid="mine"),
        "stripped kid": with_header(kid=None),
        "empty kid": with_header(kid=""),
        "kid that is a number": lambda: raw({**header, "kid": 1}, claims),
        "kid that is a path": with_header(kid="../../keys/rsa"),
        "own key in the header": with_header(jwk=public_jwk(STRANGERS_RSA_KEY, "rsa")),
        "own key set in the header": with_header(jku="https://evil.example/keys"),
        "own certificate in the header": with_header(x5u="https://evil.example/cert"),
        "critical extension": with_header(crit=["exp"]),
        "unencoded payload": lambda: raw({**header, "b64": False, "crit": ["b64"]}, claims),
        "compressed": with_header(zip="DEF"),
        "nested": lambda: raw({**header, "cty": "JWT"}, good),
        "nested without saying so": lambda: raw(header, good),
        "deeply nested header": lambda: f"{part('[' * 4000)}.{body}.{signature}",
        "deeply nested payload": lambda: raw(header, '{"a":' * 1200 + "1" + "}" * 1200),
        "another type": with_header(typ="logout+jwt"),
        "type that is a number": lambda: raw({**header, "typ": 1}, claims),
        "alg twice": lambda: raw('{"alg":"none","alg":"RS256","kid":"rsa"}', claims),
        "kid twice": lambda: raw('{"alg":"RS256","kid":"ec","kid":"rsa"}', claims),
        "tenant twice": lambda: raw(header, json.dumps(claims)[:-1] + ', "tenant_id": "other"}'),
        "role twice": lambda: raw(header, json.dumps(claims)[:-1] + ', "roles": ["admin"]}'),
        "exp twice": lambda: raw(header, json.dumps(claims)[:-1] + f', "exp": {at + 9}}}'),
        "wrong issuer": with_claims(iss="https://login.example/other"),
        "issuer with a slash more": with_claims(iss=ISSUER + "/"),
        "issuer in a list": with_claims(iss=[ISSUER]),
        "issuer in capitals": with_claims(iss=ISSUER.upper()),
        "no issuer": without("iss"),
        "wrong audience": with_claims(aud="https://other.example"),
        "part of the audience": with_claims(aud=AUDIENCE[:-1]),
        "audience that is an object": with_claims(aud={AUDIENCE: True}),
        "empty audience": with_claims(aud=""),
        "no audience among several": with_claims(aud=[]),
        "audience with a number": with_claims(aud=[AUDIENCE, 1]),
        "client in place of the audience": with_claims(aud=CLIENT, client_id=CLIENT),
        "neither audience nor client": without("aud"),
        "client that is not allowed": lambda: signed({**cognito, "client_id": "other"}),
        "client without token_use": lambda: signed(
            {name: value for name, value in {**cognito, "client_id": CLIENT}.items() if name != "token_use"}
        ),
        "id token of Cognito": lambda: signed({**cognito, "client_id": CLIENT, "token_use": "id"}),
        "id token of Cognito with an audience": with_claims(token_use="id"),
        "id token with at_hash": with_claims(at_hash="abc"),
        "id token of Keycloak": with_claims(typ="ID"),
        "expired": with_claims(exp=at - 31),
        "not yet valid": with_claims(nbf=at + 31),
        "issued in the future": with_claims(iat=at + 31, nbf=at),
        "expiry that is a text": with_claims(exp=str(at + 60)),
        "expiry that is true": with_claims(exp=True),
        "expiry that is no number": lambda: raw(
            header, json.dumps(claims).replace(f'"exp": {at + 3600}', '"exp": NaN')
        ),
        "no expiry": without("exp"),
        "no time of issue": without("iat"),
        "no subject": without("sub"),
        "subject that is a number": with_claims(sub=7),
        "subject with a slash": with_claims(sub="a/b"),
        "no tenant": without("tenant_id"),
        "several tenants": with_claims(tenant_id=["acme", "other"]),
        "tenant with a slash": with_claims(tenant_id="acme/depot"),
        "no roles": without("roles"),
        "unknown role": with_claims(roles=["root"]),
        "role in capitals": with_claims(roles=["ADMIN"]),
        "roles that are an object": with_claims(roles={"admin": True}),
        "depots that are a number": with_claims(depots=1),
        "depot with a slash": with_claims(depots=["a/b"]),
        "oversized": with_claims(padding="x" * 16_384),
        "changed tenant": lambda: f"{head}.{part({**claims, 'tenant_id': 'other'})}.{signature}",
        "cut signature": lambda: good[:-4],
        "no signature": lambda: f"{head}.{body}.",
        "four parts": lambda: f"{good}.{signature}",
        "two parts": lambda: f"{head}.{body}",
        "encrypted": lambda: f"{part({'alg': 'RSA-OAEP', 'enc': 'A256GCM', 'kid': 'rsa'})}.a.b.c.d",
        "not base64": lambda: f"{head}!.{body}.{signature}",
        "payload that is a list": lambda: raw(header, [claims]),
        "payload that is not UTF-8": lambda: f"{head}.e_99.{signature}",
    }
