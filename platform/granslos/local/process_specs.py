"""The processes of a local cluster, as the supervisor keeps them."""

import importlib.util
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from granslos.local import postgres
from granslos.local.layout import ADAPTERS
from granslos.local.plan import Plan
from granslos.local.probes import Probe, http_answers, links_answer, nats_greets, postgres_accepts
from granslos.local.supervisor import ProcessSpec, Stage
from granslos.replication.guard_child import Account, Child

READY_PATH = "/health/ready"
LINKS = "links"
TRAFFIC = "traffic"


def links_spec(plan: Plan) -> ProcessSpec:
    """The network between the sites."""
    return ProcessSpec(
        name=LINKS,
        site="",
        child=Child(
            command=(sys.executable, "-m", "granslos.local.links", str(plan.directory / "links.json")),
            log=plan.log(LINKS),
        ),
        stage=Stage.LINKS,
        probe=links_answer(plan.layout.control),
    )


def edge_spec(plan: Plan, code: str) -> ProcessSpec:
    """A site's edge."""
    return ProcessSpec(
        name=f"{code}-edge",
        site=code,
        child=Child(command=(str(plan.nats_server), "-c", str(plan.of(code) / "edge.conf")), log=plan.log(f"{code}-edge.out")),
        stage=Stage.EDGE,
        probe=nats_greets(plan.layout.port(code, "edge")),
    )


def guard_spec(plan: Plan, code: str, command: tuple[str, ...]) -> ProcessSpec:
    """A site's hub guard, and with it the hub."""
    status = plan.guard_status(code)
    return ProcessSpec(
        name=f"{code}-guard",
        site=code,
        child=Child(command=(*command, "--config", str(plan.site_file(code))), log=plan.log(f"{code}-guard")),
        stage=Stage.HUB,
        probe=_has_written(status),
        prepare=lambda: status.unlink(missing_ok=True),
    )


def _has_written(path: Path) -> Probe:
    async def probe() -> bool:
        return path.exists()

    return probe


class Postgres(msgspec.Struct, frozen=True, kw_only=True):
    """How PostgreSQL is started here."""

    binaries: postgres.Binaries
    account: Account | None


def postgres_spec(plan: Plan, code: str, how: Postgres) -> ProcessSpec:
    """A site's database server."""
    data, port = plan.of(code) / "postgres", plan.layout.port(code, "postgres")
    return ProcessSpec(
        name=f"{code}-postgres",
        site=code,
        child=postgres.server(how.binaries, how.account, data, port, plan.log(f"{code}-postgres")),
        stage=Stage.POSTGRES,
        probe=postgres_accepts(port, postgres.ROLE, postgres.DATABASE),
        stop_signal=signal.SIGINT,  # fast shutdown
        prepare=lambda: postgres.clear_stale_lock(data),
    )


def node_spec(plan: Plan, code: str, command: tuple[str, ...]) -> ProcessSpec:
    """A site's node."""
    return ProcessSpec(
        name=f"{code}-node",
        site=code,
        child=Child(command=(*command, "--config", str(plan.site_file(code))), log=plan.log(f"{code}-node")),
        stage=Stage.NODE,
        after=(f"{code}-postgres", f"{code}-edge"),
        probe=http_answers(plan.layout.port(code, "http"), READY_PATH),
    )


def adapter_spec(plan: Plan, code: str, name: str) -> ProcessSpec:
    """One of a site's adapters."""
    module = f"granslos_adapters.{name}"
    return ProcessSpec(
        name=f"{code}-{name}",
        site=code,
        child=Child(
            command=(sys.executable, "-m", module, "--config", str(plan.site_file(code))),
            log=plan.log(f"{code}-{name}"),
        ),
        stage=Stage.ADAPTER,
        after=(f"{code}-edge",),
        probe=http_answers(plan.layout.port(code, name), READY_PATH),
    )


def traffic_spec(plan: Plan, run_file: Path, *, speed: float, seed: int) -> ProcessSpec:
    """The simulated callers, operators and crews."""
    arguments = ("--run", str(run_file), "--speed", str(speed), "--seed", str(seed))
    return ProcessSpec(
        name=TRAFFIC,
        site="",
        child=Child(command=(sys.executable, "-m", "granslos.local.simulator", *arguments), log=plan.log(TRAFFIC)),
        stage=Stage.TRAFFIC,
    )


def node_command() -> tuple[str, ...]:
    """`granslos node`, of this installation."""
    return (str(Path(sys.executable).parent / "granslos"), "node")


def guard_command() -> tuple[str, ...]:
    """The hub guard without the rest of the platform: a third of the memory of `granslos guard`, the same code."""
    return (sys.executable, "-m", "granslos.replication.hub_guard")


def adapters_here(is_there: Callable[[str], bool] | None = None) -> tuple[str, ...]:
    """Names of the adapters that this installation has."""
    there = module_exists if is_there is None else is_there
    return tuple(name for name in ADAPTERS if there(f"granslos_adapters.{name}.__main__"))


def module_exists(name: str) -> bool:
    """Whether a module can be found; its packages are imported, it is not."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def hub_pid(status: Path) -> int | None:
    """The process id of a hub, from its guard's status; None while it does not run."""
    try:
        pid = json.loads(status.read_bytes())["hub"]["pid"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return pid if isinstance(pid, int) else None
