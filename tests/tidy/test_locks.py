"""What is installed is exactly what was hashed, and everything that is depended on has a reason."""

import re
import tomllib

import pytest

from support.repository import ROOT, lines_of

LOCKS = ("requirements.lock", "requirements-dev.lock")
PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]+\])?==([^\s;]+)( ; .+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins(lock: str) -> dict[str, str]:
    return {_normal(found[1]): found[3] for line in lines_of(ROOT / lock) if (found := PINNED.match(line))}


def _declared(*groups: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(item for group in groups for item in extras[group])]
    return {_normal(re.split(r"[\[<>=!~; ]", item)[0]) for item in wanted}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_pin_or_a_hash(lock: str) -> None:
    lines = [line for line in lines_of(ROOT / lock) if line and not line.startswith("#")]
    assert [line for line in lines if not PINNED.match(line) and not HASH.match(line)] == []
    followed = [lines[n + 1] for n, line in enumerate(lines) if PINNED.match(line)]
    assert followed
    assert all(HASH.match(line) for line in followed)


@pytest.mark.parametrize(("lock", "groups"), [(LOCKS[0], ("demo",)), (LOCKS[1], ("demo", "dev", "load"))])
def test_every_declared_dependency_is_locked(lock: str, groups: tuple[str, ...]) -> None:
    assert _declared(*groups) - set(_pins(lock)) == set()


def test_both_locks_agree() -> None:
    product, everything = map(_pins, LOCKS)
    assert {name: everything.get(name) for name in product} == product


def test_the_products_lock_holds_no_test_tools() -> None:
    tools = _declared("dev", "load") - _declared("demo")
    assert tools & set(_pins(LOCKS[0])) == set()


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", text, flags=re.MULTILINE))
    reasons = {_normal(name): reason.strip() for name, reason in rows.items()}
    declared = _declared("demo", "dev", "load")
    assert declared - set(reasons) == set(), "without a reason"
    assert set(reasons) - declared == set(), "with a reason, but no longer declared"
    assert all(len(reason) >= 20 for reason in reasons.values())
