"""AML messages: SMS as text or packed in GSM 7-bit (ETSI TS 103 625, version 1; ELS version 2), and the HTTPS form.

Read leniently: ``ml`` is often wrong and never a reason, unknown keys are kept, the last of a double key counts. A null
location (``pm=N``, ``rd=N`` or 0,0) means that there is none.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import msgspec

from granslos_adapters.aml.gsm7 import unpack_gsm7
from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.instants import from_epoch
from granslos_adapters.emergency.limits import SHORT_TEXT_CHARACTERS_MAX
from granslos_adapters.emergency.positions import Suggestion, judge, read_number
from granslos_adapters.emergency.texts import fit

SMS_CHARACTERS_MAX = 2_000
"""Of a longer text only the beginning is read."""
FORM_BYTES_MAX = 64 << 10
FORM_FIELDS_MAX = 200
METHODS = {"G": "GNSS", "W": "WIFI", "C": "CELL", "N": "NONE", "U": "UNKNOWN", "F": "FUSED"}
_SOURCES = {"gps": "GNSS", "gnss": "GNSS", "wifi": "WIFI", "cell": "CELL", "fused": "FUSED", "unknown": "UNKNOWN"}
_HEADER = 'A"ML'
_TIME = re.compile(r"^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$", re.ASCII)
_WHOLE = re.compile(r"\.\d{5}$", re.ASCII)
_V1_KEYS = frozenset((_HEADER, "lt", "lg", "rd", "top", "lc", "pm", "si", "ei", "mcc", "mnc", "ml"))
_V2_KEYS = frozenset((_HEADER, "en", "et", "lo", "lt", "lc", "lz", "ls", "ei", "nc", "hc", "lg", "si", "ml"))
_FORM_KEYS = frozenset(
    (
        *("v", "emergency_number", "source", "thunderbird_version", "time", "location_latitude", "location_longitude"),
        *("location_time", "location_altitude", "location_altitude_msl", "location_floor", "location_source"),
        *("location_accuracy", "location_vertical_accuracy", "location_vertical_accuracy_msl", "location_confidence"),
        *("location_certainty", "location_bearing", "location_speed", "device_number", "device_model", "device_imsi"),
        *("device_imei", "device_iccid", "device_os", "device_languages", "cell_home_mcc", "cell_home_mnc"),
        *("cell_network_mcc", "cell_network_mnc", "cell_carrier", "cell_id", "adr_carcrash_time", "hmac"),
        *("gt_location_latitude", "gt_location_longitude"),
    )
)


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """One AML message. Degrees WGS 84, metres, percent; ``kept`` has the values of keys that are not known here.

    ``latitude`` is None for a null location. ``trusted`` is None without an HMAC, else whether it is right.
    """

    form: str
    version: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    usable: bool = False
    suggestion: Suggestion | None = None
    radius_m: float | None = None
    altitude_m: float | None = None
    vertical_radius_m: float | None = None
    confidence_percent: float | None = None
    method: str | None = None
    observed_at: datetime | None = None
    call_started_at: datetime | None = None
    imsi: str | None = None
    imei: str | None = None
    number: str | None = None
    emergency_number: str | None = None
    network: str | None = None
    home_network: str | None = None
    floor: str | None = None
    language: str | None = None
    bearing_deg: float | None = None
    speed_m_s: float | None = None
    crashed_at: datetime | None = None
    test_position: tuple[float, float] | None = None
    trusted: bool | None = None
    kept: dict[str, str] = {}


def read_sms(data: str | bytes, defects: Defects) -> Fix | None:
    """Read an AML SMS: text, or the bytes of a data SMS; None with a defect when there is no AML in it."""
    text = data if isinstance(data, str) else _to_text(data, defects)
    if len(text) > SMS_CHARACTERS_MAX:
        defects.add("too_long", f"{len(text)} characters")
        text = text[:SMS_CHARACTERS_MAX]
    text = text.strip("\0\r\n\t ")
    pairs = _pairs(text, defects)
    if _HEADER not in pairs:
        defects.add("no_header", 'no A"ML')
        if not {"lt", "lg"} <= pairs.keys() and "lo" not in pairs:
            return None
    version = pairs.get(_HEADER)
    if version == "2" or "lo" in pairs:
        return _read_v2(pairs, version, defects)
    if version not in ("1", None):
        defects.add("unknown_version", version[:20])
    _check_length(pairs, text, defects)
    return _read_v1(pairs, version, defects)


def _to_text(data: bytes, defects: Defects) -> str:
    stripped = data.lstrip(b"\xef\xbb\xbf \t\r\n\0")
    if stripped[:4] in (b'A"ML', b'a"ml') or b";lt=" in data or b"lo=" in data:
        return stripped.decode("ascii", "replace")
    unpacked = unpack_gsm7(data[:SMS_CHARACTERS_MAX])
    if unpacked.startswith(_HEADER) or ";lt=" in unpacked:
        return unpacked
    if b"\x00A" in data[:8]:  # UCS-2, big-endian, as some gateways pass a text on
        return data.decode("utf-16-be", "replace")
    defects.add("not_text", "neither text nor GSM 7-bit with AML in it")
    return stripped.decode("ascii", "replace")


def _pairs(text: str, defects: Defects) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in text.split(";"):
        key, equals, value = part.partition("=")
        if not equals:
            if part.strip():
                defects.add("not_a_pair", part[:40])
            elif len(text) > 0:
                defects.add("empty_pair", "two semicolons")
            continue
        if key in pairs:
            defects.add("double_key", key[:20])
        pairs[key] = value
    if "ml" not in pairs and pairs:
        _drop_cut(pairs, defects)
    return pairs


def _drop_cut(pairs: dict[str, str], defects: Defects) -> None:
    """Drop a number at the end of a message without ``ml``: it may have lost digits, unless it has five decimals."""
    key = next(reversed(pairs))
    numbers = ("lo", "lz") if "lo" in pairs else ("lt", "lg", "rd")
    if key in numbers and not _WHOLE.search(pairs[key]):
        defects.add("cut_off", f"{key} is the last thing that came")
        del pairs[key]


def _check_length(pairs: Mapping[str, str], text: str, defects: Defects) -> None:
    stated = pairs.get("ml")
    if stated is not None and stated != str(len(text)):
        defects.add("wrong_length", f"ml={stated[:10]}, counted {len(text)}")


def _read_v1(pairs: dict[str, str], version: str | None, defects: Defects) -> Fix:
    method = _method(pairs.get("pm"), defects)
    radius = _metres(pairs.get("rd"), "rd", defects)
    latitude, longitude = _angle(pairs.get("lt"), "lt", defects), _angle(pairs.get("lg"), "lg", defects)
    null = (method == "NONE" and pairs.get("rd") in ("N", None)) or (latitude, longitude) == (0.0, 0.0)
    latitude, longitude, usable, suggestion = _judged(latitude, longitude, null, defects)
    return Fix(
        form="sms",
        version=version,
        latitude=latitude,
        longitude=longitude,
        usable=usable,
        suggestion=suggestion,
        radius_m=radius,
        confidence_percent=_percent(pairs.get("lc"), 1.0, "lc", defects),
        method=method,
        observed_at=_stamp(pairs.get("top"), defects),
        imsi=_digits(pairs.get("si"), 15, "si", defects),
        imei=_digits(pairs.get("ei"), 15, "ei", defects),
        network=_network(pairs.get("mcc"), pairs.get("mnc")),
        kept=_kept(pairs, _V1_KEYS, defects),
    )


def _read_v2(pairs: dict[str, str], version: str | None, defects: Defects) -> Fix:
    """Read ELS' version 2, where ``lo`` has the position and ``lt`` is the time of fix after the start of the call."""
    position = [*pairs.get("lo", "").split(","), "", "", ""][:3]
    vertical = [*pairs.get("lz", "").split(","), "", ""][:2]
    latitude, longitude = _angle(position[0], "lo", defects), _angle(position[1], "lo", defects)
    latitude, longitude, usable, suggestion = _judged(latitude, longitude, (latitude, longitude) == (0.0, 0.0), defects)
    radius = _metres(position[2], "lo", defects)
    started = read_number(pairs.get("et", ""))
    offset = read_number(pairs.get("lt", ""))
    return Fix(
        form="sms",
        version=version,
        latitude=latitude,
        longitude=longitude,
        usable=usable,
        suggestion=suggestion,
        radius_m=radius or None,
        altitude_m=read_number(vertical[0]),
        vertical_radius_m=_metres(vertical[1], "lz", defects) or None,
        confidence_percent=_percent(pairs.get("lc"), 1.0, "lc", defects),
        method=_method(pairs.get("ls"), defects),
        observed_at=from_epoch(started + offset, defects, "lt") if started is not None and offset is not None else None,
        call_started_at=from_epoch(started, defects, "et") if started is not None else None,
        imsi=_digits(pairs.get("si"), 15, "si", defects),
        imei=_digits(pairs.get("ei"), 15, "ei", defects),
        emergency_number=_text(pairs.get("en")),
        network=_text(pairs.get("nc")),
        home_network=_text(pairs.get("hc")),
        language=_text(pairs.get("lg")),
        kept=_kept(pairs, _V2_KEYS, defects),
    )


