"""What an organisation means by a status number, as data that a site can replace without a release.

An emergency is recognised before any profile: value 0 is one in every TETRA network, whatever a profile says. A number
that no profile knows keeps its raw form and goes to the dispatcher as such.
"""

import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from granslos.contract.commands import CrewStatus
from granslos.contract.errors import SettingsError
from granslos_adapters.rakel.codec.status import EMERGENCY, classify

NETWORK = "tetra"
"""Network of the values in a profile; another network's values get profiles of their own."""


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number. ``statuses`` are the crew statuses it reports, in order; none means that it is only shown."""

    value: Annotated[int, Meta(ge=0, le=65_535)]
    meaning: Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-z0-9_]+$")]
    statuses: Annotated[tuple[CrewStatus, ...], Meta(max_length=4)] = ()
    label: Annotated[str, Meta(max_length=100)] = ""
    key: Annotated[str, Meta(max_length=16)] = ""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of numbers. ``verified`` says whether the organisation itself confirmed it."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    verified: bool
    source: str = ""
    network: str = NETWORK
    values: tuple[Value, ...]


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What a number means here. ``known`` is false where no profile has it: show ``raw``."""

    value: int
    raw: str
    known: bool
    meaning: str
    statuses: tuple[CrewStatus, ...] = ()
    label: str = ""
    key: str = ""
    verified: bool = False

    @property
    def is_emergency(self) -> bool:
        """Whether a crew needs help."""
        return "emergency" in self.statuses


_EMERGENCY = Meaning(
    value=EMERGENCY,
    raw="0000",
    known=True,
    meaning="emergency_call",
    statuses=("emergency",),
    label="nödanrop",
    verified=True,
)


class Profiles:
    """Profiles by name, one of them the default; an organisation's units may have another."""

    def __init__(self, profiles: Iterable[Profile], default: str) -> None:
        """Index the tables.

        Raises:
            SettingsError: a number twice in a table, a number that is a receipt, or no such default.
        """
        self._tables: dict[str, dict[int, Value]] = {}
        self._verified: dict[str, bool] = {}
        for profile in profiles:
            self._tables[profile.name] = _table(profile)
            self._verified[profile.name] = profile.verified
        if default not in self._tables:
            raise SettingsError(f"no status profile {default!r}; there are {', '.join(sorted(self._tables))}")
        self._default = default

    @property
    def names(self) -> tuple[str, ...]:
        """All profiles' names."""
        return tuple(self._tables)

    def is_verified(self, name: str | None = None) -> bool:
        """Whether the organisation confirmed the table."""
        return self._verified.get(name or self._default, False)

    def meaning(self, value: int, profile: str | None = None) -> Meaning:
        """Return what ``value`` means in ``profile`` (default: the site's); an unknown profile knows no number."""
        if value == EMERGENCY:
            return _EMERGENCY
        name = profile or self._default
        raw = f"{value:04X}"
        found = self._tables.get(name, {}).get(value)
        if found is None:
            return Meaning(value=value, raw=raw, known=False, meaning=classify(value))
        return Meaning(
            value=value,
            raw=raw,
            known=True,
            meaning=found.meaning,
            statuses=found.statuses,
            label=found.label,
            key=found.key,
            verified=self._verified[name],
        )


def parse_profile(text: str, where: str) -> Profile:
    """Read a profile's TOML.

    Raises:
        SettingsError: not TOML, or not a profile.
    """
    try:
        return msgspec.convert(tomllib.loads(text), Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"status profile {where}: {error}") from error


def load_profiles(files: Iterable[str], default: str) -> Profiles:
    """Load the profiles of this release, then a site's own files over them.

    Raises:
        SettingsError: a file cannot be read or is no profile, or there is no such default.
    """
    profiles = {profile.name: profile for profile in _shipped()}
    for file in files:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"status profile {file}: {error}") from error
        profile = parse_profile(text, file)
        profiles[profile.name] = profile
    return Profiles(profiles.values(), default)


def _shipped() -> Iterable[Profile]:
    folder = resources.files("granslos_adapters.rakel") / "profiles"
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            yield parse_profile(entry.read_text(encoding="utf-8"), entry.name)


def _table(profile: Profile) -> dict[int, Value]:
    table: dict[int, Value] = {}
    for value in profile.values:
        if value.value in table:
            raise SettingsError(f"status profile {profile.name}: {value.value} appears twice")
        if classify(value.value) in ("emergency", "sds_tl_short_report"):
            raise SettingsError(f"status profile {profile.name}: {value.value} is not a profile's to define")
        table[value.value] = value
    return table
