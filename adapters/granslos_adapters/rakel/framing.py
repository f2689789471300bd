"""A terminal's byte stream to lines and indications; any split of the stream gives the same events.

A ``+CTSDSR`` header announces one line of hex data. Serial lines lose characters, so the data may be missing, cut or
odd, and other lines may come before it. The rule that all else serves: data is never given to a header it does not
belong to, because a wrong pairing is a wrong position for a vehicle. A line that begins with ``+`` ends the wait for
data; so does a line that looks like damaged data; an answer's ``OK`` does not.
"""

import re
from collections.abc import Mapping

import msgspec

from granslos_adapters.rakel.codec.bits import Bits, DecodeError
from granslos_adapters.rakel.codec.header import SdsHeader, parse_header
from granslos_adapters.rakel.codec.pei import Final, parse_final

LINE_BYTES_MAX = 4_096
"""A longer line is dropped up to its end; the longest real one is a text of 512 hex digits."""
GAP_LINES_MAX = 8
"""How many lines may come between a header and its data."""

_BREAK = re.compile(rb"[\r\n]")
_CONTROL = bytes(range(0x20))
_HEX_LINE = re.compile(r"[0-9A-Fa-f]+", re.ASCII)
_ECHO = re.compile(r"AT(?:$|[+&?=EIZDHO/])", re.IGNORECASE)
_ECHO_CMGS = re.compile(r"AT\+CMGS=\d+,(\d{1,4})$", re.IGNORECASE | re.ASCII)
_INDICATION = "+CTSDSR"
_PROMPT = ">"


class FinalLine(msgspec.Struct, frozen=True):
    """The end of an answer. ``at`` is the byte offset of the line in the stream, here and below."""

    final: Final
    text: str
    at: int


class TextLine(msgspec.Struct, frozen=True):
    """A line without prefix: part of an answer, or data whose header was lost."""

    text: str
    at: int

    @property
    def is_hex(self) -> bool:
        """Whether it may be data without a header."""
        return bool(_HEX_LINE.fullmatch(self.text)) and len(self.text) >= 4


class PlusLine(msgspec.Struct, frozen=True):
    """A line that begins with ``+``: part of an answer or unsolicited; only the link knows what it asked."""

    text: str
    at: int


class ShortData(msgspec.Struct, frozen=True):
    """Short data with its header; ``data`` is cut to the declared length, ``hex`` is as it came."""

    header: SdsHeader
    data: Bits
    hex: str
    at: int


class Indication(msgspec.Struct, frozen=True):
    """Another indication that is followed by lines of its own."""

    lines: tuple[str, ...]
    at: int


class Malformed(msgspec.Struct, frozen=True):
    """A header whose data did not come, was cut, or does not fit. ``reason``: missing, too_short, too_long, not_hex."""

    header: SdsHeader
    received: str
    reason: str
    at: int


class Truncated(msgspec.Struct, frozen=True):
    """A line that begins with ``+`` and was cut."""

    text: str
    at: int


class Echo(msgspec.Struct, frozen=True):
    """Our own command, sent back."""

    text: str
    at: int


class Overlong(msgspec.Struct, frozen=True):
    """A line beyond ``LINE_BYTES_MAX`` was dropped."""

    at: int


Event = FinalLine | TextLine | PlusLine | ShortData | Indication | Malformed | Truncated | Echo | Overlong


class _Waiting(msgspec.Struct):
    header: SdsHeader
    text: str
    at: int
    gap: int = 0


class _Collecting(msgspec.Struct):
    lines: list[str]
    wanted: int
    at: int


