"""The own JSON form of a handover: a call is never refused for its data.

Only ``source`` and ``source_id`` are needed. A field that cannot be used is kept in ``extra`` as it came, with a defect
that names it; a field this release does not know is kept too; the bytes as received travel along.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from granslos.api.bodies import depth_exceeds, too_deep
from granslos.api.fields import IMPLAUSIBLE, YEARS, from_validation, looks_swapped
from granslos.api.problems import ProblemError, invalid
from granslos.contract.commands import ReceiveHandover
from granslos.contract.person import PersonAddress, PersonName, PhoneNumber, decode_hook
from granslos.contract.places import Caller, Defect, Location
from granslos.contract.types import Instant, Latitude, Longitude, LongText, Metres, PriorityCode, ShortText, SourceText
from granslos.runtime import limits

Value = TypeVar("Value")
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of characters that a sender cut in two."""
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_-]+)", re.IGNORECASE)
_SHORT, _LONG, _PERSONAL, _WHERE = 200, 64_000, 500, 60
_TEXTS: Mapping[str, tuple[Any, int]] = {
    "description": (LongText, _LONG),
    "category": (ShortText, _SHORT),
    "language": (ShortText, _SHORT),
}
_CALLER: Mapping[str, type] = {"number": PhoneNumber, "name": PersonName}
_PLACE_TEXTS: Mapping[str, tuple[Any, int]] = {
    "source": (ShortText, _SHORT),
    "method": (ShortText, _SHORT),
    "address": (PersonAddress, _PERSONAL),
}
_PLACE_NUMBERS: Mapping[str, Any] = {
    "latitude": Latitude,
    "longitude": Longitude,
    "radius_m": Metres,
    "confidence_percent": float,
}
_LOCATIONS_MAX = 50
_CALL_IDS_MAX = 50


def read_handover(data: bytes, media_type: str | None) -> ReceiveHandover:
    """Read a handover.

    Raises:
        ProblemError: not JSON, not an object, or ``source`` or ``source_id`` missing or no text.
    """
    return _Form(_decode(data, media_type)).command(data, media_type)


def _decode(data: bytes, media_type: str | None) -> dict[str, Any]:
    decoded = _parse(_text(data, media_type))
    if not isinstance(decoded, dict):
        raise ProblemError(422, "invalid_field", "The body is not a JSON object", field="$")
    return decoded


def _text(data: bytes, media_type: str | None) -> bytes:
    """Return the body as UTF-8; another character set counts only where the sender declares it."""
    declared = _CHARSET.search(media_type or "")
    if declared and declared[1].lower() not in ("utf-8", "utf8", "us-ascii", "ascii"):
        try:
            return data.decode(declared[1]).encode()
        except (LookupError, UnicodeError):
            raise ProblemError(400, "invalid_charset", "The body is not in the declared character set") from None
    return data.removeprefix(b"\xef\xbb\xbf")


