"""Migrations go forward, and are safe while the previous release runs."""

import ast
import re
from pathlib import Path

import pytest

from granslos.runtime import limits
from support.repository import ROOT, tree_of

VERSIONS = ROOT / "migrations/versions"
REVISIONS = sorted(VERSIONS.glob("*.py"))
FILES = sorted(VERSIONS.glob("*.sql"))

UNSAFE = {
    "takes something away": r"\b(drop|truncate)\b",
    "renames what the previous release uses": r"\brename\b",
    "rewrites a table under a lock": r"\balter\s+(column\s+)?\w+\s+(set\s+data\s+)?type\b",
    "scans a table under a lock": r"\bset\s+not\s+null\b|\badd\s+(constraint\b(?!.*\bnot\s+valid\b)|check\b)",
    "fails on rows that are there": (
        r"\badd\s+column\s+(if\s+not\s+exists\s+)?\w+\s+[^,;]*\bnot\s+null\b(?![^,;]*\bdefault\b)"
    ),
    "sets its own time-outs": r"\bset\s+(local\s+)?(lock|statement)_timeout\b",
    "ends its own transaction": r"\b(commit|rollback)\b",
    "counts in 32 bits": r"\b(small)?serial\b",
    "has no time zone": r"\btimestamp\b(?!\s+with\s+time\s+zone)",
    "pads its text": r"\bchar\s*\(",
}


def _statements(path: Path) -> str:
    """Return the SQL without comments and string literals."""
    text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8").lower())
    return re.sub(r"'(?:[^']|'')*'", "''", text)


@pytest.mark.parametrize("danger", UNSAFE)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_migration(path: Path, danger: str) -> None:
    assert re.search(UNSAFE[danger], _statements(path)) is None


@pytest.mark.parametrize(
    ("sql", "danger"),
    [
        ("drop table unit", "takes something away"),
        ("alter table unit rename column a to b", "renames what the previous release uses"),
        ("alter table unit alter column a type bigint", "rewrites a table under a lock"),
        ("alter table unit alter column a set not null", "scans a table under a lock"),
        ("alter table unit add constraint c check (a > 0)", "scans a table under a lock"),
        ("alter table unit add column a text not null", "fails on rows that are there"),
        ("set lock_timeout = 0", "sets its own time-outs"),
        ("a timestamp not null", "has no time zone"),
        ("id serial", "counts in 32 bits"),
    ],
)
def test_the_rules_see_what_they_are_for(sql: str, danger: str) -> None:
    assert re.search(UNSAFE[danger], sql)


@pytest.mark.parametrize("sql", ["alter table unit add column a text not null default ''", "a timestamptz", "drained boolean"])
def test_the_rules_let_the_safe_forms_pass(sql: str) -> None:
    assert [danger for danger, pattern in UNSAFE.items() if re.search(pattern, sql)] == []


def test_an_index_on_an_existing_table_is_made_concurrently_and_alone() -> None:
    for path in FILES:
        sql = _statements(path)
        made = set(re.findall(r"create\s+table\s+(?:if\s+not\s+exists\s+)?(\w+)", sql))
        indexed = re.findall(r"create\s+(?:unique\s+)?index\s+(concurrently\s+)?(?:if\s+not\s+exists\s+)?\w+\s+on\s+(\w+)", sql)
        assert [table for concurrently, table in indexed if table not in made and not concurrently] == []


def test_revisions_are_numbered_without_a_hole_and_each_has_its_sql() -> None:
    numbers = [path.name[:4] for path in REVISIONS]
    assert numbers == [f"{n:04d}" for n in range(1, len(numbers) + 1)]
    assert [path.stem for path in FILES] == [path.stem for path in REVISIONS]
    for path, previous in zip(REVISIONS, [None, *numbers], strict=False):
        assert re.fullmatch(r"\d{4}(_[a-z0-9]+){2,}", path.stem)
        assert _constants(path) == {"revision": path.name[:4], "down_revision": previous}


def _constants(path: Path) -> dict[str, object]:
    return {
        target.id: statement.value.value
        for statement in tree_of(path).body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.stem)
def test_there_is_no_way_back(path: Path) -> None:
    assert [node.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)] == ["upgrade"]


def test_a_migration_waits_shorter_for_a_table_than_a_command_may_take() -> None:
    env = (ROOT / "migrations/env.py").read_text(encoding="utf-8")
    assert "pg_advisory_lock" in env
    assert '"lock_timeout"' in env
    assert '"statement_timeout"' in env
    assert 0 < limits.MIGRATION_LOCK_TIMEOUT_MILLISECONDS <= 5_000
    assert limits.MIGRATION_LOCK_TIMEOUT_MILLISECONDS < limits.MIGRATION_STATEMENT_TIMEOUT_MILLISECONDS
