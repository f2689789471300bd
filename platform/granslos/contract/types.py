"""Annotated scalars shared by all contract structs; each bound has its unit in its name or docstring."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

# PostgreSQL refuses U+0000 in text and consoles refuse other control characters; line breaks and tabs are allowed.
_PRINTABLE = r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]*$"
_TOKEN = r"^[A-Za-z0-9][A-Za-z0-9._:@+/=-]*$"

Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 instant with offset; UTC on the wire.")]
Latitude = Annotated[float, Meta(ge=-90.0, le=90.0, description="WGS 84 degrees, north positive.")]
Longitude = Annotated[float, Meta(ge=-180.0, le=180.0, description="WGS 84 degrees, east positive.")]
Metres = Annotated[float, Meta(ge=0.0, le=1_000_000.0)]

Token = Annotated[str, Meta(min_length=1, max_length=128, pattern=_TOKEN)]
"""An identifier made by a machine: letters, digits and ``._:@+/=-``."""
CommandId = Annotated[str, Meta(min_length=1, max_length=128, pattern=_TOKEN)]
"""Chosen by the sender; a resend carries the same one."""
SourceText = Annotated[str, Meta(min_length=1, max_length=256, pattern=_PRINTABLE)]
"""A foreign system's name or identifier, kept verbatim."""
ShortText = Annotated[str, Meta(max_length=200, pattern=_PRINTABLE)]
Text = Annotated[str, Meta(max_length=8_000, pattern=_PRINTABLE)]
LongText = Annotated[str, Meta(max_length=64_000, pattern=_PRINTABLE)]

SiteCode = Annotated[str, Meta(pattern=r"^[a-z]{3}$", description="Code of a site (driftställe).")]
CentreCode = Annotated[str, Meta(pattern=r"^[a-z]{3}$", description="Code of a centre.")]
AreaCode = Annotated[str, Meta(min_length=2, max_length=16, pattern=r"^[A-Za-z0-9-]+$", description="County code (SCB).")]
IncidentId = Annotated[str, Meta(pattern=r"^[0-9]{8}-[a-z]{3}-[0-9]{6,9}$", description="Day, site code, serial.")]
UnitId = Annotated[str, Meta(min_length=2, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$", description="Call sign.")]
HandoverId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$", description="Hash of source and the source's id.")]
UserId = Annotated[str, Meta(min_length=1, max_length=64, pattern=_TOKEN)]
PriorityCode = Annotated[
    str, Meta(min_length=1, max_length=4, pattern=r"^[0-9A-Z]+$", description="E.g. 1A; a row of the scale.")
]
HexHash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256 in lower-case hex.")]
