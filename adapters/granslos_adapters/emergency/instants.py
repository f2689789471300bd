"""Times as senders write them: RFC 3339 and its neighbours, to aware datetimes in UTC."""

import re
from datetime import UTC, datetime

from granslos_adapters.emergency.defects import Defects

_LOOSE = re.compile(r"^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*([Zz]|[+-]\d\d(?::?\d\d)?)?$")
EARLIEST_YEAR = 1990
LATEST_YEAR = 2200


def read_instant(text: str, defects: Defects, where: str = "") -> datetime | None:
    """Return the instant in UTC, or None with a defect; a time without offset is taken as UTC, with a defect."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        loose = _LOOSE.match(text)
        if loose is None:
            defects.add("bad_time", f"not a time: {text[:40]}", where)
            return None
        fraction = (loose[7] or "0")[:6].ljust(6, "0")
        offset = (loose[8] or "").upper()
        try:
            moment = datetime.fromisoformat(
                f"{loose[1]}-{loose[2]}-{loose[3]}T{loose[4]}:{loose[5]}:{loose[6] or '00'}.{fraction}{offset}"
            )
        except ValueError:
            defects.add("bad_time", f"no such time: {text[:40]}", where)
            return None
    if moment.tzinfo is None:
        defects.add("time_without_offset", "taken as UTC", where)
        moment = moment.replace(tzinfo=UTC)
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        defects.add("implausible_time", f"year {moment.year}", where)
        return None
    return moment.astimezone(UTC)


def from_epoch(seconds: float, defects: Defects, where: str = "") -> datetime | None:
    """Return the instant of a Unix time in seconds, or None with a defect when it is outside 1990 to 2200."""
    if not 631_152_000 <= seconds <= 7_258_118_400:
        defects.add("implausible_time", f"epoch {seconds:.0f}", where)
        return None
    return datetime.fromtimestamp(seconds, UTC)