def read_form(body: bytes, defects: Defects, key: bytes | None = None) -> Fix | None:
    """Read an HTTPS message (``application/x-www-form-urlencoded``); None with a defect when it has no known field.

    Args:
        body: as received.
        defects: recorder.
        key: shared key of the HMAC; a wrong HMAC makes the message untrusted, never lost.
    """
    if len(body) > FORM_BYTES_MAX:
        defects.add("too_long", f"{len(body)} bytes")
        body = body[:FORM_BYTES_MAX]
    fields = _fields(body, defects)
    if not fields.keys() & _FORM_KEYS:
        defects.add("not_a_form", "no known field")
        return None
    latitude = _angle(fields.get("location_latitude"), "location_latitude", defects)
    longitude = _angle(fields.get("location_longitude"), "location_longitude", defects)
    latitude, longitude, usable, suggestion = _judged(latitude, longitude, (latitude, longitude) == (0.0, 0.0), defects)
    truth = read_number(fields.get("gt_location_latitude", "")), read_number(fields.get("gt_location_longitude", ""))
    return Fix(
        form="https",
        version=_text(fields.get("v")),
        latitude=latitude,
        longitude=longitude,
        usable=usable,
        suggestion=suggestion,
        radius_m=_metres(fields.get("location_accuracy"), "location_accuracy", defects),
        altitude_m=read_number(fields.get("location_altitude_msl") or fields.get("location_altitude", "")),
        vertical_radius_m=_metres(
            fields.get("location_vertical_accuracy_msl") or fields.get("location_vertical_accuracy"),
            "vertical",
            defects,
        ),
        confidence_percent=_form_confidence(fields, defects),
        method=_SOURCES.get(fields.get("location_source", "").lower(), _text(fields.get("location_source"))),
        observed_at=_milliseconds(fields, "location_time", defects),
        call_started_at=_milliseconds(fields, "time", defects),
        imsi=_digits(fields.get("device_imsi"), 15, "device_imsi", defects),
        imei=_digits(fields.get("device_imei"), 15, "device_imei", defects),
        number=_text(fields.get("device_number")),
        emergency_number=_text(fields.get("emergency_number")),
        network=_network(fields.get("cell_network_mcc"), fields.get("cell_network_mnc")),
        home_network=_network(fields.get("cell_home_mcc"), fields.get("cell_home_mnc")),
        floor=_text(fields.get("location_floor")),
        language=_text(fields.get("device_languages")),
        bearing_deg=read_number(fields.get("location_bearing", "")),
        speed_m_s=read_number(fields.get("location_speed", "")),
        crashed_at=_milliseconds(fields, "adr_carcrash_time", defects),
        test_position=(truth[0], truth[1]) if truth[0] is not None and truth[1] is not None else None,
        trusted=_trusted(body, fields.get("hmac"), key, defects),
        kept=_kept(fields, _FORM_KEYS, defects),
    )


