"""The line that announces short data, ``+CTSDSR`` (EN 300 392-5), in all the forms that terminals send."""

import re

import msgspec

from granslos_adapters.rakel.codec.bits import DecodeError

SDS_BITS_MAX = 2_047
"""Longest SDS type 4 message in bits."""
SPARE_DIGITS_MAX = 2
"""Hex digits that a terminal may send beyond the length it declares (Motorola pads 84 bits to 88)."""

_HEX_DATA = re.compile(r"[0-9A-Fa-f]+", re.ASCII)
_SEPARATOR = re.compile(r"\s*,\s*|\s+")
_HEADER = re.compile(r"\+CTSDSR: ?(\d{1,3}),(\d{1,24})?,(\d)?,(\d{1,24}),(\d)?,(\d{1,4})(?:,(\d))?", re.ASCII | re.IGNORECASE)


class SdsHeader(msgspec.Struct, frozen=True, kw_only=True, tag_field="cmd", tag="+CTSDSR", gc=False):
    """Announces short data. ``calling`` is None where the terminal does not say who sent it: never guess."""

    ai_service: int
    calling: str | None
    calling_type: int | None = None
    called: str
    called_type: int | None = None
    length_bits: int
    e2ee: int | None = None
    whole: bool = True
    """Whether the line had all fields (six or seven); shorter forms look like a line that was cut."""

    @property
    def digits_min(self) -> int:
        """How many hex digits the data needs at least."""
        return -(-self.length_bits // 4)

    def fits(self, digits: int) -> bool:
        """Tell whether data of so many hex digits can belong to this header."""
        return self.digits_min <= digits <= self.digits_min + SPARE_DIGITS_MAX


def parse_header(text: str) -> tuple[SdsHeader, str | None]:
    """Parse a ``+CTSDSR`` line; some terminals put the data on the same line, behind a comma, a blank, or nothing.

    Raises:
        DecodeError: fields are missing or impossible: the line was cut.
    """
    usual = _HEADER.fullmatch(text)
    if usual is not None:
        service, calling, calling_type, called, called_type, bits, e2ee = usual.groups()
        return _header((service, calling, calling_type, called, called_type, bits, e2ee)), None
    body = text[len("+CTSDSR") :].lstrip(": ")
    tokens = _SEPARATOR.split(body.strip())
    tokens, data = _split_data(tokens)
    match len(tokens):
        case 3:
            return _header((tokens[0], None, None, tokens[1], None, tokens[2], None), whole=data is not None), data
        case 4:
            return _header((tokens[0], None, None, *tokens[1:], None), whole=data is not None), data
        case 6:
            return _header((*tokens, None)), data
        case 7:
            return _header(tuple(tokens)), data
        case _:
            raise DecodeError("truncated_line", f"{len(tokens)} fields in a short data header")


def parse_tsi(number: str) -> tuple[int | None, int | None, int]:
    """Return (country, network, subscriber) of a TSI of 15 to 17 digits, or of a bare SSI.

    Raises:
        ValueError: not digits.
    """
    if not (number.isascii() and number.isdigit()) or len(number) > 24:
        raise ValueError("not a number")
    head, ssi = number[:-8], int(number[-8:])
    if len(head) not in (7, 8, 9):
        return None, None, ssi
    country = 4 if len(head) == 9 else 3
    return int(head[:country]), int(head[country:]), ssi


def _split_data(tokens: list[str]) -> tuple[list[str], str | None]:
    last = tokens[-1]
    if not _HEX_DATA.fullmatch(last):
        return tokens, None
    for back in (2, 3):  # the length is the field before, or the one before the encryption flag
        if len(tokens) > back and _fits(tokens[-back], len(last)) and len(last) >= 4:
            return tokens[:-1], last
    for width in range(1, 5):
        if len(last) > width + 3 and _fits(last[:width], len(last) - width):
            return [*tokens[:-1], last[:width]], last[width:]
    return tokens, None


def _fits(length: str, digits: int) -> bool:
    if not (length.isascii() and length.isdigit()) or len(length) > 4:
        return False
    need = -(-int(length) // 4)
    return int(length) >= 8 and need <= digits <= need + SPARE_DIGITS_MAX


def _header(tokens: tuple[str | None, ...], *, whole: bool = True) -> SdsHeader:
    service, calling, calling_type, called, called_type, bits, e2ee = tokens
    try:
        for party in (calling, called):
            if party:
                parse_tsi(party)
        header = SdsHeader(
            ai_service=number(service or ""),
            calling=calling or None,
            calling_type=_optional(calling_type),
            called=called or "",
            called_type=_optional(called_type),
            length_bits=number(bits or ""),
            e2ee=_optional(e2ee),
            whole=whole,
        )
    except ValueError:
        raise DecodeError("truncated_line", "a field of a short data header is no number") from None
    if not header.called or not 1 <= header.length_bits <= SDS_BITS_MAX:
        raise DecodeError("truncated_line", "a short data header without receiver or length")
    return header


def _optional(text: str | None) -> int | None:
    return number(text) if text else None


def number(text: str) -> int:
    """Return a field's number.

    Raises:
        ValueError: not one to nine ASCII digits.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise ValueError("not a number")
    return int(text)
