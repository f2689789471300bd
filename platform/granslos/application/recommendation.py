"""Proposes units for an incident from what this site knows now. Proposes only: a person decides."""

from collections.abc import Callable, Mapping
from typing import Any

from granslos.application.decisions import Known
from granslos.application.world import World
from granslos.contract.places import Location, Position
from granslos.domain.candidates import DEFAULT_RULES, Candidate, Need, candidate_of
from granslos.domain.fleet import Fleet
from granslos.domain.handover import summary
from granslos.domain.points import point
from granslos.domain.recommendation import CLOSEST, Recommendation, recommend
from granslos.runtime.clock import Clock


class Recommender:
    """A ``RecommendationPort``.

    Args:
        positions: the newest observation of each unit.
        is_grey: whether a centre's dispatch desk cannot be reached.
    """

    def __init__(
        self,
        known: Known,
        world: World,
        clock: Clock,
        positions: Mapping[str, Position],
        is_grey: Callable[[str], bool],
    ) -> None:
        self._known, self._world, self._clock = known, world, clock
        self._positions, self._is_grey = positions, is_grey
        self._residents = known.geography.roads.residents

    async def recommendations(self, incident_id: str) -> list[Any] | None:
        """Return units, the one to propose first; None for an incident that is not open here."""
        root = self._world.root(incident_id)
        state = self._world.state("incident", root)
        if state is None or not state.opened:
            return None
        now = self._clock.now()
        fleet = Fleet(self._known.geography.roads, self._residents, DEFAULT_RULES, self._candidates())
        found: list[Recommendation] = recommend(self._need(root, state), fleet, CLOSEST, now)
        return list(found)

    def _candidates(self) -> list[Candidate]:
        found = []
        for (kind, unit_id), entry in self._world.entries.items():
            state = entry.current
            if kind != "unit" or state is None or not state.registered:
                continue
            centre = self._known.centres.get(state.centre)
            active = state.active
            others = self._world.case_assignments(self._world.root(active.incident_id)) if active else ()
            found.append(
                candidate_of(
                    state,
                    self._positions.get(unit_id),
                    area=next(iter(centre.areas), None) if centre else None,
                    reachable=not self._is_grey(state.centre),
                    reinforcement=sum(1 for a in others if a.active) > 1,
                )
            )
        return found

    def _need(self, root: str, state: Any) -> Need:
        place = self._place(state)
        exclude = {a.unit_id for a in self._world.case_assignments(root) if a.active or a.t_refused is not None}
        return Need(
            priority=state.priority or self._known.scale.priorities[0].code,
            place=point(place.latitude, place.longitude) if place is not None else None,
            area=state.area,
            exclude=frozenset(exclude),
        )

    def _place(self, state: Any) -> Location | None:
        """Return the place to drive to: an operator's word, else the fragments' best usable one."""
        spoken = [a.location for a in reversed(state.amendments) if a.location is not None and a.location.usable]
        handovers = (self._world.state("handover", h) for h in state.handover_ids)
        claimed = [summary(h).location for h in handovers if h is not None]
        booked = [state.booking.pickup] if state.booking is not None else []
        places = [p for p in (*spoken, *claimed, *booked) if p is not None and p.usable and p.latitude is not None]
        return places[0] if places else None
