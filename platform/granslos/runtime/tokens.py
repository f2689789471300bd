"""Bearer tokens: JWTs signed by a site with Ed25519 (RFC 8037, RFC 9864), which every site accepts.

A token says who (``sub``), as what (``role``), where (``centre``, optional), until when (``exp``). Each site signs with
its own key (``kid``) and knows all public keys as files, so that failing over never asks anybody to log in again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from structlog import get_logger

from granslos.contract.errors import SettingsError
from granslos.contract.places import Actor
from granslos.runtime import limits

ALGORITHM = "Ed25519"
CURVE: Literal["Ed25519"] = "Ed25519"
JWK_BYTES_MAX = 16_384

log = get_logger(__name__)


class InvalidTokenError(Exception):
    """The token is missing, foreign, expired or says nothing usable. Never holds the token."""


class _Known(msgspec.Struct, frozen=True):
    actor: Actor
    expires_at: float


class TokenIssuer:
    """Signs tokens with this site's private key."""

    def __init__(self, key: OKPKey) -> None:
        if key.curve_name != CURVE or not key.is_private:
            raise SettingsError("the signing key is not a private Ed25519 JWK")
        if not key.kid:
            raise SettingsError("the signing key has no kid")
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> "TokenIssuer":
        """Read the private JWK of a site.

        Raises:
            SettingsError: no such file, or not a private Ed25519 JWK with a ``kid``.
        """
        try:
            return cls(_read_key(path))
        except (OSError, JoseError, ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"{path.name}: not a usable signing key ({type(error).__name__})") from error

    def issue(self, actor: Actor, lifetime: timedelta, now: datetime | None = None) -> str:
        """Return a token for ``actor`` that is valid for ``lifetime`` from ``now`` on."""
        assert lifetime > timedelta(0)
        issued = int((now or datetime.now(UTC)).timestamp())
        claims: dict[str, Any] = {
            "sub": actor.subject,
            "role": actor.role,
            "iat": issued,
            "exp": issued + int(lifetime.total_seconds()),
            "iss": self._key.kid,
        }
        if actor.centre is not None:
            claims["centre"] = actor.centre
        return jwt.encode({"alg": ALGORITHM, "kid": self._key.kid}, claims, self._key, algorithms=[ALGORITHM])


class TokenVerifier:
    """Checks tokens of all sites; keys of sites that join later are found without a restart.

    Args:
        folder: public JWKs, one ``*.jwk`` or ``*.json`` file each.
        wall: seconds since 1970, for ``exp``.
        monotonic: seconds that never go back, for the pause between two looks at the folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._wall, self._monotonic = folder, wall, monotonic
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._keys: dict[str, OKPKey] = {}
        self._read_at = float("-inf")
        self.reload()

    @property
    def key_ids(self) -> frozenset[str]:
        """Return the ids of the public keys in use."""
        return frozenset(self._keys)

    def verify(self, token: str) -> Actor:
        """Return who the bearer is.

        Raises:
            InvalidTokenError: not to be trusted, whatever the reason.
        """
        known = self._known.get(token)
        if known is not None:
            if known.expires_at > self._wall():
                self._known.move_to_end(token)
                return known.actor
            del self._known[token]
            raise InvalidTokenError("the token has expired")
        checked = self._check(token)
        self._known[token] = checked
        if len(self._known) > limits.TOKENS_KNOWN_MAX:
            self._known.popitem(last=False)
        return checked.actor

    def _check(self, token: str) -> _Known:
        if not token or len(token) > limits.TOKEN_CHARACTERS_MAX or not token.isascii():
            raise InvalidTokenError("no usable bearer token")
        try:
            decoded = jwt.decode(token, self._key_of, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise InvalidTokenError(f"the token is refused: {type(error).__name__}") from None
        return self._read(decoded.claims)

    def _key_of(self, token: Any) -> OKPKey:
        """Return the key that a token names (joserfc's key callback)."""
        kid = token.headers().get("kid")
        if not isinstance(kid, str):
            raise ValueError("no kid")
        if kid not in self._keys and self._monotonic() - self._read_at >= limits.TOKEN_KEYS_RELOAD_SECONDS:
            self.reload()
        return self._keys[kid]

    def _read(self, claims: dict[str, Any]) -> _Known:
        expires = claims.get("exp")
        if isinstance(expires, bool) or not isinstance(expires, int | float):
            raise InvalidTokenError("the token says no end")
        if expires <= self._wall():
            raise InvalidTokenError("the token has expired")
        begins = claims.get("nbf")
        if begins is not None and not (isinstance(begins, int | float) and begins <= self._wall() + limits.TOKEN_SKEW_SECONDS):
            raise InvalidTokenError("the token is not valid yet")
        try:
            actor = msgspec.convert(
                {"subject": claims.get("sub"), "role": claims.get("role"), "centre": claims.get("centre")}, Actor
            )
        except msgspec.ValidationError:
            raise InvalidTokenError("the token names no usable subject, role or centre") from None
        if actor.role == "system":
            raise InvalidTokenError("no bearer is the system itself")
        return _Known(actor, float(expires))

    def reload(self) -> None:
        """Read the public keys again; a token of a key that is gone counts no more."""
        self._read_at = self._monotonic()
        keys: dict[str, OKPKey] = {}
        for file in sorted([*self._folder.glob("*.jwk"), *self._folder.glob("*.json")]):
            try:
                key = _read_key(file)
            except (OSError, JoseError, ValueError, KeyError, TypeError) as error:
                log.error("public_key_unusable", file=file.name, reason=type(error).__name__)
                continue
            if key.curve_name == CURVE:
                keys[key.kid or file.stem] = key
        if _prints(keys) != _prints(self._keys):
            self._known.clear()
        self._keys = keys


def _prints(keys: dict[str, OKPKey]) -> dict[str, str]:
    return {kid: key.thumbprint() for kid, key in keys.items()}


def _read_key(path: Path) -> OKPKey:
    data = path.read_bytes()
    if len(data) > JWK_BYTES_MAX:
        raise ValueError("too large for a JWK")
    return OKPKey.import_key(msgspec.json.decode(data, type=dict[str, Any]))


def make_key(kid: str) -> OKPKey:
    """Make a new key pair for a site."""
    return OKPKey.generate_key(CURVE, {"kid": kid})


def write_key(key: OKPKey, path: Path, *, private: bool) -> None:
    """Write a key as a JWK file; a private one readable by its owner only."""
    path.touch(mode=0o600 if private else 0o644)
    path.write_bytes(msgspec.json.encode(key.as_dict(private=private)))
