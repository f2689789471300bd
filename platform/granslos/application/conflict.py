"""Use case of a clash: a person acknowledges it, and its outcome is frozen. A fact on the aggregate that holds the clash."""

from collections.abc import Callable
from datetime import datetime

from granslos.application.decisions import Decided, Draft, Elsewhere, Setting, UseCase
from granslos.application.items import Key
from granslos.application.world import World
from granslos.contract.commands import AcknowledgeConflict
from granslos.contract.events import ConflictAcknowledged
from granslos.domain.stamp import Rejection
from granslos.domain.view import clashes_of


def plan(command: AcknowledgeConflict, owner: Key, setting: Setting) -> UseCase:
    """Plan an acknowledgement; ``owner`` is the aggregate whose fold found the clash."""

    def decide(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Decided | Rejection | Elsewhere:
        state = world.state(*owner)
        assignments = world.case_assignments(owner[1]) if owner[0] == "incident" else ()
        clash = next((c for c in clashes_of(state, assignments) if c.id == command.conflict_id), None)
        if clash is None:
            return Rejection("not_found", "No such conflict", status=404)
        if clash.is_settled:
            return Decided(target=owner)
        event = ConflictAcknowledged(conflict_id=command.conflict_id, by=setting.actor.subject, note=command.note)
        return Decided(target=owner, drafts=(Draft(aggregate=owner[0], id=owner[1], payload=event),))

    return UseCase([owner], decide)
