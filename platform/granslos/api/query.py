"""Parameters of an address, each given at most once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from granslos.api.fields import IMPLAUSIBLE, YEARS
from granslos.api.problems import ProblemError, invalid
from granslos.contract.types import AreaCode, CentreCode, Instant
from granslos.readmodel.pages import Filter
from granslos.runtime import limits

Word = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[a-z0-9_]+$")]
"""A state or a kind."""
Count = Annotated[int, Meta(ge=1)]
Cursor = Annotated[str, Meta(min_length=1, max_length=limits.CURSOR_CHARACTERS_MAX, pattern=r"^[A-Za-z0-9_-]+$")]
QUERY_CHARACTERS_MAX = 8_192
PARAMETERS_MAX = 64

LIST: Mapping[str, tuple[Any, str]] = {
    "limit": (Count, f"Items on a page; larger than {limits.LIST_ITEMS_MAX} is taken as that."),
    "cursor": (Cursor, "Where to go on: `next` of the page before."),
}
STATE: Mapping[str, tuple[Any, str]] = {"state": (Word, "Only items in this state.")}
AREA: Mapping[str, tuple[Any, str]] = {"area": (AreaCode, "Only items of this area (county code).")}
CENTRE: Mapping[str, tuple[Any, str]] = {"centre": (CentreCode, "Only items of this centre.")}
KIND: Mapping[str, tuple[Any, str]] = {"kind": (Word, "Only items of this kind.")}
SINCE: Mapping[str, tuple[Any, str]] = {"since": (Instant, "Only items from this instant on (RFC 3339, with offset).")}


def parse(query_string: bytes, known: Mapping[str, tuple[Any, str]]) -> dict[str, Any]:
    """Return the known parameters, converted; others are not looked at.

    Raises:
        ProblemError: 422, with the parameter's name.
    """
    found: dict[str, Any] = {}
    for name, text in _pairs(query_string):
        if name not in known:
            continue
        if name in found:
            raise invalid(name, "The parameter is given more than once")
        # A plus sign means a blank in an address, but in an instant it is an offset that nobody escaped.
        value = text.replace(" ", "+") if known[name][0] is Instant else text
        try:
            # Not strict, a number would be an instant too: seconds since 1970.
            found[name] = msgspec.convert(value, known[name][0], strict=known[name][0] is Instant)
        except msgspec.ValidationError as error:
            detail = str(error)
            if "timezone component" in detail:
                detail = "The instant has no offset from UTC"
            raise invalid(name, detail) from None
        if isinstance(found[name], datetime) and found[name].year not in YEARS:
            raise invalid(name, IMPLAUSIBLE)
    return found


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    if not query_string:
        return []
    if len(query_string) > QUERY_CHARACTERS_MAX:
        raise ProblemError(414, "address_too_long", "The address is too long")
    try:
        return parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
    except UnicodeDecodeError:
        raise ProblemError(400, "invalid_utf8", "The address is not UTF-8") from None
    except ValueError:
        raise ProblemError(400, "too_many_parameters", "The address has too many parameters") from None


def list_filter(parameters: Mapping[str, Any]) -> Filter:
    """Build a list's filter."""
    instant: datetime | None = parameters.get("since")
    return Filter(
        state=parameters.get("state"),
        area=parameters.get("area"),
        centre=parameters.get("centre"),
        kind=parameters.get("kind"),
        since=instant,
        limit=parameters.get("limit", limits.LIST_ITEMS_DEFAULT),
        cursor=parameters.get("cursor"),
    )
