"""Tokens: any site's, checked by any site; nothing else passes."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey, RSAKey

from granslos.contract.errors import SettingsError
from granslos.contract.places import Actor
from granslos.runtime import limits
from granslos.runtime.tokens import InvalidTokenError, TokenIssuer, TokenVerifier, make_key, write_key

ANNA = Actor(subject="anna", role="operator", centre="vas")
HOUR = timedelta(hours=1)


class Clock:
    """Wall and monotonic seconds that move when told."""

    def __init__(self) -> None:
        self.seconds = time.time()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def publish(folder: Path, kid: str) -> TokenIssuer:
    key = make_key(kid)
    write_key(key, folder / f"{kid}.jwk", private=False)
    return TokenIssuer(key)


def signed(key: object, algorithm: str = "Ed25519", kid: str | None = "vas", **claims: object) -> str:
    content = {"sub": "anna", "role": "operator", "exp": int(time.time()) + 60} | claims
    header = {"alg": algorithm} | ({"kid": kid} if kid else {})
    return jwt.encode(header, {k: v for k, v in content.items() if v is not None}, key, algorithms=[algorithm])


def refused(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(InvalidTokenError) as caught:
        verifier.verify(token)
    if len(token) > 8:
        assert token not in str(caught.value)


def test_any_site_accepts_any_sites_token(folder: Path) -> None:
    issuers = [publish(folder, kid) for kid in ("esk", "vas", "upp")]
    verifier = TokenVerifier(folder)
    for issuer in issuers:
        assert verifier.verify(issuer.issue(ANNA, HOUR)) == ANNA


def test_a_centre_is_optional(folder: Path) -> None:
    eido = Actor(subject="eido@vas", role="adapter")
    assert TokenVerifier(folder).key_ids == frozenset()
    issuer = publish(folder, "vas")
    assert TokenVerifier(folder).verify(issuer.issue(eido, HOUR)) == eido


def test_a_site_that_joins_later_is_found_but_not_looked_for_more_than_once_a_second(folder: Path) -> None:
    clock = Clock()
    verifier = TokenVerifier(folder, monotonic=clock)
    clock.seconds += limits.TOKEN_KEYS_RELOAD_SECONDS
    issuer = publish(folder, "kar")
    assert verifier.verify(issuer.issue(ANNA, HOUR)) == ANNA
    late = publish(folder, "ore")
    refused(verifier, late.issue(ANNA, HOUR))
    clock.seconds += limits.TOKEN_KEYS_RELOAD_SECONDS
    assert verifier.verify(late.issue(ANNA, HOUR)) == ANNA


def test_a_known_token_ends_when_it_says(folder: Path) -> None:
    clock = Clock()
    issuer = publish(folder, "vas")
    verifier = TokenVerifier(folder, wall=clock)
    token = issuer.issue(ANNA, timedelta(seconds=60))
    verifier.verify(token)
    verifier.verify(token)
    clock.seconds += 61
    refused(verifier, token)
    refused(verifier, token)


def test_a_key_that_is_taken_away_vouches_no_more(folder: Path) -> None:
    issuer = publish(folder, "vas")
    verifier = TokenVerifier(folder)
    token = issuer.issue(ANNA, HOUR)
    verifier.verify(token)
    (folder / "vas.jwk").unlink()
    verifier.reload()
    refused(verifier, token)


def test_memory_of_tokens_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKENS_KNOWN_MAX", 3)
    issuer = publish(folder, "vas")
    verifier = TokenVerifier(folder)
    for n in range(10):
        verifier.verify(issuer.issue(Actor(subject=f"user{n}", role="observer"), HOUR))
        assert len(verifier._known) <= 3


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": int(time.time()) - 1},
        {"exp": "tomorrow"},
        {"exp": True},
        {"sub": None},
        {"sub": ""},
        {"sub": "anna\x00"},
        {"sub": 7},
        {"role": None},
        {"role": "root"},
        {"role": "system"},
        {"role": ["operator"]},
        {"centre": "Västerås"},
        {"nbf": int(time.time()) + 3_600},
    ],
)
def test_claims_that_say_nothing_usable_are_refused(folder: Path, claims: dict[str, object]) -> None:
    key = make_key("vas")
    write_key(key, folder / "vas.jwk", private=False)
    verifier = TokenVerifier(folder)
    verifier.verify(signed(key))
    refused(verifier, signed(key, **claims))


def test_foreign_signatures_are_refused(folder: Path) -> None:
    key = make_key("vas")
    write_key(key, folder / "vas.jwk", private=False)
    verifier = TokenVerifier(folder)
    good = signed(key)
    head, payload, signature = good.split(".")
    refused(verifier, signed(make_key("vas")))
    refused(verifier, signed(key, kid="upp"))
    refused(verifier, signed(key, kid=None))
    refused(verifier, signed(RSAKey.generate_key(2048, {"kid": "vas"}), "RS256"))
    refused(verifier, signed(OctKey.import_key(key.as_dict(private=False)["x"]), "HS256"))
    refused(verifier, f"{head}.{payload}.")
    refused(verifier, f"{head}.{payload[:-2]}AA.{signature}")
    refused(verifier, "eyJhbGciOiJub25lIn0." + payload + ".")
    for junk in ("", "x", "a.b.c", "å.ä.ö", "." * 3, "A" * (limits.TOKEN_CHARACTERS_MAX + 1)):
        refused(verifier, junk)


def test_unusable_key_files_do_not_hide_the_others(folder: Path) -> None:
    issuer = publish(folder, "vas")
    (folder / "broken.jwk").write_text("{")
    (folder / "list.json").write_text("[]")
    (folder / "large.jwk").write_bytes(b" " * 20_000)
    assert TokenVerifier(folder).verify(issuer.issue(ANNA, HOUR)) == ANNA


def test_a_signing_key_must_be_a_private_ed25519_key_with_an_id(folder: Path) -> None:
    key = make_key("vas")
    write_key(key, folder / "private.jwk", private=True)
    assert (folder / "private.jwk").stat().st_mode & 0o077 == 0
    TokenIssuer.from_file(folder / "private.jwk")
    write_key(key, folder / "public.jwk", private=False)
    write_key(OKPKey.generate_key("Ed25519"), folder / "nameless.jwk", private=True)
    write_key(OKPKey.generate_key("X25519", {"kid": "vas"}), folder / "other.jwk", private=True)
    (folder / "broken.jwk").write_text("{")
    for name in ("public.jwk", "nameless.jwk", "other.jwk", "broken.jwk", "missing.jwk"):
        with pytest.raises(SettingsError):
            TokenIssuer.from_file(folder / name)