def sign_form(body: bytes, key: bytes) -> str:
    """Return the HMAC-SHA1 in hex of a form body without its ``&hmac=`` (ELS HTTP)."""
    return hmac.new(key, body, hashlib.sha1).hexdigest()


def _trusted(body: bytes, stated: str | None, key: bytes | None, defects: Defects) -> bool | None:
    if stated is None or key is None:
        return None
    right = hmac.compare_digest(sign_form(body.rpartition(b"&hmac=")[0], key).encode(), stated.lower().encode())
    if not right:
        defects.add("wrong_hmac", "kept, not trusted")
    return right


def _fields(body: bytes, defects: Defects) -> dict[str, str]:
    text = body.decode("utf-8", "replace").strip()
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="replace")
    except ValueError:
        defects.add("too_many_fields", f"more than {FORM_FIELDS_MAX}")
        pairs = parse_qsl("&".join(text.split("&")[:FORM_FIELDS_MAX]), keep_blank_values=True, errors="replace")
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields and fields[name] != value:
            defects.add("double_key", name[:40])
        fields[name] = value
    return fields


def _judged(
    latitude: float | None, longitude: float | None, null: bool, defects: Defects
) -> tuple[float | None, float | None, bool, Suggestion | None]:
    if latitude is None or longitude is None:
        return None, None, False, None
    if null:
        defects.add("null_location", "the telephone knew no position")
        return None, None, False, None
    verdict = judge(latitude, longitude)
    if verdict.problem is not None:
        defects.add(verdict.problem, f"{latitude}, {longitude}")
    return latitude, longitude, verdict.usable, verdict.suggestion


