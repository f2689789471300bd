"""Health by registration: each part says how it is asked; nobody needs to know the parts.

*Live*: the process runs (a dead one cannot answer). *Ready*: every vital part is well, so this node should get work. A
part that is not vital makes the report say so, and nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from granslos.contract.errors import UnavailableError
from granslos.runtime import limits


class Finding(msgspec.Struct, frozen=True):
    """What a check found; ``detail`` is a short text without personal data."""

    ok: bool
    detail: str = ""


Check = Callable[[], Awaitable[Finding]]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """How one part was found."""

    name: str
    ok: bool
    vital: bool
    detail: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The state of all parts, in the order in which they registered."""

    ready: bool
    parts: tuple[Part, ...]


class _Registered(msgspec.Struct, frozen=True):
    check: Check
    vital: bool
    timeout_seconds: float


class Health:
    """The registered parts of one process."""

    def __init__(self) -> None:
        self._registered: dict[str, _Registered] = {}

    def register(
        self, name: str, check: Check, *, vital: bool = False, timeout_seconds: float = limits.HEALTH_CHECK_SECONDS
    ) -> None:
        """Add a part.

        Args:
            name: unique in the process, e.g. ``postgres``.
            check: asks the part. ``UnavailableError`` and ``OSError`` mean "not well"; anything else is a bug and is
                raised.
            vital: without it the node is not ready.
            timeout_seconds: a check without an answer by then counts as failed.
        """
        assert name not in self._registered, f"health: {name!r} registered twice"
        self._registered[name] = _Registered(check, vital, timeout_seconds)

    async def report(self) -> Report:
        """Ask all parts at once; takes at most the longest of their bounds."""
        async with asyncio.TaskGroup() as group:
            asked = [(n, r, group.create_task(_ask(r))) for n, r in self._registered.items()]
        findings = [(name, registered, task.result()) for name, registered, task in asked]
        parts = tuple(Part(name=n, ok=f.ok, vital=r.vital, detail=f.detail) for n, r, f in findings)
        return Report(ready=all(part.ok for part in parts if part.vital), parts=parts)


async def _ask(registered: _Registered) -> Finding:
    try:
        async with asyncio.timeout(registered.timeout_seconds):
            return await registered.check()
    except TimeoutError:
        return Finding(False, f"no answer within {registered.timeout_seconds:g} s")
    except (UnavailableError, OSError) as error:
        return Finding(False, type(error).__name__)
