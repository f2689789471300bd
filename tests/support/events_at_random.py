"""Hypothesis strategies for every event of the contract with any stamp, from small pools so that they meet."""

from datetime import datetime
from typing import Any, get_args

from hypothesis import strategies as st

from granslos.contract import events as e
from granslos.contract.commands import CrewStatus
from granslos.contract.person import PersonAddress, PersonName, PhoneNumber
from granslos.contract.places import Caller, Location
from granslos.domain.stamp import Stamp
from support.chronicle import at

INCIDENTS = ("20261121-esk-000001", "20261121-vas-000001", "20261121-upp-000001")
HANDOVERS = ("a" * 32, "b" * 32)
EVENT_IDS = tuple(f"{n:032x}" for n in range(24))
ASSIGNMENTS = ("a1", "a2", "a3")
SITES = ("esk", "vas", "upp")

incidents = st.sampled_from(INCIDENTS)
handovers = st.sampled_from(HANDOVERS)
users = st.sampled_from(["op1", "op2", "op3"])
sites = st.sampled_from(SITES)
priorities = st.sampled_from(["1A", "1B", "2B", "H", "ZZ"])
texts = st.none() | st.sampled_from(["", " ", "x"])
instants = st.integers(-100, 100).map(at)
maybe_instants = st.none() | instants
locations = st.builds(
    Location,
    latitude=st.none() | st.just(59.0),
    longitude=st.none() | st.just(16.0),
    address=st.none() | st.just(PersonAddress("Storgatan 1")),
    observed_at=maybe_instants,
    usable=st.booleans(),
)
callers = st.none() | st.builds(
    Caller, number=st.none() | st.just(PhoneNumber("+467")), name=st.none() | st.just(PersonName("Eva"))
)
statuses = st.sampled_from(get_args(CrewStatus))
conflicts = st.sampled_from(["c1", "c2"])

HANDOVER_EVENTS = (
    st.builds(
        e.HandoverReceived,
        handover_id=handovers,
        source=st.just("sos"),
        source_id=st.just("1"),
        received_at=instants,
        sent_at=maybe_instants,
        location=st.none() | locations,
        caller=callers,
    ),
)
OPENINGS = (
    st.builds(
        e.IncidentOpened,
        incident_id=incidents,
        centre=sites,
        handover_id=st.none() | handovers,
        source=st.just("sos"),
        source_id=st.sampled_from("12"),
        offered_at=instants,
        priority=st.none() | priorities,
        test=st.booleans(),
    ),
    st.builds(
        e.BookingReceived,
        incident_id=incidents,
        source=st.just("suti"),
        source_id=st.sampled_from("12"),
        centre=sites,
        transport_class=st.just("stretcher"),
        pickup=locations,
        destination=locations,
        priority=priorities,
        patient=callers,
    ),
)
INCIDENT_DECISIONS = (
    *OPENINGS,
    st.builds(e.IncidentAnswered, operator=users, operator_centre=st.none() | sites),
    st.builds(e.IncidentAssessed, priority=priorities, recommended=st.none() | priorities, reason=texts, operator=users),
    st.builds(e.IncidentParked, operator=users),
    st.builds(e.IncidentResumed, operator=users),
    st.builds(e.IncidentQueued, operator=users, review_due_at=instants),
    st.builds(e.IncidentReviewed, operator=users, review_due_at=instants),
    st.builds(e.IncidentReferred, operator=users, to=st.sampled_from(["1177", "vc"])),
    st.builds(e.IncidentClosed, operator=users, outcome=texts, override_reason=texts),
    st.builds(e.IncidentReopened, operator=users),
    st.builds(e.IncidentMerged, operator=users, into=incidents),
    st.builds(e.BookingCancelled, by=users),
)
ACKNOWLEDGEMENTS = st.builds(e.ConflictAcknowledged, conflict_id=conflicts, by=users, note=texts)
INCIDENT_FACTS = (
    st.builds(e.NoteAdded, author=users, text=st.just("n")),
    st.builds(e.IncidentAmended, author=users, location=st.none() | locations, description=texts, caller=callers),
    ACKNOWLEDGEMENTS,
)
REPORTS = st.builds(
    e.UnitStatusReported,
    status=statuses,
    reported_at=instants,
    assignment_id=st.none() | st.sampled_from([*ASSIGNMENTS, "unknown"]),
)
UNIT_DECISIONS = (
    st.builds(
        e.UnitRegistered, unit_id=st.just("u1"), kind=st.just("ambulance"), centre=sites, latitude=st.none() | st.just(59.0)
    ),
    st.builds(
        e.UnitAssigned,
        assignment_id=st.sampled_from(ASSIGNMENTS),
        incident_id=incidents,
        incident_centre=st.none() | sites,
        priority=st.none() | priorities,
        replaces=st.none() | st.sampled_from(ASSIGNMENTS),
        by=users,
        reason=texts,
    ),
    st.builds(e.AssignmentCancelled, assignment_id=st.sampled_from(ASSIGNMENTS), incident_id=incidents, by=users, reason=texts),
)
OTHERS = (
    st.builds(e.DutyChanged, user_id=users, on=st.booleans(), centre=sites),
    st.builds(
        e.DeskMoved,
        centre=sites,
        desk=st.sampled_from(["calls", "dispatch"]),
        epoch=st.integers(1, 4),
        holder=sites,
        loser=sites,
        why=st.sampled_from(["takeover", "planned", "handback", "drill"]),
        by=users,
        at=instants,
    ),
    st.builds(e.GenerationStarted, reason=st.just("first")),
)
ALL_EVENTS = (*HANDOVER_EVENTS, *INCIDENT_DECISIONS, *INCIDENT_FACTS, *UNIT_DECISIONS, REPORTS, *OTHERS)


def stamps(n: int, made_on: str | None, folded_into: str | None, chosen: dict[str, Any], when: datetime) -> Stamp:
    """Return the stamp of the event number ``n`` of a list."""
    return Stamp(
        event_id=EVENT_IDS[n],
        command_id=f"c{n}",
        at=when,
        actor="op1",
        role="operator",
        order=n,
        aggregate_id=made_on,
        fold_id=folded_into,
        **chosen,
    )


stamp_fields = st.fixed_dictionaries(
    {
        "site": sites,
        "centre": st.none() | sites,
        "epoch": st.none() | st.integers(0, 2),
        "provisional": st.booleans(),
        "late": st.booleans(),
        "base": st.none() | st.lists(st.sampled_from(EVENT_IDS), min_size=1, max_size=3).map("+".join),
    }
)