def _angle(text: str | None, key: str, defects: Defects) -> float | None:
    value = read_number(text) if text else None
    if value is None:
        defects.add("no_position" if not text else "bad_value", key)
    return value


def _metres(text: str | None, key: str, defects: Defects) -> float | None:
    if not text or text == "N":
        return None
    value = read_number(text)
    if value is None or not 0 <= value <= 1_000_000:
        defects.add("bad_value", f"{key}={text[:20]}")
        return None
    return value


def _percent(text: str | None, factor: float, key: str, defects: Defects) -> float | None:
    if not text:
        return None
    value = read_number(text)
    if value is None or not 0 <= value * factor <= 100:
        defects.add("bad_value", f"{key}={text[:20]}")
        return None
    return value * factor


def _form_confidence(fields: Mapping[str, str], defects: Defects) -> float | None:
    """Return percent: ``location_confidence`` is a fraction, the older ``location_certainty`` is percent."""
    if fields.get("location_confidence"):
        return _percent(fields["location_confidence"], 100.0, "location_confidence", defects)
    return _percent(fields.get("location_certainty"), 1.0, "location_certainty", defects)


def _method(letter: str | None, defects: Defects) -> str | None:
    if letter is None:
        return None
    known = METHODS.get(letter[:1].upper())
    if known is None:
        defects.add("unknown_method", letter[:20])
        return "UNKNOWN"
    return known


def _stamp(text: str | None, defects: Defects) -> datetime | None:
    if text is None:
        defects.add("no_time", "top is missing: the time of arrival counts")
        return None
    match = _TIME.match(text)
    if match is not None:
        year, month, day, hour, minute, second = map(int, match.groups())
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            pass
    defects.add("bad_time", text[:20])
    return None


def _milliseconds(fields: Mapping[str, str], name: str, defects: Defects) -> datetime | None:
    value = read_number(fields.get(name, ""))
    return from_epoch(value / 1000, defects, name) if value is not None else None


def _digits(text: str | None, usual: int, key: str, defects: Defects) -> str | None:
    if not text:
        return None
    if len(text) != usual or not text.isdigit():
        defects.add("unusual_number", f"{key}: {len(text)} characters")
    return fit(text, SHORT_TEXT_CHARACTERS_MAX)


def _network(country: str | None, operator: str | None) -> str | None:
    return fit(f"{country or ''}-{operator or ''}", SHORT_TEXT_CHARACTERS_MAX) if country or operator else None


def _text(text: str | None) -> str | None:
    return fit(text.strip(), SHORT_TEXT_CHARACTERS_MAX) or None if text else None


def _kept(pairs: Mapping[str, str], known: frozenset[str], defects: Defects) -> dict[str, str]:
    unknown = pairs.keys() - known
    if not unknown:
        return {}
    for name in sorted(unknown):
        defects.add("unknown_key", name[:40])
    return {fit(name, SHORT_TEXT_CHARACTERS_MAX): fit(pairs[name], SHORT_TEXT_CHARACTERS_MAX) for name in unknown}
