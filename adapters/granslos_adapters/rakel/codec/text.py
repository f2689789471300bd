"""Text encodings of short data (EN 300 392-2, clause 29.5.4), both ways, and splitting into parts that fit.

Swedish needs coding 1 (ISO 8859-1: one octet for å, ä, ö). An unknown coding is read as ISO 8859-1, so that a
dispatcher sees most of a text instead of nothing.
"""

import re

SEVEN_BIT = 0
LATIN_1 = 1
UTF_16 = 26
_FALLBACK = "latin-1"
CODECS: dict[int, str] = {
    **{number: f"iso8859-{number}" for number in range(1, 11)},
    11: "iso8859-13",
    12: "iso8859-14",
    13: "iso8859-15",
    **dict(
        enumerate(
            "cp437 cp737 cp850 cp852 cp855 cp857 cp860 cp861 cp863 cp865 cp866 cp869".split(),
            start=14,
        )
    ),
    UTF_16: "utf-16-be",
}
"""Python codec by text coding scheme; 0 is the 7 bit alphabet below, 27 (VISCII) is read with the fallback."""

# GSM 03.38 default alphabet and its extension table.
_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = {10: "\f", 20: "^", 40: "{", 41: "}", 47: "\\", 60: "[", 61: "~", 62: "]", 64: "|", 101: "€"}
_GSM_CODE = {character: code for code, character in enumerate(_GSM) if code != 0x1B}
_GSM_EXTENDED_CODE = {character: code for code, character in _GSM_EXTENDED.items()}
_ESCAPE = 0x1B
# What word processors put where a radio has the plain character.
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})
_REPLACEMENT = "?"

_OPTA = re.compile(r"[A-Za-z ]+#\d{16}")
_ITSI = re.compile(r"(?:\r\r|\x1a\x00)(\d{16})$")


def decode_text(coding: int, data: bytes) -> str:
    """Return the text; octets that a coding does not define become U+FFFD."""
    if coding == SEVEN_BIT:
        return _decode_seven_bit(data)
    return data.decode(CODECS.get(coding, _FALLBACK), "replace")


def encode_text(coding: int, text: str) -> bytes:
    """Return octets; a character outside the coding becomes ``?``, visibly."""
    plain = text.translate(_PLAIN)
    if coding == SEVEN_BIT:
        return _pack(_septets(plain))
    return plain.encode(CODECS.get(coding, _FALLBACK), "replace")


def characters_that_fit(coding: int, bits: int) -> int:
    """Return how many characters of the coding's basic alphabet fit into ``bits``."""
    return max(0, bits) // _bits_per_unit(coding)


def split_text(coding: int, bits_max: int, text: str) -> list[str]:
    """Cut a text into parts of at most ``bits_max`` bits each; at least one part, in order, nothing lost.

    Raises:
        ValueError: not even one character fits.
    """
    room = characters_that_fit(coding, bits_max)
    plain = text.translate(_PLAIN)
    parts, start, used = [], 0, 0
    for index, character in enumerate(plain):
        units = _units(coding, character)
        if units > room:
            raise ValueError(f"{bits_max} bits hold no character")
        if used + units > room:
            parts.append(plain[start:index])
            start, used = index, 0
        used += units
    return [*parts, plain[start:]]


def split_opta(text: str) -> tuple[str, str]:
    """Return the sender label that German networks put before a text, and the rest."""
    match = _OPTA.match(text)
    return (match.group(), text[match.end() :]) if match else ("", text)


def split_itsi(text: str) -> tuple[str, str]:
    """Return a text and the sender's number that German networks put behind it."""
    match = _ITSI.search(text)
    return (text[: match.start()], match.group(1)) if match else (text, "")


def _bits_per_unit(coding: int) -> int:
    return {SEVEN_BIT: 7, UTF_16: 16}.get(coding, 8)


def _units(coding: int, character: str) -> int:
    if coding == SEVEN_BIT:
        return 2 if character in _GSM_EXTENDED_CODE else 1
    return 2 if coding == UTF_16 and ord(character) > 0xFFFF else 1


def _septets(text: str) -> list[int]:
    codes: list[int] = []
    for character in text:
        if character in _GSM_EXTENDED_CODE:
            codes += [_ESCAPE, _GSM_EXTENDED_CODE[character]]
        else:
            codes.append(_GSM_CODE.get(character, _GSM_CODE[_REPLACEMENT]))
    return codes


def _pack(codes: list[int]) -> bytes:
    # Least significant bit first, as GSM 03.38 packs; so the whole is a number of octets, and seven spare bits at the
    # end would read as one more "@": a carriage return fills them.
    if len(codes) % 8 == 7:
        codes = [*codes, 0x0D]
    value = 0
    for index, code in enumerate(codes):
        value |= code << (7 * index)
    return value.to_bytes(-(-7 * len(codes) // 8), "little")


def _decode_seven_bit(data: bytes) -> str:
    value = int.from_bytes(data, "little")
    codes = [value >> (7 * index) & 0x7F for index in range(8 * len(data) // 7)]
    if codes and len(codes) % 8 == 0 and codes[-1] in (0, 0x0D):
        codes.pop()
    characters: list[str] = []
    escaped = False
    for code in codes:
        if escaped:
            characters.append(_GSM_EXTENDED.get(code, _GSM[code]))
        elif code != _ESCAPE:
            characters.append(_GSM[code])
        escaped = code == _ESCAPE and not escaped
    return "".join(characters)
