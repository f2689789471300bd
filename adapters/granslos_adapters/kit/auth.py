"""Bearer tokens of the adapters' HTTP: JWTs signed with Ed25519 (RFC 8037, 9864), checked with the sites' keys."""

import time
from pathlib import Path
from typing import Any

import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, OKPKey

from granslos.contract.places import Actor

ALGORITHMS = ("Ed25519",)
RELOAD_SECONDS = 1.0
"""An unknown signature makes the key folder be read again at most so often."""
TOKEN_CHARACTERS_MAX = 8_192
LEEWAY_SECONDS = 30

_log = structlog.get_logger(__name__)


class InvalidTokenError(Exception):
    """The token is missing, foreign, expired or says nothing usable; never shows the token."""


class Verifier:
    """Checks bearer tokens; the keys of sites that join later are found without a restart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys = KeySet([])
        self._read_at = float("-inf")
        self._claims = jwt.JWTClaimsRegistry(leeway=LEEWAY_SECONDS, exp={"essential": True}, sub={"essential": True})
        self._reload()

    @property
    def key_count(self) -> int:
        """Number of usable public keys."""
        return len(self._keys.keys)

    def verify(self, token: str) -> Actor:
        """Return who the bearer is.

        Raises:
            InvalidTokenError: not to be trusted.
        """
        if not token or len(token) > TOKEN_CHARACTERS_MAX:
            raise InvalidTokenError("no usable bearer token")
        try:
            return self._decode(token)
        except InvalidTokenError:
            if time.monotonic() - self._read_at < RELOAD_SECONDS:
                raise
        self._reload()
        return self._decode(token)

    def _decode(self, token: str) -> Actor:
        try:
            decoded = jwt.decode(token, self._keys, algorithms=list(ALGORITHMS))
            self._claims.validate(decoded.claims)
            return _actor(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise InvalidTokenError(f"token refused: {type(error).__name__}") from None

    def _reload(self) -> None:
        self._read_at = time.monotonic()
        keys: list[Key] = []
        for file in sorted(self._folder.glob("*.jwk")) + sorted(self._folder.glob("*.json")):
            try:
                keys.append(OKPKey.import_key(msgspec.json.decode(file.read_bytes(), type=dict[str, Any])))
            except (OSError, JoseError, ValueError, KeyError, TypeError) as error:
                _log.error("public key cannot be used", file=file.name, reason=type(error).__name__)
        self._keys = KeySet(keys)


def _actor(claims: dict[str, Any]) -> Actor:
    roles = claims.get("roles")
    role = claims.get("role") or (roles[0] if isinstance(roles, list) and roles else None)
    return msgspec.convert({"subject": claims["sub"], "role": role, "centre": claims.get("centre")}, Actor)
