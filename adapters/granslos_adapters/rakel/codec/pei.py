"""Single lines of the terminal's AT interface (EN 300 392-5): typed fields, or ``DecodeError``.

Terminals differ; a line that begins with ``+`` and is not known here is ``UnknownLine``, kept for the log and counted.
"""

import re
from collections.abc import Callable
from typing import Literal

import msgspec

from granslos_adapters.rakel.codec.bits import DecodeError
from granslos_adapters.rakel.codec.header import SdsHeader, number, parse_header, parse_tsi

CALL_PRIORITY_EMERGENCY = 15
SELECT_TYPE_4 = "AT+CTSDS=12,0,0,0,1"
SELECT_STATUS = "AT+CTSDS=13,0"
"""Choose the service of the following CMGS; modal in the terminal."""

_POSITION = re.compile(
    r"(\d\d:\d\d:\d\d),\s*([NS]):\s*(\d+)_(\d+(?:\.\d+)?),\s*([EW]):\s*(\d+)_(\d+(?:\.\d+)?),\s*(\d+)", re.ASCII
)


class OwnNumber(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CNUMF", gc=False):
    """The terminal's own number."""

    number_type: int
    tsi: str
    mcc: int | None
    mnc: int | None
    ssi: int


class IncomingCall(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CTICN", gc=False):
    """A call is being set up; only its priority matters here (15 is an emergency call)."""

    cc_instance: int
    call_status: int
    ai_service: int
    calling_type: int
    calling: str
    called_type: int | None = None
    called: str | None = None
    priority: int | None = None


class CallConnected(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CTCC", gc=False):
    """A call goes on."""

    cc_instance: int


class TransmissionCeased(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CDTXC", gc=False):
    """Nobody speaks any more."""

    cc_instance: int


class TransmissionGrant(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CTXG", gc=False):
    """Who may speak. Terminals disagree on the first field; never used for decisions."""

    cc_instance: int
    tx_grant: int
    tpi: str | None


class CallReleased(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CTCR", gc=False):
    """A call has ended."""

    cc_instance: int
    disconnect_cause: int


class SdsSent(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CMGS", gc=False):
    """The terminal has taken a message, and later: 4 it went over the air, 5 it failed."""

    sds_instance: int
    sds_status: int | None = None
    message_reference: int | None = None


class SdsRange(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CMGS=?", gc=False):
    """What the terminal can send."""

    max_pdu_bits: int


class GpsPosition(msgspec.Struct, frozen=True, tag_field="cmd", tag="+GPSPOS", gc=False):
    """The base radio's own position."""

    time_utc: str
    latitude_deg: float
    longitude_deg: float
    satellites: int


class GroupRange(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CNUMS=?", gc=False):
    """How many groups the terminal can list."""

    min: int
    max: int


class GroupInfo(msgspec.Struct, frozen=True, gc=False):
    """One talkgroup. The further lines of a list have no prefix; ``cmd`` then says "continuation"."""

    cmd: str
    entry_type: int
    gtsi: str
    name: str


class Model(msgspec.Struct, frozen=True, tag_field="cmd", tag="+GMM", gc=False):
    """Maker's code, model, version. The code is no status number, however much it looks like one."""

    model_code: str
    model: str
    version: str


class Manufacturer(msgspec.Struct, frozen=True, tag_field="cmd", tag="+GMI", gc=False):
    """Who made the terminal."""

    manufacturer: str


class Revision(msgspec.Struct, frozen=True, tag_field="cmd", tag="+GMR", gc=False):
    """Which software the terminal runs."""

    revision: str


class OperatingMode(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CTOM", gc=False):
    """0 trunked, 1 direct, 2 and 3 dual watch, 4 both, 5 gateway, 6 repeater."""

    mode: int


class Registration(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CREG", gc=False):
    """0 searching, 1 home network, 2 not registered, 3 rejected, 4 unknown, 5 visited network."""

    stat: int
    location_area: str | None
    mni: str | None


class Signal(msgspec.Struct, frozen=True, tag_field="cmd", tag="+CSQ", gc=False):
    """Field strength; None when the terminal does not know."""

    rssi_code: int
    dbm: int | None


class Final(msgspec.Struct, frozen=True, gc=False):
    """The end of an answer."""

    final: Literal["ok", "error", "cme_error", "cms_error"]
    code: int | None = None


class UnknownLine(msgspec.Struct, frozen=True, gc=False):
    """A line that means nothing to this release."""

    cmd: str
    fields: str


PeiLine = (
    SdsHeader
    | OwnNumber
    | IncomingCall
    | CallConnected
    | TransmissionCeased
    | TransmissionGrant
    | CallReleased
    | SdsSent
    | SdsRange
    | GpsPosition
    | GroupRange
    | GroupInfo
    | Model
    | Manufacturer
    | Revision
    | OperatingMode
    | Registration
    | Signal
    | Final
    | UnknownLine
)


def parse_line(line: str) -> PeiLine:
    """Parse one line without its line break.

    Raises:
        DecodeError: empty, or a known command with impossible fields.
    """
    text = line.strip()
    if not text:
        raise DecodeError("empty_line", "nothing in the line")
    final = parse_final(text)
    if final is not None:
        return final
    name, colon, rest = text.partition(":")
    if not text.startswith("+"):
        return _group_line(text)
    if not colon:
        raise DecodeError("truncated_line", "a command's name without its colon")
    name = name.upper()
    if name == "+CTSDSR":
        return parse_header(text)[0]
    parser = _PARSERS.get(name)
    if parser is None:
        return UnknownLine(name, rest.strip())
    try:
        return parser(rest.strip())
    except (ValueError, IndexError):
        raise DecodeError("bad_line", f"fields of {name} cannot be read") from None


def parse_final(text: str) -> Final | None:
    """Return the final result that a line is, in whatever case, or None."""
    upper = text.upper()
    if upper == "OK":
        return Final("ok")
    if upper == "ERROR":
        return Final("error")
    for prefix, kind in _ERRORS:
        if upper.startswith(prefix):
            digits = upper[len(prefix) :].strip(" :")
            return Final(kind, int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 4 else None)
    return None


_ERRORS: tuple[tuple[str, Literal["cme_error", "cms_error"]], ...] = (
    ("+CME ERROR", "cme_error"),
    ("CME ERROR", "cme_error"),
    ("+CMS ERROR", "cms_error"),
    ("CMS ERROR", "cms_error"),
)


def _numbers(rest: str) -> list[str]:
    return [field.strip() for field in rest.split(",")]


def _own_number(rest: str) -> OwnNumber:
    kind, tsi = _numbers(rest)[:2]
    mcc, mnc, ssi = parse_tsi(tsi)
    return OwnNumber(number(kind), tsi, mcc, mnc, ssi)


def _incoming_call(rest: str) -> IncomingCall:
    f = _numbers(rest)
    for party in (f[4], *f[11:12]):
        if party:
            parse_tsi(party)
    instance, status, service, kind = (number(field) for field in f[:4])
    return IncomingCall(
        instance,
        status,
        service,
        kind,
        f[4],
        _later(f, 10),
        f[11] if len(f) > 11 and f[11] else None,
        _later(f, 12),
    )


def _later(fields: list[str], index: int) -> int | None:
    return number(fields[index]) if len(fields) > index and fields[index] else None


def _grant(rest: str) -> TransmissionGrant:
    f = _numbers(rest)
    return TransmissionGrant(number(f[0]), number(f[1]), f[5] if len(f) > 5 else None)


def _released(rest: str) -> CallReleased:
    f = _numbers(rest)
    return CallReleased(number(f[0]), number(f[1]))


def _sent(rest: str) -> SdsSent | SdsRange:
    if rest.startswith("("):
        return SdsRange(number(rest.rsplit("-", 1)[1].rstrip(")")))
    f = _numbers(rest)
    return SdsSent(number(f[0]), *(number(field) for field in f[1:3]))


def _gps(rest: str) -> GpsPosition:
    match = _POSITION.fullmatch(rest)
    if match is None:
        raise ValueError(rest)
    time, ns, lat, lat_minutes, ew, lon, lon_minutes, satellites = match.groups()
    latitude = (number(lat) + float(lat_minutes) / 60.0) * (1 if ns == "N" else -1)
    longitude = (number(lon) + float(lon_minutes) / 60.0) * (1 if ew == "E" else -1)
    if abs(latitude) > 90.0 or abs(longitude) > 180.0:
        raise ValueError(rest)
    return GpsPosition(time, latitude, longitude, number(satellites))


def _groups(rest: str) -> GroupRange | GroupInfo:
    if rest.startswith("("):
        low, _, high = _numbers(rest)[1].strip("()").partition("-")
        return GroupRange(number(low), number(high))
    return _group("+CNUMS", rest)


def _group(name: str, rest: str) -> GroupInfo:
    kind, gtsi, label = rest.split(",", 2)
    parse_tsi(gtsi.strip())
    return GroupInfo(name, number(kind), gtsi.strip(), label.strip())


def _group_line(text: str) -> PeiLine:
    try:
        return _group("+CNUMx continuation", text)
    except ValueError:
        return UnknownLine("", text)


def _model(rest: str) -> Model:
    code, model, version = rest.split(",", 2)
    return Model(code.strip(), model.strip(), version.strip())


def _registration(rest: str) -> Registration:
    f = _numbers(rest)
    return Registration(number(f[0]), *(f[index] if len(f) > index and f[index] else None for index in (1, 2)))


def _signal(rest: str) -> Signal:
    code = number(_numbers(rest)[0])
    return Signal(code, None if code == 99 else -113 + 2 * code)


_PARSERS: dict[str, Callable[[str], PeiLine]] = {
    "+CNUMF": _own_number,
    "+CTICN": _incoming_call,
    "+CTXG": _grant,
    "+CTCR": _released,
    "+CMGS": _sent,
    "+GPSPOS": _gps,
    "+CNUMS": _groups,
    "+CNUMD": lambda rest: _group("+CNUMD", rest),
    "+GMM": _model,
    "+GMI": Manufacturer,
    "+GMR": Revision,
    "+CTOM": lambda rest: OperatingMode(number(rest)),
    "+CTCC": lambda rest: CallConnected(number(_numbers(rest)[0])),
    "+CDTXC": lambda rest: TransmissionCeased(number(_numbers(rest)[0])),
    "+CREG": _registration,
    "+CSQ": _signal,
}


def command_cmgs(called: str, data_hex: str, bits: int, *, digits: int = 0) -> str:
    """Return the command that sends user data, with its end character and without a line break behind it.

    Args:
        called: the receiver's number.
        data_hex: upper-case digits.
        bits: length of the data.
        digits: pads the length with zeros, for terminals that want ``,032``.
    """
    return f"AT+CMGS={called},{bits:0{digits}d}\r\n{data_hex}\x1a"