def _parse(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except UnicodeDecodeError:
        raise ProblemError(400, "invalid_utf8", "The body is not UTF-8") from None
    except RecursionError:
        raise too_deep() from None
    except (msgspec.DecodeError, msgspec.ValidationError):
        return _parse_leniently(data)


def _parse_leniently(data: bytes) -> Any:
    """Read what JSON's grammar allows, or nearly: half a character, a number without bounds, a line break in a text."""
    try:
        return json.loads(data.decode(), strict=False, parse_constant=str)
    except RecursionError:
        raise too_deep() from None
    except ValueError as error:
        where = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ProblemError(400, "invalid_json", "The body is not JSON", where) from None


class _Form:
    """Takes a body apart, field by field."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = dict(fields)
        self.extra: dict[str, Any] = {}
        self.defects: list[Defect] = []
        self.more_defects = 0

    def command(self, data: bytes, media_type: str | None) -> ReceiveHandover:
        """Return the command; takes fields out of the form until only unknown ones are left."""
        self._flatten()
        source, source_id = self._required("source"), self._required("source_id")
        made: dict[str, Any] = {
            name: self.text(name, self.fields.pop(name, None), kind, length) for name, (kind, length) in _TEXTS.items()
        }
        made["priority"] = self._priority(self.fields.pop("priority", None))
        for name in ("sent_at", "answered_112_at"):
            made[name] = self.instant(name, self.fields.pop(name, None))
        made["caller"] = self._caller(self.fields.pop("caller", None))
        made["location"] = self._location("location", self.fields.pop("location", None))
        made["alternative_locations"] = self._locations(self.fields.pop("alternative_locations", None))
        made["call_ids"] = self._call_ids(self.fields.pop("call_ids", None))
        made["test"] = self._flag("test", self.fields.pop("test", None))
        raw = self._raw(data)
        return ReceiveHandover(
            source=source,
            source_id=source_id,
            extra=self._extra(),
            raw=raw,
            raw_media_type=_clean(media_type or "application/json")[:_SHORT],
            defects=self._defects(),
            **made,
        )

    # --- keeping -----------------------------------------------------------------------------------------------------

    def defect(self, code: str, where: str, text: str = "") -> None:
        """Note something wrong; bounded."""
        if len(self.defects) < limits.HANDOVER_DEFECTS_MAX - 1:
            self.defects.append(Defect(code=code, where=_clean(where)[:_WHERE], text=text[:_SHORT]))
        else:
            self.more_defects += 1

    def keep(self, where: str, value: Any, code: str = "invalid_field", text: str = "") -> None:
        """Put a value that cannot be used where people see it."""
        self.extra[where] = value
        self.defect(code, where, text)

    def convert(self, where: str, value: Any, kind: Any) -> Any:
        """Return a value as ``kind``, or None when it cannot be used and was kept."""
        try:
            return msgspec.convert(value, kind, dec_hook=decode_hook)
        except msgspec.ValidationError as error:
            self.keep(where, value, text=from_validation(error).problem.detail)
            return None

    def text(self, where: str, value: Any, kind: Any, length: int) -> Any:
        """Return a text; numbers are taken as written, control characters replaced, too long ones cut."""
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.defect("number_for_text", where)
            value = str(value)
        if isinstance(value, str) and len(value) > length:
            self.defect("too_long", where, f"{len(value)} characters; the bytes as received hold all")
            value = value[:length]
        return self.convert(where, value, kind)

    def instant(self, where: str, value: Any) -> datetime | None:
        """Return an instant; one without offset says nothing certain and is kept aside."""
        if value is None:
            return None
        try:
            found = msgspec.convert(value, Instant)
        except msgspec.ValidationError as error:
            code = "naive_time" if "timezone component" in str(error) else "invalid_field"
            self.keep(where, value, code, from_validation(error).problem.detail)
            return None
        if found.year in YEARS:
            return found
        self.keep(where, value, "implausible_time", IMPLAUSIBLE)
        return None

    def number(self, where: str, value: Any, kind: Any) -> float | None:
        """Return a number; one written as text is understood, also with a decimal comma."""
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = float(value.replace(",", "."))
            except ValueError:
                self.keep(where, value, "not_a_number")
                return None
            self.defect("text_for_number", where)
        found = self.convert(where, value, kind)
        if found is None:
            return None
        if not math.isfinite(found):
            self.keep(where, str(found), "not_a_number")
            return None
        return float(found)

    # --- fields ------------------------------------------------------------------------------------------------------

    def _flatten(self) -> None:
        """Make all texts usable, and cut what is nested too deeply."""
        cleaned = False
        for name in list(self.fields):
            value = self.fields[name]
            if depth_exceeds([value], limits.JSON_DEPTH_LEVELS_MAX):
                del self.fields[name]
                self.defect("too_deep", name, "the bytes as received hold it")
                continue
            usable = _usable(value)
            cleaned = cleaned or usable is not value
            self.fields[name] = usable
            if _UNUSABLE.search(name):
                del self.fields[name]
                self.fields[_clean(name)] = usable
                cleaned = True
        if cleaned:
            self.defect("control_characters_replaced", "", "the bytes as received hold them")

    def _required(self, name: str) -> str:
        value = self.fields.pop(name, None)
        if value is None:
            raise invalid(name, "A handover needs its source and the source's id", "missing_field")
        try:
            return msgspec.convert(value, SourceText)
        except msgspec.ValidationError as error:
            raise invalid(name, from_validation(error).problem.detail) from None

    def _priority(self, value: Any) -> str | None:
        if value is None:
            return None
        if isinstance(value, str | int) and not isinstance(value, bool):
            try:
                return msgspec.convert(str(value).strip().upper(), PriorityCode)
            except msgspec.ValidationError as error:
                self.keep("priority", value, text=from_validation(error).problem.detail)
                return None
        self.keep("priority", value)
        return None

    def _flag(self, name: str, value: Any) -> bool:
        if value is None or isinstance(value, bool):
            return bool(value)
        self.keep(name, value)
        return False

    def _raw(self, data: bytes) -> bytes:
        if len(data) > limits.HANDOVER_RAW_BYTES_MAX:
            self.defect("raw_cut", "raw", f"{len(data)} bytes came, the first {limits.HANDOVER_RAW_BYTES_MAX} are kept")
        return data[: limits.HANDOVER_RAW_BYTES_MAX]

    def _extra(self) -> dict[str, Any]:
        given = self.fields.pop("extra", None)
        if given is not None and not isinstance(given, dict):
            self.keep("extra", given)
            given = None
        extra = self.fields | self.extra | (given or {})
        size = len(msgspec.json.encode(extra))
        if size <= limits.HANDOVER_EXTRA_BYTES_MAX:
            return extra
        self.defect("extra_too_large", "extra", f"{size} bytes; the bytes as received hold them")
        return {}

    def _defects(self) -> tuple[Defect, ...]:
        more = [Defect(code="more_defects", text=str(self.more_defects))] if self.more_defects else []
        return (*self.defects, *more)

    def _caller(self, value: Any) -> Caller | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self.keep("caller", value)
            return None
        made = {name: self.text(f"caller.{name}", value.get(name), kind, _PERSONAL) for name, kind in _CALLER.items()}
        self._unknown("caller", value, _CALLER)
        return Caller(**made)

    def _unknown(self, where: str, value: dict[str, Any], *known: Mapping[str, Any]) -> None:
        names = {name for mapping in known for name in mapping}
        unknown = {key: item for key, item in value.items() if key not in names}
        if unknown:
            self.extra[where] = unknown

    def _locations(self, value: Any) -> tuple[Location, ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            self.keep("alternative_locations", value)
            return ()
        if len(value) > _LOCATIONS_MAX:
            self.defect("too_many", "alternative_locations", str(len(value)))
        found = (self._location(f"alternative_locations[{n}]", item) for n, item in enumerate(value[:_LOCATIONS_MAX]))
        return tuple(location for location in found if location is not None)

    def _location(self, where: str, value: Any) -> Location | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self.keep(where, value)
            return None
        made: dict[str, Any] = {
            name: self.number(f"{where}.{name}", value.get(name), kind) for name, kind in _PLACE_NUMBERS.items()
        }
        for name, (kind, length) in _PLACE_TEXTS.items():
            made[name] = self.text(f"{where}.{name}", value.get(name), kind, length)
        made["observed_at"] = self.instant(f"{where}.observed_at", value.get("observed_at"))
        claimed = value.get("usable")
        self._unknown(where, value, _PLACE_NUMBERS, _PLACE_TEXTS, {"observed_at": 0, "usable": 0})
        usable = self._is_usable(where, made["latitude"], made["longitude"]) and claimed is not False
        if (made["latitude"] is None) != (made["longitude"] is None):
            made["latitude"] = made["longitude"] = None
        return Location(**made, usable=usable)

    def _is_usable(self, where: str, latitude: float | None, longitude: float | None) -> bool:
        if latitude is None and longitude is None:
            return True
        if latitude is None or longitude is None:
            self.keep(f"{where}.coordinates", [latitude, longitude], "half_a_position")
            return True
        if latitude == 0 and longitude == 0:
            self.defect("null_island", where)
            return False
        if looks_swapped(latitude, longitude):
            self.defect("coordinates_look_swapped", where, "Sweden lies at 55 to 70 degrees north, 10 to 25 east")
            return False
        return True

    def _call_ids(self, value: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        values = value if isinstance(value, list) else [value]
        if len(values) > _CALL_IDS_MAX:
            self.defect("too_many", "call_ids", str(len(values)))
        found = (self.text(f"call_ids[{n}]", item, SourceText, 256) for n, item in enumerate(values[:_CALL_IDS_MAX]))
        return tuple(item for item in found if item is not None)


def _clean(text: str) -> str:
    return _UNUSABLE.sub("\ufffd", text)


def _usable(value: Any) -> Any:
    """Return ``value``, or a copy without characters that stores and consoles refuse. Its depth is bounded."""
    if isinstance(value, str):
        return _clean(value) if _UNUSABLE.search(value) else value
    if isinstance(value, list):
        made = [_usable(item) for item in value]
        return value if all(new is old for new, old in zip(made, value, strict=True)) else made
    if isinstance(value, dict):
        pairs = [(_clean(key), _usable(item)) for key, item in value.items()]
        same = all(key == old and new is item for (key, new), (old, item) in zip(pairs, value.items(), strict=True))
        return value if same else dict(pairs)
    return value
