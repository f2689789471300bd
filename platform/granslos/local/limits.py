"""Every bound of the local sites: name, unit, reason."""

SITES_MAX = 7
"""Sites in one local cluster; one more slot of the port layout is the witness's."""

READY_TIMEOUT_SECONDS = 60.0
"""A cluster that is not ready by then says what is missing and stops."""

HUBS_READY_SECONDS = 10.0
"""How long the start waits for the hubs to be up; sites work without them, so it then goes on with a warning."""

PROBE_TIMEOUT_SECONDS = 1.0
"""One look at whether a server answers."""

PROBE_INTERVAL_SECONDS = 0.05
"""Pause between two looks while a process is starting."""

WATCH_INTERVAL_SECONDS = 0.1
"""How often hold files and guards' statuses are looked at; also how old run.json may be."""

HOLD_GRACE_SECONDS = 0.5
"""A hold file that somebody else wrote leaves the processes this long for that somebody to kill them himself."""

RESTART_FIRST_SECONDS = 0.05
RESTART_MAX_SECONDS = 2.0
RESTART_CALM_SECONDS = 5.0
"""A process that ends is started again after the first pause, doubled for each end within the calm time, up to max."""

START_ATTEMPTS_MAX = 5
"""So many early ends before the first readiness, and the start is given up."""

STOP_TOTAL_SECONDS = 20.0
"""The whole orderly stop; the stages' own bounds sum up to less."""

REAP_INTERVAL_SECONDS = 1.0
"""How often orphans that the demo adopted are collected."""

LOG_BYTES_MAX = 32 * 1024 * 1024
"""A process's log is turned over (one old copy is kept) beyond this size."""

LOG_TAIL_BYTES = 2000
"""What of a log is shown when a process does not start."""

PORTS_PER_SITE = 20
"""Ports of one site in the layout; the first ten are servers, the others adapters."""

PORTS_TOTAL = 600
"""Ports of one cluster: eight site slots, control, claim, and a link for every ordered pair and service."""

PORT_BASE_FIRST = 20_000
PORT_BASE_LAST = 31_400
"""Where a free block is looked for: below the usual ephemeral ports, so that no outgoing connection can sit in it."""

PORT_WAIT_SECONDS = 6.0
"""How long the ports of an earlier, killed run may take to become free (PostgreSQL ends its backends in 5 s)."""

LINK_BUFFER_BYTES = 1024 * 1024
"""What one direction of one connection may hold in flight before its sender is paused."""

LINK_CONNECTIONS_MAX = 512
"""Connections of one link; a further one is reset."""

LINK_CONTROL_LINE_BYTES_MAX = 4096
"""One command to the links."""

LINK_CONTROL_TIMEOUT_SECONDS = 2.0
"""The links answer a command at once, or they hang."""

LINK_DELAY_MS_MAX = 2000.0
"""One-way delay: a geostationary link with margin."""

LINK_SWEEP_SECONDS = 1.0
"""How often connections that hang in a cut are checked for having been given up by their client."""

SYNC_TIMEOUT_SECONDS = 5.0
"""Writing a new cluster's files out to the disk, beside everything else; then the start goes on with a warning."""

TOOL_TIMEOUT_SECONDS = 60.0
"""initdb, the single-user server, cp."""

TOKEN_LIFE_DAYS = 30
TOKEN_RENEW_DAYS = 7
"""Demo tokens live the first, and are made anew at a start when less than the second is left."""
