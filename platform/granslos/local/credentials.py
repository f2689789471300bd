"""Passwords, keys and demo tokens of a local cluster: generated once, kept in its directory, readable by us only."""

import json
import os
import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.jwk import OKPKey

from granslos.local.limits import TOKEN_LIFE_DAYS, TOKEN_RENEW_DAYS

ALGORITHM = "Ed25519"
"""RFC 9864 names the curve, where RFC 8037's "EdDSA" did not."""
ISSUER = "granslos-demo"
DEMO_KEY = "demo"
"""Key id of the key that signs the demo's tokens."""
ROLES = ("operator", "dispatcher", "supervisor", "technician", "adapter", "observer")
PASSWORD_BYTES = 16
GUARD_KEY_BYTES = 32
_DAY_SECONDS = 86_400


class Passwords(msgspec.Struct, kw_only=True):
    """Every password of a cluster; the dictionaries are by site code.

    Attributes:
        postgres: Of the role in every site's database; one, since the clusters are copies.
        edge: Of clients of the site's edge.
        edge_link: Of the site's leaf link at every hub.
        node: Of the site's node at every hub.
        route: Between the hubs.
        system: Of the servers' system account.
        guard_key: HMAC key of the guards' beats, hex.
    """

    postgres: str
    edge: dict[str, str]
    edge_link: dict[str, str]
    node: dict[str, str]
    route: str
    system: str
    guard_key: str


def write_private(path: Path, data: bytes) -> None:
    """Writes a file that only we can read, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load_passwords(path: Path, sites: Iterable[str]) -> Passwords:
    """Reads the passwords of a directory, or makes them at its first use."""
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Passwords)
    codes = list(sites)
    made = Passwords(
        postgres=secrets.token_hex(PASSWORD_BYTES),
        edge={code: secrets.token_hex(PASSWORD_BYTES) for code in codes},
        edge_link={code: secrets.token_hex(PASSWORD_BYTES) for code in codes},
        node={code: secrets.token_hex(PASSWORD_BYTES) for code in codes},
        route=secrets.token_hex(PASSWORD_BYTES),
        system=secrets.token_hex(PASSWORD_BYTES),
        guard_key=secrets.token_hex(GUARD_KEY_BYTES),
    )
    write_private(path, msgspec.json.encode(made))
    return made


def make_keys(private: Path, public: Path, key_id: str) -> OKPKey:
    """Reads a signing key (JWK file), or makes it; its public half is put into the shared directory `<key_id>.jwk`."""
    if private.exists():
        key = OKPKey.import_key(json.loads(private.read_bytes()))
    else:
        private.parent.mkdir(parents=True, exist_ok=True)
        key = OKPKey.generate_key("Ed25519", {"kid": key_id, "use": "sig", "alg": ALGORITHM}, private=True)
        write_private(private, json.dumps(key.as_dict(private=True)).encode())
    public.mkdir(parents=True, exist_ok=True)
    write_private(public / f"{key_id}.jwk", json.dumps(key.as_dict(private=False)).encode())
    return key


def demo_tokens(path: Path, key: OKPKey, now: float | None = None) -> dict[str, str]:
    """Bearer tokens, one a role: those of the directory, or new ones when their life is nearly over."""
    instant = int(time.time() if now is None else now)
    if path.exists():
        kept: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        if kept["expires_at"] - instant > TOKEN_RENEW_DAYS * _DAY_SECONDS and set(kept["tokens"]) == set(ROLES):
            return dict(kept["tokens"])
    expires_at = instant + TOKEN_LIFE_DAYS * _DAY_SECONDS
    tokens = {role: _token(key, role, instant, expires_at) for role in ROLES}
    write_private(path, msgspec.json.encode({"expires_at": expires_at, "tokens": tokens}))
    return tokens


def _token(key: OKPKey, role: str, issued_at: int, expires_at: int) -> str:
    claims = {
        "iss": ISSUER,
        "sub": f"demo-{role}",
        "role": role,
        "centre": None,
        "iat": issued_at,
        "exp": expires_at,
    }
    return jwt.encode({"alg": ALGORITHM, "kid": DEMO_KEY, "typ": "JWT"}, claims, key, algorithms=[ALGORITHM])
