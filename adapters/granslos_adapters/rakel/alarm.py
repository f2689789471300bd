"""The text that a crew reads when it gets an assignment: short, the same order always, in characters a radio has."""

import msgspec

TEXT_CHARACTERS_MAX = 400
"""Longest alarm text; about six parts over the air. What is cut off is shown by three dots."""
DESCRIPTION_CHARACTERS_MAX = 220


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """What the dispatch desk tells the radio of one unit; ``ended`` true when the assignment is over or turned back.

    Unknown fields are left alone, so that the platform may say more than a radio can show.
    """

    unit_id: str
    incident_id: str
    assignment_id: str = ""
    ended: bool = False
    reason: str | None = None
    priority: str | None = None
    category: str | None = None
    description: str | None = None
    address: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    unreliable_position: bool = False


def alarm_text(alarm: Alarm) -> str:
    """Return the text for the crew: priority and case, what, where, more.

    Never empty; never longer than ``TEXT_CHARACTERS_MAX``. A position that cannot be relied on is said to be so.
    """
    head = " ".join(part for part in (_priority(alarm), alarm.incident_id) if part)
    if alarm.ended:
        lines = [f"ÅTER {alarm.incident_id}", alarm.reason or ""]
    else:
        lines = [head, alarm.category or "", alarm.address or "", _position(alarm), _description(alarm)]
    text = "\n".join(" ".join(line.split()) for line in lines if line.strip())
    return text if len(text) <= TEXT_CHARACTERS_MAX else text[: TEXT_CHARACTERS_MAX - 3].rstrip() + "..."


def _priority(alarm: Alarm) -> str:
    return f"PRIO {alarm.priority}" if alarm.priority else "LARM"


def _position(alarm: Alarm) -> str:
    if alarm.latitude is None or alarm.longitude is None or (alarm.latitude, alarm.longitude) == (0.0, 0.0):
        return ""
    north, east = ("N" if alarm.latitude >= 0 else "S"), ("E" if alarm.longitude >= 0 else "W")
    doubt = " OSÄKER" if alarm.unreliable_position else ""
    return f"{north}{abs(alarm.latitude):.5f} {east}{abs(alarm.longitude):.5f}{doubt}"


def _description(alarm: Alarm) -> str:
    text = " ".join((alarm.description or "").split())
    if len(text) <= DESCRIPTION_CHARACTERS_MAX:
        return text
    return text[: DESCRIPTION_CHARACTERS_MAX - 3].rstrip() + "..."
