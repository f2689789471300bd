"""What is cut, slow or lossy between which sites: a pure value, and the commands that change it.

Commands (one JSON object a line on the control socket; each answers `{"ok": true, "state": …}` or
`{"ok": false, "error": "…"}`):

    {"cut": ["esk", "vas"]}                  nothing passes between the two, either way
    {"cut": ["esk", "vas"], "one_way": true} nothing passes from esk to vas
    {"isolate": "esk"}                       esk is cut from every other site
    {"heal": ["esk", "vas"]}  {"heal": "esk"}  {"heal": "all"}
    {"delay_ms": 5}           {"delay_ms": 5, "between": ["esk", "vas"]}    one way, so the round trip is twice that
    {"loss": 0.1}             {"loss": 0.1, "between": ["esk", "vas"]}      share of datagrams dropped
    {"state": true}
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from granslos.local.limits import LINK_DELAY_MS_MAX

Pair = tuple[str, str]
VERBS = ("cut", "isolate", "heal", "delay_ms", "loss", "state")


class CommandError(ValueError):
    """A command that the links do not understand; the text says why."""


class LinkCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the control socket; exactly one of the verbs is given."""

    cut: Pair | None = None
    one_way: bool = False
    isolate: str | None = None
    heal: Pair | str | None = None
    delay_ms: float | None = None
    loss: float | None = None
    between: Pair | None = None
    state: bool | None = None


class LinkState(msgspec.Struct, frozen=True, kw_only=True):
    """The emulated network; every pair is ordered (from, to).

    Attributes:
        sites: Codes of the sites, witness included.
        cut: Pairs between which nothing passes.
        delay_ms: One-way delay in milliseconds, of pairs that have one.
        loss: Share of datagrams dropped, 0 to 1, of pairs that have one.
    """

    sites: tuple[str, ...]
    cut: frozenset[Pair] = frozenset()
    delay_ms: dict[Pair, float] = msgspec.field(default_factory=dict)
    loss: dict[Pair, float] = msgspec.field(default_factory=dict)

    @property
    def pairs(self) -> list[Pair]:
        """Every ordered pair of different sites."""
        return [(a, b) for a in self.sites for b in self.sites if a != b]


def apply(state: LinkState, command: LinkCommand) -> LinkState:
    """The state after a command.

    Raises:
        CommandError: Unknown site, value out of bounds, or not exactly one verb.
    """
    verbs = [name for name in VERBS if getattr(command, name) is not None]
    if len(verbs) != 1:
        raise CommandError(f"exactly one of {', '.join(VERBS)} is needed; got {verbs}")
    match verbs[0]:
        case "cut":
            return _changed(state, cut=state.cut | set(_ordered(state, command.cut, one_way=command.one_way)))
        case "isolate":
            return _changed(state, cut=state.cut | set(_around(state, command.isolate or "")))
        case "heal":
            return _changed(state, cut=state.cut - set(_healed(state, command.heal)))
        case "delay_ms":
            delay = _bounded("delay_ms", command.delay_ms, LINK_DELAY_MS_MAX)
            return _changed(state, delay_ms=state.delay_ms | dict.fromkeys(_chosen(state, command.between), delay))
        case "loss":
            loss = _bounded("loss", command.loss, 1.0)
            return _changed(state, loss=state.loss | dict.fromkeys(_chosen(state, command.between), loss))
        case _:
            return state


def describe(state: LinkState) -> dict[str, Any]:
    """The state as JSON: only what differs from a sound network."""
    return {
        "sites": list(state.sites),
        "cut": sorted(list(pair) for pair in state.cut),
        "delay_ms": [[*pair, delay] for pair, delay in sorted(state.delay_ms.items()) if delay],
        "loss": [[*pair, loss] for pair, loss in sorted(state.loss.items()) if loss],
    }


def restored(sites: Iterable[str], description: dict[str, Any]) -> LinkState:
    """The state that was described; pairs of sites that no longer exist are left out."""
    known = LinkState(sites=tuple(sites))
    pairs = set(known.pairs)
    return _changed(
        known,
        cut=frozenset((a, b) for a, b in description.get("cut", []) if (a, b) in pairs),
        delay_ms={(a, b): float(value) for a, b, value in description.get("delay_ms", []) if (a, b) in pairs},
        loss={(a, b): float(value) for a, b, value in description.get("loss", []) if (a, b) in pairs},
    )


def _changed(state: LinkState, **changes: Any) -> LinkState:
    return msgspec.structs.replace(state, **changes)


def _ordered(state: LinkState, pair: Pair | None, *, one_way: bool) -> list[Pair]:
    if pair is None or pair not in state.pairs:
        raise CommandError(f"{pair} is not a pair of two of {list(state.sites)}")
    return [pair] if one_way else [pair, (pair[1], pair[0])]


def _around(state: LinkState, site: str) -> list[Pair]:
    if site not in state.sites:
        raise CommandError(f"{site!r} is none of {list(state.sites)}")
    return [pair for pair in state.pairs if site in pair]


def _healed(state: LinkState, which: Pair | str | None) -> list[Pair]:
    if which == "all":
        return state.pairs
    if isinstance(which, str):
        return _around(state, which)
    return _ordered(state, which, one_way=False)


def _chosen(state: LinkState, between: Pair | None) -> list[Pair]:
    return state.pairs if between is None else _ordered(state, between, one_way=False)


def _bounded(name: str, value: float | None, highest: float) -> float:
    if value is None or not 0 <= value <= highest:
        raise CommandError(f"{name} must be between 0 and {highest}; got {value}")
    return float(value)
