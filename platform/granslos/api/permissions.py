"""Who may do what: role × verb, as data. ``docs/api.md`` shows the same table, and a test compares them."""

from typing import Final, Literal, get_args

from granslos.contract.places import Role

Verb = Literal[
    "incidents.read",
    "incidents.work",
    "handovers.read",
    "handovers.post",
    "units.read",
    "units.work",
    "units.status",
    "bookings.read",
    "bookings.post",
    "bookings.cancel",
    "operators.read",
    "operators.duty",
    "centres.read",
    "centres.takeover",
    "conflicts.read",
    "conflicts.acknowledge",
    "kpi.read",
    "site.read",
    "feed.read",
]
Grant = Literal["yes", "own", "redacted"]
"""``own``: only what the same bearer sent. ``redacted``: without patient data."""

_STAFF: Final[dict[Verb, Grant]] = {
    "incidents.read": "yes",
    "incidents.work": "yes",
    "handovers.read": "yes",
    "handovers.post": "yes",
    "units.read": "yes",
    "units.work": "yes",
    "units.status": "yes",
    "bookings.read": "yes",
    "bookings.post": "yes",
    "bookings.cancel": "yes",
    "operators.read": "yes",
    "operators.duty": "yes",
    "centres.read": "yes",
    "conflicts.read": "yes",
    "conflicts.acknowledge": "yes",
    "kpi.read": "yes",
    "site.read": "yes",
    "feed.read": "yes",
}

TABLE: Final[dict[Role, dict[Verb, Grant]]] = {
    "operator": _STAFF,
    "dispatcher": _STAFF,
    "supervisor": _STAFF | {"centres.takeover": "yes"},
    "technician": {
        "centres.read": "yes",
        "conflicts.read": "redacted",
        "site.read": "yes",
        "feed.read": "redacted",
    },
    "adapter": {
        "handovers.read": "own",
        "handovers.post": "yes",
        "units.status": "yes",
        "bookings.read": "own",
        "bookings.post": "yes",
        "bookings.cancel": "own",
        "centres.read": "yes",
        "site.read": "yes",
    },
    "observer": {
        "incidents.read": "yes",
        "handovers.read": "yes",
        "units.read": "yes",
        "bookings.read": "yes",
        "operators.read": "yes",
        "centres.read": "yes",
        "conflicts.read": "yes",
        "kpi.read": "yes",
        "site.read": "yes",
        "feed.read": "yes",
    },
    "system": {},
}

VERBS: Final[tuple[Verb, ...]] = get_args(Verb)

PATIENT_VERBS: Final[frozenset[Verb]] = frozenset(
    {
        "incidents.read",
        "incidents.work",
        "handovers.read",
        "handovers.post",
        "units.status",
        "units.work",
        "bookings.read",
        "bookings.post",
        "bookings.cancel",
        "conflicts.acknowledge",
        "conflicts.read",
        "feed.read",
    }
)
"""Verbs whose use leaves a row in ``audit``: they show or change what concerns a patient."""


def grant(role: Role, verb: Verb) -> Grant | None:
    """Return what ``role`` may do of ``verb``, or None."""
    return TABLE[role].get(verb)
