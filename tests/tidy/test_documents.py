"""Documents are short where they must be, complete where they must be, and true where a machine can tell."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from granslos.runtime import limits, metrics
from support.repository import ROOT, all_files, lines_of, name_of

DOCUMENTS = [path for path in all_files() if path.suffix == ".md"]
RUNBOOKS = [path for path in sorted((ROOT / "runbooks").rglob("*.md")) if path.name != "README.md"]
DECISIONS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
ARCHITECTURE = ROOT / "docs/ARCHITECTURE.md"
NUMBERS = ROOT / "docs/numbers.md"

RUNBOOK_SECTIONS = ["Alert", "What callers and crews notice", "First look", "Act", "Verify", "Why", "Last drilled"]
DECISION_SECTIONS = ["Context", "Decision", "Consequences", "Rejected", "Check"]
ARCHITECTURE_LINES_MAX = 200
CONTEXT_SENTENCES_MAX = 4


def sections(path: Path) -> dict[str, str]:
    """Return the text below each heading of the second level, code blocks included."""
    parts = re.split(r"^## +(.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_architecture_is_read_in_one_sitting() -> None:
    assert len(lines_of(ARCHITECTURE)) <= ARCHITECTURE_LINES_MAX


def test_the_architecture_names_every_folder_of_the_node() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    folders = {path.parent.name for path in (ROOT / "platform/granslos").glob("*/*.py")}
    modules = {path.name for path in (ROOT / "platform/granslos").glob("*.py")} - {"__init__.py", "__main__.py"}
    assert [name for name in sorted(folders | modules) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_has_its_sections_in_order(path: Path) -> None:
    if path.parent.name != "drills":
        assert list(sections(path)) == RUNBOOK_SECTIONS
    assert all(text.strip() for text in sections(path).values())


def test_the_runbooks_readme_tells_the_same_sections() -> None:
    told = re.findall(r"^\| `## ([^`]+)` \|", (ROOT / "runbooks/README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert told == RUNBOOK_SECTIONS


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_short_quotable_and_enforced(path: Path) -> None:
    found = sections(path)
    assert list(found) == DECISION_SECTIONS
    assert lines_of(path)[0].startswith(f"# {path.name[:4]}: ")
    # A sentence ends in a mark, a space and a capital; numbers and abbreviations do not.
    assert len(re.split(r"[.?!]\s+(?=[A-ZÅÄÖ])", found["Context"].strip())) <= CONTEXT_SENTENCES_MAX
    assert len(re.findall(r"^> .+(?:\n> .+)*", found["Decision"], flags=re.MULTILINE)) == 1
    assert "- **" in found["Rejected"]
    assert len(found["Check"].strip()) > 20


def test_decisions_are_numbered_without_a_hole() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{n:04d}" for n in range(len(DECISIONS))]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_contract", ROOT / "docs/make_contract.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_contracts_document_is_current() -> None:
    generator = _generator()
    assert generator.TARGET.read_text(encoding="utf-8") == generator.render(), "run `make docs`"


def test_a_measured_number_has_its_command_commit_and_machine() -> None:
    if not NUMBERS.exists():
        pytest.skip("nothing has been measured yet: docs/numbers.md is not there")
    bare = [
        title
        for title, text in sections(NUMBERS).items()
        if re.search(r"^\|.*\d.*\|$", text, flags=re.MULTILINE)
        if not all(re.search(sign, text) for sign in (r"`[^`]+`", r"\b[0-9a-f]{7,40}\b", r"(?i)\bmachine\b"))
    ]
    assert bare == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_what_a_document_names_is_there(path: Path) -> None:
    """Paths, links, bounds and metrics in documents exist."""
    text = path.read_text(encoding="utf-8")
    roots = "platform|adapters|migrations|ops|loadtests|runbooks|tests|docs"
    named = set(re.findall(rf"`((?:{roots})/[\w./-]*\w/?)`", text))
    linked = {target for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text) if "://" not in target}
    missing = [name for name in named if not (ROOT / name).exists()]
    missing += [name for name in linked if not (path.parent / name).exists()]
    bounds = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:SECONDS|MILLISECONDS|BYTES|MAX))`", text))
    missing += [name for name in bounds if not hasattr(limits, name) and not name_of(path).startswith("adapters/")]
    scraped = metrics.render()[0].decode()
    missing += [
        name
        for name in re.findall(r"`(granslos_[a-z0-9_]+)`", text)
        if not name.startswith("granslos_adapter") and name not in scraped
    ]
    assert missing == []


def test_lines_of_documents_fit_the_width() -> None:
    """Prose is wrapped; tables and code may be wider."""
    wide = [
        f"{name_of(path)}:{number}"
        for path in DOCUMENTS
        if name_of(path).startswith(("docs/", "runbooks/", "migrations/")) or path.parent == ROOT
        if path.name != "contract.md"
        for number, line in enumerate(lines_of(path), 1)
        if len(line) > 140 and not line.lstrip().startswith(("|", "http", "    ", "data:")) and "://" not in line
    ]
    assert wide == []
