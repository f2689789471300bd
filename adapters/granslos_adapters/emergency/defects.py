"""Recording what was wrong with a message that was accepted all the same."""

from granslos.contract.places import Defect
from granslos_adapters.emergency.limits import DEFECT_CHARACTERS_MAX, DEFECTS_MAX
from granslos_adapters.emergency.texts import fit


class Defects:
    """A bounded list of defects; ``at(place)`` gives a recorder for a part of the message, adding to the same list."""

    __slots__ = ("_items", "_where")

    def __init__(self, where: str = "", items: list[Defect] | None = None) -> None:
        self._where = where
        self._items: list[Defect] = [] if items is None else items

    def __len__(self) -> int:
        return len(self._items)

    def add(self, code: str, text: str = "", where: str = "") -> None:
        """Record one defect.

        Args:
            code: stable, ``a-z_``; also a metric's label, so never built from the message.
            text: for a person; may quote a few characters of the message.
            where: place below this recorder's own.
        """
        if len(self._items) >= DEFECTS_MAX:
            return
        if len(self._items) == DEFECTS_MAX - 1:
            code, text = "more_defects", "further defects were not recorded"
        place = f"{self._where}.{where}" if self._where and where else self._where or where
        self._items.append(Defect(code=code, where=fit(place, DEFECT_CHARACTERS_MAX), text=fit(text, DEFECT_CHARACTERS_MAX)))

    def at(self, where: str) -> "Defects":
        """Return a recorder for a part of the message."""
        return Defects(f"{self._where}.{where}" if self._where else where, self._items)

    def extend(self, others: tuple[Defect, ...]) -> None:
        """Take over defects that another reader found."""
        for other in others:
            self.add(other.code, other.text, other.where)

    def all(self) -> tuple[Defect, ...]:
        """Return them in the order of finding."""
        return tuple(self._items)
