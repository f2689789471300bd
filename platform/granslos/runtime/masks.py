"""What readers of logs and settings must not see: patterns of personal data, and credentials in addresses."""

import re
from datetime import date

MASK = "•••"

_CREDENTIALS = re.compile(r"(://[^:/@\s]*:)[^@/\s]+@|(\b(?:password|passwd|pwd)\s*=\s*)(?:'[^']*'|[^\s'&]+)", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer\s+)\S+|\beyJ[\w-]+\.[\w-]+\.[\w-]*", re.IGNORECASE)
_NATIONAL_ID = re.compile(r"(?<![0-9A-Za-z])(?:(1[89]|20)?(\d{2})(\d{2})(\d{2})[-+ ]?(\d{3})(\d))(?![0-9A-Za-z])")
_PHONE = re.compile(
    r"(?<![0-9A-Za-z])(?:\+|00)[1-9](?:[ -]?\d){7,14}(?![0-9])|(?<![0-9A-Za-z.-])07[02369](?:[ -]?\d){7}(?![0-9])"
)

_COORDINATION_DAYS = 60
"""A coordination number (samordningsnummer) has 60 added to the day (Skatteverket, SKV 704)."""


def mask_credentials(text: str) -> str:
    """Return the text without passwords in URLs and connection strings, and without bearer tokens."""
    text = _CREDENTIALS.sub(lambda found: f"{found[1]}{MASK}@" if found[1] else f"{found[2]}{MASK}", text)
    return _BEARER.sub(lambda found: f"{found[1] or ''}{MASK}", text)


def mask_personal(text: str) -> str:
    """Return the text without what looks like a personnummer, a samordningsnummer or a telephone number.

    A number counts as a personnummer when its date exists and its check digit is right (Luhn, SKV 704), so that other
    numbers of ten digits stay readable. This is a net below the types of ``contract.person``, not a replacement.
    """
    return _PHONE.sub(MASK, _NATIONAL_ID.sub(_masked_if_national_id, text))


def _masked_if_national_id(found: re.Match[str]) -> str:
    century, year, month, day, serial, check = found.groups()
    right = _is_date(century, year, month, day) and _luhn(f"{year}{month}{day}{serial}") == int(check)
    return MASK if right else found[0]


def _is_date(century: str | None, year: str, month: str, day: str) -> bool:
    number = int(day)
    if number > _COORDINATION_DAYS:
        number -= _COORDINATION_DAYS
    try:
        # Which century is meant changes no day but 29 February 1900, which nobody alive was born on.
        date(int(f"{century or '20'}{year}"), int(month), number)
    except ValueError:
        return False
    return True


def _luhn(digits: str) -> int:
    total = 0
    for place, digit in enumerate(digits):
        value = int(digit) * (2 - place % 2)
        total += value - 9 if value > 9 else value
    return -total % 10
