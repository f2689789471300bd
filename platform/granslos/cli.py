"""The command line: ``granslos VERB``. Parses, calls, prints; every verb's work lives elsewhere."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from granslos import __version__
from granslos.runtime.process import EXIT_OK, run_main

app = App(name="granslos", version=__version__, help="Ambulance dispatch for several centres that work as one.")
Config = Annotated[Path, Parameter(name="--config", help="The site file (TOML).")]
Json = Annotated[bool, Parameter(name="--json", negative="")]
Dir = Annotated[Path, Parameter(name="--dir", help="The demo's directory.")]


@app.command
def demo(
    *,
    sites: Annotated[int, Parameter(help="How many sites.")] = 3,
    directory: Dir = Path(".demo"),
    base_port: int | None = None,
    no_traffic: Annotated[bool, Parameter(negative="")] = False,
    speed: float = 1.0,
    seed: int = 1,
    wan_delay_ms: float = 0.0,
) -> int:
    """Run several sites on this machine, with real servers, until SIGINT or SIGTERM.

    Args:
        sites: 1 to 7; an even number adds a witness hub.
        directory: where data, logs and run.json go; a second start there goes on with the data.
        base_port: first of a fixed block of ports; without it free ones are taken and kept in the directory.
        no_traffic: without simulated callers, operators and crews.
        speed: the simulation's pace; 1 is real time.
        seed: the simulated world's seed.
        wan_delay_ms: one-way delay between sites, milliseconds.
    """
    from granslos.local.demo import DemoOptions, run_demo

    options = DemoOptions(
        sites=sites,
        directory=directory,
        base_port=base_port,
        traffic=not no_traffic,
        speed=speed,
        seed=seed,
        wan_delay_ms=wan_delay_ms,
    )
    return asyncio.run(run_demo(options))


@app.command
def node(*, config: Config) -> int:
    """Run one site's node."""
    from granslos.node import run_node
    from granslos.runtime.settings import load_site

    async def main(stop: asyncio.Event) -> None:
        await run_node(load_site(config), stop)

    return run_main(main)


@app.command
def guard(*, config: Config) -> int:
    """Run the hub of one site under its guard."""
    from granslos.replication.hub_guard import run_guard

    return run_guard(config)


@app.command
def migrate(*, config: Config) -> int:
    """Bring a site's database to this release's schema."""
    from granslos.journal.migrate import migrate as bring
    from granslos.runtime.settings import load_site

    bring(load_site(config).postgres.dsn)
    return EXIT_OK


@app.command
def rebuild(*, config: Config) -> int:
    """Make a site's read model again from its event_log and journal; the node must be down."""
    from granslos.domain.priorities import default_scale
    from granslos.projection.rebuild import rebuild as make
    from granslos.runtime.settings import load_site

    settings = load_site(config)
    done = asyncio.run(make(settings.postgres.dsn, settings.site.code, default_scale()))
    print(f"{done.events} events up to {done.position}, {done.pending} pending, in {done.seconds:.1f} s")
    return EXIT_OK


@app.command
def check(*, config: Config) -> int:
    """Check a site file, and the site's journal and event_log: contiguous, hashes right."""
    from granslos.projection.verify import verify
    from granslos.runtime.settings import load_site

    settings = load_site(config)
    findings = asyncio.run(verify(settings.postgres.dsn))
    for finding in findings:
        print(finding)
    print("site file ok; " + ("journal and event_log ok" if not findings else f"{len(findings)} findings"))
    return 1 if findings else EXIT_OK


@app.command
def status(
    *,
    json_: Json = False,
    directory: Dir = Path(".demo"),
    config: Path | None = None,
) -> int:
    """Show all sites: quorum, leader, lag, island, journal backlog, desks and their authority.

    Args:
        json_: print JSON.
        directory: of a demo (its run.json names the sites and a token).
        config: a site file instead; the token comes from GRANSLOS_TOKEN.
    """
    from granslos.local.status import collect, render

    found = asyncio.run(collect(directory, config))
    if json_:
        print(json.dumps(found, indent=2))
    else:
        render(found, Console())
    return EXIT_OK if all(site["reachable"] for site in found["sites"]) else 1


@app.command
def drill(
    name: str = "list",
    *,
    json_: Json = False,
    directory: Dir = Path(".demo"),
    report: Path | None = None,
    i_know: str | None = None,
) -> int:
    """Run a drill against a demo, or list them.

    Args:
        name: ``list``, or a drill's name.
        json_: print the report as JSON.
        directory: the demo's directory.
        report: also write the report here (JSON).
        i_know: name the site to run against one marked production.
    """
    from granslos.local.drills import run_drill

    return asyncio.run(run_drill(name, directory=directory, as_json=json_, report=report, i_know=i_know))


@app.command
def bench(*, json_: Json = False, only: str = "", rounds: int = 10) -> int:
    """Measure against the raw parts in the same run.

    Args:
        json_: print JSON.
        only: comma-separated names of measures; all when empty.
        rounds: interleaved rounds of each.
    """
    from granslos.local.bench import run_bench

    return asyncio.run(run_bench(as_json=json_, only=tuple(n for n in only.split(",") if n), rounds=rounds))


@app.command
def conform(
    kind: str,
    *files: Annotated[str, Parameter(allow_leading_hyphen=True)],
    json_: Json = False,
) -> int:
    """Show what would be understood of a message, what is kept, and every defect.

    Args:
        kind: eido, pidf, sip, aml, msd, cap, additional, pei, sds, lip or status.
        files: files to read; - is stdin.
        json_: one JSON object a line.
    """
    from granslos_adapters.conform import run_conform

    return int(run_conform(kind, files, as_json=json_))


@app.command(name="env")
def env_(*, directory: Dir = Path(".demo")) -> int:
    """Print a running demo's addresses, tokens and process ids as shell variables: eval "$(granslos env)"."""
    from granslos.local.status import shell_variables

    for line in shell_variables(directory):
        print(line)
    return EXIT_OK


def main() -> None:
    """Run the command line and exit with its code."""
    result = app(result_action="return_value")
    sys.exit(result if isinstance(result, int) else EXIT_OK)
