"""Type 5 information elements of location PDUs (TS 100 392-18-1, clauses 6.3.84 to 6.3.87): identifier, length, data.

An element that is not taken apart here keeps its number (up to 63 bits) and its hex digits. What follows the last whole
element is kept as hex too: padding is zeros, anything else is shown as a defect.
"""

import msgspec

from granslos_adapters.rakel.codec.bits import Bits, DecodeError, Reader, Writer
from granslos_adapters.rakel.codec.lip_tables import ELEMENTS, REASONS, RESULTS

DESTINATION = 4
RESULT_CODE = 12
STATUS_VALUE = 15
TERMINAL_ID = 17
TRIGGER_DEFINITION = 19
TRIGGER_REMOVAL = 20
_HEADER_BITS = 11
_EXTENDED_OFFSET_BITS = 56


class Element(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One element. ``value`` is its data as an unsigned integer where that fits 63 bits."""

    id: int
    name: str
    length_bits: int
    value: int | None = None
    meaning: str | None = None
    address_type: int | None = None
    ssi: int | None = None
    mcc: int | None = None
    mnc: int | None = None
    trigger_code: int | None = None
    trigger: str | None = None
    recurring: bool | None = None
    parameter: int | None = None
    data_hex: str = ""


def decode_elements(reader: Reader) -> tuple[tuple[Element, ...], Bits]:
    """Take elements until none fits; return them and the bits that are left over."""
    elements: list[Element] = []
    while reader.left >= _HEADER_BITS and reader.peek_rest().value:
        before = reader.peek_rest()
        try:
            identifier, data = _take(reader)
        except DecodeError:
            return tuple(elements), before
        elements.append(_element(identifier, data))
    return tuple(elements), reader.rest()


def encode_element(writer: Writer, identifier: int, data: Bits) -> None:
    """Append one element.

    Raises:
        ValueError: the length can not be expressed (over 63 bits it must be 64 + 8n).
    """
    writer.put(identifier, 5)
    if 1 <= data.length <= 63:
        writer.put(data.length, 6)
    else:
        steps, odd = divmod(data.length - _EXTENDED_OFFSET_BITS, 8)
        if odd or not 0 <= steps < 128:
            raise ValueError(f"an element cannot have {data.length} bits")
        writer.put(0, 6).put(steps, 7)
    writer.append(data)


def find_value(elements: tuple[Element, ...], identifier: int) -> int | None:
    """Return the value of the first element with this identifier."""
    return next((element.value for element in elements if element.id == identifier), None)


def _take(reader: Reader) -> tuple[int, Bits]:
    identifier, length = reader.take(5, "element"), reader.take(6, "element length")
    if length == 0:
        length = 8 * reader.take(7, "element length") + _EXTENDED_OFFSET_BITS
    return identifier, Bits(reader.take(length, "element data"), length)


def _element(identifier: int, data: Bits) -> Element:
    plain = Element(
        id=identifier,
        name=ELEMENTS.get(identifier, "reserved"),
        length_bits=data.length,
        value=data.value if data.length <= 63 else None,
        data_hex=data.hex(),
    )
    try:
        return _detailed(plain, Reader(data))
    except DecodeError:
        return plain


def _detailed(plain: Element, reader: Reader) -> Element:
    match plain.id:
        case 4 | 17:
            return _address(plain, reader)
        case 12:
            meaning = RESULTS.get(plain.value or 0, "unknown")
            return msgspec.structs.replace(plain, meaning=meaning)
        case 19 | 20:
            code = reader.take(8, "trigger")
            recurring = bool(reader.take(1)) if plain.id == TRIGGER_DEFINITION and reader.left else None
            rest = reader.rest()
            return msgspec.structs.replace(
                plain,
                trigger_code=code,
                trigger=REASONS.get(code, "unknown"),
                recurring=recurring,
                parameter=rest.value if 0 < rest.length <= 63 else None,
            )
        case _:
            return plain


def _address(plain: Element, reader: Reader) -> Element:
    kind = reader.take(4, "address type")
    if kind not in (1, 2, 9, 10):  # SSI, SSI + MNI, and both with an external number
        return msgspec.structs.replace(plain, address_type=kind)
    ssi = reader.take(24, "ssi")
    mcc = reader.take(10, "mcc") if kind in (2, 10) else None
    mnc = reader.take(14, "mnc") if kind in (2, 10) else None
    # An address is not a quantity: its number as a whole would only confuse.
    return msgspec.structs.replace(plain, value=None, address_type=kind, ssi=ssi, mcc=mcc, mnc=mnc)
