"""Bit fields, most significant bit first, without alignment; and the one error that decoding may raise."""

import re

from granslos.contract.errors import ContractError

_HEX = re.compile(r"[0-9A-Fa-f]+", re.ASCII)


class DecodeError(ContractError):
    """Bytes that are not what they should be. ``code`` is stable; ``where`` names the field or the bit."""

    def __init__(self, code: str, text: str, where: str = "") -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.where = where


class Bits:
    """An immutable run of bits as one integer; ``length`` keeps leading zeros."""

    __slots__ = ("length", "value")

    def __init__(self, value: int, length: int) -> None:
        assert 0 <= value < 1 << length, "bits beyond the length"
        self.value = value
        self.length = length

    @classmethod
    def from_hex(cls, text: str, length: int | None = None) -> "Bits":
        """Read hex digits, also an odd number of them, and cut them to ``length`` bits.

        Raises:
            DecodeError: not hex, or fewer bits than ``length``.
        """
        if not _HEX.fullmatch(text):
            raise DecodeError("not_hex", "expected hexadecimal digits")
        have = 4 * len(text)
        if length is None:
            return cls(int(text, 16), have)
        if have < length:
            raise DecodeError("too_short", f"{have} bits of {length}")
        return cls(int(text, 16) >> (have - length), length)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Bits":
        """Read whole octets."""
        return cls(int.from_bytes(data, "big"), 8 * len(data))

    def hex(self) -> str:
        """Return upper-case digits; the last one is padded with zero bits."""
        digits = -(-self.length // 4)
        return f"{self.value << (4 * digits - self.length):0{digits}X}" if digits else ""

    def octets(self) -> bytes:
        """Return octets; the last one is padded with zero bits."""
        size = -(-self.length // 8)
        return (self.value << (8 * size - self.length)).to_bytes(size, "big")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bits) and (self.value, self.length) == (other.value, other.length)

    def __hash__(self) -> int:
        return hash((self.value, self.length))

    def __repr__(self) -> str:
        return f"Bits({self.hex()}, {self.length})"


class Reader:
    """Takes fields from the front of ``Bits``."""

    __slots__ = ("_value", "left")

    def __init__(self, bits: Bits) -> None:
        self._value = bits.value
        self.left = bits.length

    def take(self, width: int, name: str = "") -> int:
        """Return the next ``width`` bits as an unsigned integer.

        Raises:
            DecodeError: fewer are left.
        """
        self.left -= width
        if self.left < 0:
            self.left += width
            raise DecodeError("truncated", f"{width} bits wanted, {self.left} left", name)
        return self._value >> self.left & (1 << width) - 1

    def signed(self, width: int, name: str = "") -> int:
        """Return the next ``width`` bits as two's complement."""
        value = self.take(width, name)
        return value - (1 << width) if value >> (width - 1) else value

    def rest(self) -> Bits:
        """Take everything that is left."""
        value, length = self._value & (1 << self.left) - 1, self.left
        self.left = 0
        return Bits(value, length)

    def peek_rest(self) -> Bits:
        """Return everything that is left without taking it."""
        return Bits(self._value & (1 << self.left) - 1, self.left)


class Writer:
    """Puts fields one after the other."""

    __slots__ = ("_length", "_value")

    def __init__(self) -> None:
        self._value = 0
        self._length = 0

    def put(self, value: int, width: int) -> "Writer":
        """Append ``value`` in ``width`` bits; a negative one as two's complement."""
        assert -(1 << width >> 1) <= value < 1 << width, f"{value} does not fit {width} bits"
        self._value = self._value << width | value & (1 << width) - 1
        self._length += width
        return self

    def append(self, bits: Bits) -> "Writer":
        """Append a run of bits."""
        self._value = self._value << bits.length | bits.value
        self._length += bits.length
        return self

    def bits(self) -> Bits:
        """Return what was put."""
        return Bits(self._value, self._length)
