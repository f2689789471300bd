"""What a hub guard reads of the site file, and the key that it shares with the others.

A witness has no other tables than these, so the guard reads them itself.
"""

import ipaddress
import tomllib
from pathlib import Path

import msgspec

from granslos.contract.errors import SettingsError
from granslos.replication.guard_beats import KEY_BYTES_MIN

Address = tuple[str, int]


class GuardSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a guard needs of the site file.

    Attributes:
        site: Code of this site or witness.
        listen: `address:port` for beats.
        peers: Code → `address:port` of every other hub's guard, witness included. Numeric: a guard must beat when the
            name service is out of reach.
        key_file: File with the key that all guards share, at least 16 bytes as hex.
        status: File for the status; replaced by rename each second and at every change.
        binary, config: The nats-server and its configuration.
        system_url: URL of a user of the hub's system account; "" does without the hub's own word.
        hold_file: While this file exists the hub is kept down; "" for none.
    """

    site: str
    listen: str
    peers: dict[str, str]
    key_file: str
    status: str
    binary: str
    config: str
    system_url: str = ""
    hold_file: str = ""


def load_settings(path: Path) -> GuardSettings:
    """Reads the [site], [hub] and [guard] tables of a site file.

    Raises:
        SettingsError: Something is missing or of the wrong kind.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        flat = document["guard"] | document["hub"] | {"site": document["site"]["code"]}
        settings = msgspec.convert(flat, type=GuardSettings)
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if settings.site in settings.peers:
        raise SettingsError(f"{path}: [guard] peers names this site itself")
    for text in (settings.listen, *settings.peers.values()):
        try:
            split_address(text)
        except ValueError as error:
            raise SettingsError(f"{path}: [guard] {text!r} is no address:port of numbers") from error
    return settings


def load_key(path: Path) -> bytes:
    """Reads the guards' shared key.

    Raises:
        SettingsError: It is missing, no hex, or too short.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if len(key) < KEY_BYTES_MIN:
        raise SettingsError(f"{path}: a guard key has at least {KEY_BYTES_MIN} bytes, this one {len(key)}")
    return key


def split_address(text: str) -> Address:
    """Splits `address:port`; an IPv6 address stands in brackets.

    Raises:
        ValueError: The address is a name, or one of the two is no number.
    """
    host, _, port = text.rpartition(":")
    return str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))), int(port)
