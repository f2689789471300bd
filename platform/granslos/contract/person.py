"""Types for personal data, which no log line, metric, subject, id or URL can take.

``str()``, ``repr()`` and ``format()`` of a value show a mask; only ``reveal()`` gives the text. On the wire they are plain
strings inside bodies that are encrypted in transit and at rest.
"""

from collections.abc import Callable
from typing import Any


class Personal:
    """A piece of personal data that does not leak by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text; call it only where a person with the right role is to read it."""
        return self._value

    def __str__(self) -> str:
        return "•••"

    def __format__(self, spec: str) -> str:
        return format("•••", spec)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(•••)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Personal) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class PersonName(Personal):
    """A person's name."""

    __slots__ = ()


class PhoneNumber(Personal):
    """A telephone number of a person, E.164 where it could be normalised, else verbatim."""

    __slots__ = ()


class NationalId(Personal):
    """Personnummer, samordningsnummer or reservnummer."""

    __slots__ = ()


class PersonAddress(Personal):
    """An address tied to a person or a call."""

    __slots__ = ()


_MAX_LENGTH = 500


def encode_hook(value: Any) -> Any:
    """Write personal data as plain strings (msgspec ``enc_hook``)."""
    if isinstance(value, Personal):
        return value.reveal()
    raise NotImplementedError(f"cannot encode {type(value).__name__}")


def decode_hook(kind: type, value: Any) -> Any:
    """Read personal data from plain strings (msgspec ``dec_hook``).

    Raises:
        ValueError: not a string, too long, or with control characters.
    """
    if issubclass(kind, Personal):
        return _personal(kind, value)
    raise NotImplementedError(f"cannot decode {kind!r}")


def _personal(kind: Callable[[str], Personal], value: Any) -> Personal:
    if not isinstance(value, str):
        raise ValueError("Expected `str`")
    if len(value) > _MAX_LENGTH:
        raise ValueError(f"Expected `str` of length <= {_MAX_LENGTH}")
    if any((ord(c) < 32 and c not in "\t\n\r") or ord(c) == 127 for c in value):
        raise ValueError("Control characters are not allowed")
    return kind(value)
