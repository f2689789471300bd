"""The console's files: from this origin, with a policy, and nothing outside of their folder."""

from pathlib import Path
from typing import Any, cast

import pytest

from granslos.api.static import FOREVER, Console


class Asked:
    """A request, as far as files look at it."""

    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def console(tmp_path: Path) -> Console:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>console")
    (folder / "assets" / "app-1a2b.js").write_text("1")
    (folder / "assets" / "map.geojson").write_text("{}")
    (folder / "icon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return Console(folder, ("http://esk.test:26100",))


def ask(console: Console, path: str, **headers: str) -> Any:
    return console.answer(cast(Any, Asked(**headers)), path)


def test_files_come_with_their_type_and_caching(console: Console) -> None:
    page = ask(console, "")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    script = ask(console, "assets/app-1a2b.js")
    assert (script.body, script.headers["cache-control"]) == (b"1", FOREVER)
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert ask(console, "icon.svg").headers["content-type"].startswith("image/svg+xml")


def test_any_address_of_the_console_shows_the_console(console: Console) -> None:
    assert ask(console, "arenden/20261121-vas-000001").body == ask(console, "").body


def test_what_is_missing_or_outside_is_not_there(console: Console) -> None:
    for path in ("assets/none", "none.js", "link.txt", "../secret.txt", "assets/../../secret.txt"):
        assert ask(console, path) is None


def test_an_unchanged_file_is_not_sent_again(console: Console) -> None:
    tag = ask(console, "").headers["etag"]
    again = ask(console, "", if_none_match=tag)
    assert (again.status_code, again.body) == (304, b"")
    assert ask(console, "", if_none_match='"other"').status_code == 200


def test_the_policy_lets_nothing_in_from_elsewhere_but_answers_of_other_sites(console: Console) -> None:
    policy = ask(console, "").headers["content-security-policy"]
    rules = dict(rule.split(maxsplit=1) for rule in policy.split("; "))
    assert rules.pop("connect-src") == "'self' http://esk.test:26100"
    assert rules["default-src"] == "'none'"
    assert set(rules.values()) == {"'self'", "'none'"}, "no inline style, no script of a blob or of data"


def test_a_folder_that_is_not_there_is_not_built(tmp_path: Path) -> None:
    console = Console(tmp_path / "none")
    assert not console.is_built
    assert b"make console" in ask(console, "").body
    assert ask(console, "assets/app.js") is None
