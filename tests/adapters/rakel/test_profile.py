"""Status profiles: data, replaceable, and an emergency before any of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos.contract.errors import SettingsError
from granslos_adapters.rakel.profile import load_profiles, parse_profile

PROFILES = load_profiles((), "se-default")
TABLE = """
name = "own"
verified = true
[[values]]
value = 33000
meaning = "left_scene"
statuses = ["left_scene"]
"""


def test_shipped_profiles_agree_with_third_party_values(third_party: Callable[[str], Any]) -> None:
    for name, profile in third_party("status_profiles.json")["profiles"].items():
        assert PROFILES.is_verified(name) == profile["verified"]
        for value, entry in profile["values"].items():
            wanted = entry if isinstance(entry, str) else entry["status"]
            assert PROFILES.meaning(int(value), name).meaning == wanted, f"{name} {value}"


def test_german_keys_are_their_numbers(third_party: Callable[[str], Any]) -> None:
    for key, value in third_party("precoded_status.json")["german_bos_vehicle"].items():
        assert PROFILES.meaning(value, "bos-de").key == key


def test_the_swedish_profile_says_that_nobody_verified_it() -> None:
    assert not PROFILES.is_verified()
    assert not PROFILES.meaning(0x8004).verified


@pytest.mark.parametrize("profile", [None, "bos-de", "no-such-profile"])
def test_value_zero_is_an_emergency_in_every_profile(profile: str | None) -> None:
    assert PROFILES.meaning(0, profile).is_emergency


@given(st.integers(1, 0xFFFF))
def test_every_other_number_has_a_raw_form_and_unknown_ones_report_nothing(value: int) -> None:
    meaning = PROFILES.meaning(value)
    assert meaning.raw == f"{value:04X}"
    assert meaning.known or meaning.statuses == ()


def test_one_key_may_report_two_facts() -> None:
    assert PROFILES.meaning(0x8005).statuses == ("acknowledged", "en_route")


def test_a_site_replaces_a_profile_and_adds_one(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(TABLE)
    swedish = tmp_path / "se.toml"
    swedish.write_text(TABLE.replace('"own"', '"se-default"'))
    profiles = load_profiles((str(own), str(swedish)), "own")
    assert profiles.meaning(33000).statuses == ("left_scene",)
    assert profiles.meaning(33000, "se-default").verified
    assert not profiles.meaning(0x8004, "se-default").known


@pytest.mark.parametrize(
    "change",
    [
        ("33000", "0"),
        ("33000", "31744"),
        ("33000", "70000"),
        ('["left_scene"]', '["flying"]'),
        ("verified = true", ""),
        ("[[values]]", "[[values]"),
        ('meaning = "left_scene"', 'meaning = "left_scene"\ncolour = "red"'),
        ("value = 33000", "value = 33000\nmeaning = 'x'\n[[values]]\nvalue = 33000"),
    ],
)
def test_a_wrong_profile_ends_the_start(change: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(TABLE.replace(*change, 1))
    with pytest.raises(SettingsError):
        load_profiles((str(file),), "own")


def test_a_default_that_does_not_exist_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        load_profiles((), "own")
    with pytest.raises(SettingsError):
        load_profiles((str(tmp_path / "absent.toml"),), "se-default")
    assert parse_profile(TABLE, "own").values[0].value == 33000
