"""Error codes of the terminal (``+CME ERROR``, EN 300 392-5, clause 6.17) and what each asks of us."""

from enum import Enum


class Remedy(Enum):
    """What to do after an error."""

    DONE = "done"
    """It is what we wanted already."""
    RETRY = "retry"
    """Not sent over the air: again, with back-off, while the message is valid."""
    BUSY = "busy"
    """Transmission inhibited or signalling busy: again after 1, 2, 4 seconds."""
    OUT_OF_SERVICE = "out_of_service"
    """No network: wait for registration."""
    RESYNC = "resync"
    """We and the terminal disagree on where a command ends: synchronise, once more."""
    LINK_DOWN = "link_down"
    """The interface is not ours: close, open again with back-off, tell a person."""
    MODE = "mode"
    """Direct mode where trunked is needed, or the other way round: alarm."""
    REFUSED = "refused"
    """Not allowed now: twice more, then give up."""
    SETTINGS = "settings"
    """Unsupported or out of range: never again with these settings."""
    PERSON = "person"
    """PIN, SIM or a full table: somebody must act."""
    DEFECT = "defect"
    """Our own encoding is wrong: log, give up."""


_BY_CODE: dict[int, Remedy] = {
    **dict.fromkeys((0, 31), Remedy.RETRY),
    **dict.fromkeys((1, 2), Remedy.LINK_DOWN),
    3: Remedy.REFUSED,
    **dict.fromkeys((4, 33, 34, 44), Remedy.SETTINGS),
    **dict.fromkeys((5, *range(10, 19), 39), Remedy.PERSON),
    **dict.fromkeys((20, 21, 22, 23), Remedy.RETRY),
    **dict.fromkeys((24, 25, 26, 27, 32), Remedy.DEFECT),
    30: Remedy.OUT_OF_SERVICE,
    **dict.fromkeys((35, 36, 37), Remedy.RESYNC),
    38: Remedy.DONE,
    **dict.fromkeys((40, 43), Remedy.MODE),
    **dict.fromkeys((41, 42), Remedy.BUSY),
}
SYNTAX = 35
ALREADY_REGISTERED = 38
TABLE_FULL = 39


def remedy(code: int | None) -> Remedy:
    """Return what an error code asks for; an error without or with an unknown code is worth trying again."""
    return Remedy.RETRY if code is None else _BY_CODE.get(code, Remedy.RETRY)