class Framer:
    """The state between two reads: an unfinished line, and a header that waits for its data."""

    def __init__(self, indications: Mapping[str, int] | None = None) -> None:
        """Prepare for the start of a stream.

        Args:
            indications: other indications by prefix (case ignored), with the number of lines that follow each.
        """
        self._indications = {prefix.upper(): count for prefix, count in (indications or {}).items()}
        self._line = bytearray()
        self._line_at = 0
        self._offset = 0
        self._dropping = False
        self._waiting: _Waiting | None = None
        self._collecting: _Collecting | None = None
        self._echo_digits: int | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes, however many; return what is complete now."""
        out: list[Event] = []
        start = 0
        for found in _BREAK.finditer(data):
            self._extend(data[start : found.start()], out)
            self._end_line(out)
            start = found.end()
            self._offset += 1
            self._line_at = self._offset
        self._extend(data[start:], out)
        return out

    def close(self) -> list[Event]:
        """Tell that the stream has ended; return what was unfinished. The framer begins anew after it."""
        out: list[Event] = []
        self._end_line(out)
        self._abandon(out)
        if self._collecting is not None:
            out.append(Indication(tuple(self._collecting.lines), self._collecting.at))
            self._collecting = None
        self._echo_digits = None
        self._line_at = self._offset
        return out

    def _extend(self, piece: bytes, out: list[Event]) -> None:
        self._offset += len(piece)
        if self._dropping:
            return
        self._line += piece
        if len(self._line) > LINE_BYTES_MAX:
            self._line.clear()
            self._dropping = True
            self._abandon(out)
            out.append(Overlong(self._line_at))

    def _end_line(self, out: list[Event]) -> None:
        line = self._line.translate(None, _CONTROL)
        self._line.clear()
        self._dropping = False
        text = line.decode("latin-1").strip(" ")
        if text.startswith(_PROMPT):
            text = text[1:].strip(" ")
        if not text:
            return
        # A lost line break: what comes before the header is a cut line of its own.
        inner = text.upper().find(_INDICATION, 1)
        if inner > 0:
            self._on_line(text[:inner].strip(" "), self._line_at, out)
            text = text[inner:]
        self._on_line(text, self._line_at, out)

    def _on_line(self, text: str, at: int, out: list[Event]) -> None:
        if self._collecting is not None and not text.startswith("+"):
            self._collect(text, out)
            return
        self._collecting = None
        count = self._indication_lines(text)
        if count is not None:
            self._abandon(out)
            self._collecting = _Collecting([text], count, at)
            self._collect(None, out)
        elif text.startswith("+"):
            self._abandon(out)
            self._on_plus(text, at, out)
        else:
            self._on_plain(text, at, out)

    def _indication_lines(self, text: str) -> int | None:
        if not self._indications:
            return None
        upper = text.upper()
        return next((count for prefix, count in self._indications.items() if upper.startswith(prefix)), None)

    def _collect(self, text: str | None, out: list[Event]) -> None:
        collecting = self._collecting
        assert collecting is not None, "called while collecting"
        if text is not None:
            collecting.lines.append(text)
        if len(collecting.lines) > collecting.wanted:
            out.append(Indication(tuple(collecting.lines), collecting.at))
            self._collecting = None

    def _on_plus(self, text: str, at: int, out: list[Event]) -> None:
        final = parse_final(text)
        if final is not None:
            self._echo_digits = None
            out.append(FinalLine(final, text, at))
        elif text[: len(_INDICATION)].upper() == _INDICATION:
            self._on_header(text, at, out)
        elif ":" not in text:
            out.append(Truncated(text, at))
        else:
            if text[:6].upper() == "+CMGS:":
                self._echo_digits = None
            out.append(PlusLine(text, at))

    def _on_header(self, text: str, at: int, out: list[Event]) -> None:
        try:
            header, data = parse_header(text)
        except DecodeError:
            out.append(Truncated(text, at))
            return
        if data is None:
            self._waiting = _Waiting(header, text, at)
        else:
            self._on_data(header, data, at, out)

    def _on_plain(self, text: str, at: int, out: list[Event]) -> None:
        final = parse_final(text)
        if final is not None:
            self._echo_digits = None
            out.append(FinalLine(final, text, at))
        elif _ECHO.match(text):
            sent = _ECHO_CMGS.match(text)
            self._echo_digits = -(-int(sent.group(1)) // 4) if sent else None
            out.append(Echo(text, at))
        elif self._is_echo_data(text):
            self._echo_digits = None
            out.append(Echo(text, at))
        else:
            self._on_text(text, at, out)

    def _is_echo_data(self, text: str) -> bool:
        # Until the command's answer, data of the length we sent is our own: better a message lost than one of ours
        # taken for a vehicle's.
        return self._echo_digits is not None and len(text) == self._echo_digits and bool(_HEX_LINE.fullmatch(text))

    def _on_text(self, text: str, at: int, out: list[Event]) -> None:
        waiting = self._waiting
        if waiting is None:
            out.append(TextLine(text, at))
        elif _HEX_LINE.fullmatch(text):
            self._waiting = None
            self._on_data(waiting.header, text, waiting.at, out)
        elif _is_damaged_data(text):
            self._waiting = None
            out.append(Malformed(waiting.header, text, "not_hex", waiting.at))
        else:
            out.append(TextLine(text, at))
            waiting.gap += 1
            if waiting.gap >= GAP_LINES_MAX:
                self._abandon(out)

    def _on_data(self, header: SdsHeader, text: str, at: int, out: list[Event]) -> None:
        if header.fits(len(text)):
            out.append(ShortData(header, Bits.from_hex(text, header.length_bits), text, at))
        else:
            reason = "too_short" if len(text) < header.digits_min else "too_long"
            out.append(Malformed(header, text, reason, at))

    def _abandon(self, out: list[Event]) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        if waiting.header.whole:
            out.append(Malformed(waiting.header, "", "missing", waiting.at))
        else:
            out.append(Truncated(waiting.text, waiting.at))


def _is_damaged_data(text: str) -> bool:
    if "," in text or ":" in text:
        return False
    return 2 * sum(character in "0123456789ABCDEFabcdef" for character in text) > len(text)
