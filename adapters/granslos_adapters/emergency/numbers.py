"""Telephone numbers as senders write them: E.164 where that is certain, else verbatim; short codes kept apart."""

import functools
import re

import msgspec
import phonenumbers

from granslos_adapters.emergency.limits import PERSONAL_CHARACTERS_MAX
from granslos_adapters.emergency.texts import fit, squeeze

HOME_REGION = "SE"
HOME_COUNTRY_CODE = "46"
SHORT_CODES = frozenset({"112", "1177", "11313", "11414", "118118", "90000", "911"})
"""Numbers that are dialled, not called back."""

_SCHEME = re.compile(r"^\s*<?\s*(tel|sip|sips|sms|callto)\s*:\s*", re.IGNORECASE)
_FILLING = re.compile(r"[\s().\-/\xa0]+")
_CACHE_ENTRIES = 4_096


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """One number: ``text`` as it came, ``e164`` where certain, ``kind`` one of e164, short, local, uri, anonymous."""

    text: str
    kind: str
    e164: str | None = None
    extension: str | None = None

    @property
    def best(self) -> str:
        """The number to show and to match on."""
        return self.e164 or self.text


def read_number(text: str) -> Number:
    """Read a number or a ``tel:``/``sip:`` URI.

    A number without ``+``, ``00`` or a national ``0`` is not guessed into a country, unless it begins with the home
    country's code and is valid that way.
    """
    return _read(fit(squeeze(text), PERSONAL_CHARACTERS_MAX))


@functools.lru_cache(maxsize=_CACHE_ENTRIES)
def _read(text: str) -> Number:
    scheme = _SCHEME.match(text)
    bare = text[scheme.end() :] if scheme else text
    user, _, rest = bare.strip("<> ").partition("@")
    user, *parameters = user.split(";")
    extension = next((p[4:] for p in parameters if p.lower().startswith("ext=")), None)
    digits = _FILLING.sub("", user.rstrip(":").partition(":")[0].replace("(0)", ""))
    if digits.lower() in ("anonymous", "unavailable", "restricted", "unknown", ""):
        return Number(text=text, kind="anonymous")
    if digits in SHORT_CODES:
        return Number(text=digits, kind="short")
    if not digits.removeprefix("+").isascii() or not digits.removeprefix("+").isdigit():
        return Number(text=text, kind="uri" if scheme or rest else "local")
    e164 = _e164(digits)
    if e164 is not None:
        return Number(text=text, kind="e164", e164=e164, extension=extension)
    return Number(text=text, kind="uri" if rest else "local", extension=extension)


def _e164(digits: str) -> str | None:
    if digits.startswith("+"):
        international = digits
    elif digits.startswith("00"):
        international = "+" + digits[2:]
    elif digits.startswith("0"):
        international = "+" + HOME_COUNTRY_CODE + digits[1:]
    elif digits.startswith(HOME_COUNTRY_CODE) and _valid("+" + digits):
        return "+" + digits
    else:
        return None
    # The sender says it is international: an invalid one is kept as it came, a possible one is enough.
    return international if _possible(international) else None


def _possible(international: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(international))
    except phonenumbers.NumberParseException:
        return False


def _valid(international: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(international))
    except phonenumbers.NumberParseException:
        return False
