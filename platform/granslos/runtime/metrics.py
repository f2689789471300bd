"""Every metric of the node, named ``granslos_<noun>_<unit>[_total]`` in base units (seconds, bytes).

Labels have few, known values: never an id of a case, never anything about a person. Adapters keep theirs in
``kit/metrics``.
"""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, Info, generate_latest

_ANSWER_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 2.0, 5.0)
_COMMIT_BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 3.0)

BUILD = Info("granslos_build", "Version of the running node, and its site.")

# --- commands ---------------------------------------------------------------------------------------------------------

COMMANDS = Counter("granslos_commands_total", "Commands answered.", ("command", "status"))
COMMAND_SECONDS = Histogram(
    "granslos_command_seconds", "From taking a command to its answer.", ("command",), buckets=_ANSWER_BUCKETS
)
COMMANDS_PASSED_ON = Counter(
    "granslos_passed_on_commands_total", "Commands passed on to a desk's authority.", ("site", "outcome")
)
PROVISIONAL_COMMANDS = Counter(
    "granslos_provisional_commands_total", "Commands decided here for a desk whose authority was silent."
)

# --- journal and PostgreSQL -------------------------------------------------------------------------------------------

WRITER_REFUSED = Counter("granslos_refused_decisions_total", "Decisions refused because too many were waiting.")
DECISIONS_FAILED = Counter(
    "granslos_failed_decisions_total", "Commands that failed by a bug or by rows that the store refuses."
)
WRITER_QUEUE = Gauge("granslos_queued_decisions", "Decisions waiting to be written.")
JOURNAL_COMMIT_SECONDS = Histogram(
    "granslos_journal_commit_seconds", "One group commit of decisions, fsync included.", buckets=_COMMIT_BUCKETS
)
JOURNAL_EVENTS = Counter("granslos_journal_events_total", "Events committed to this site's journal.")
STORE_CONNECTED = Gauge("granslos_store_connected", "1 while this site's PostgreSQL takes commits.")
STORE_FREE_RATIO = Gauge("granslos_disk_free_ratio", "Free share of a disk, 0 to 1.", ("disk",))

# --- forwarder and LOG ------------------------------------------------------------------------------------------------

JOURNAL_BACKLOG_EVENTS = Gauge("granslos_journal_backlog_events", "Journal events not known to be in the LOG.")
FORWARDED_EVENTS = Counter("granslos_forwarded_events_total", "Journal events appended to the LOG.")
FORWARDER_RETRIES = Counter("granslos_forwarder_retries_total", "Appends that failed or timed out, and are tried again.")
FORWARDER_CHAIN_CHECKS_FAILED = Counter(
    "granslos_forwarder_refused_batches_total", "Batches refused by the chain check: the tail was read again."
)
FORWARDER_HALTED = Gauge("granslos_forwarder_halted", "1 after the forwarder stopped for good; a person must act.")
CHAIN_ERRORS = Counter("granslos_chain_errors_total", "Batches refused for a gap or a wrong hash.")
LOG_BYTES = Gauge("granslos_log_bytes", "Size of the LOG, as its leader says.")
LOG_BYTES_RATIO = Gauge("granslos_log_fill_ratio", "Share of the LOG's bound that is used, 0 to 1.")
LOG_LEADER_KNOWN = Gauge("granslos_log_leader_known", "1 while the LOG has a leader that answers.")
LOG_REPLICAS_CURRENT = Gauge("granslos_log_current_replicas", "Replicas that hold the whole LOG.")

# --- projection -------------------------------------------------------------------------------------------------------

PROJECTED_EVENTS = Counter("granslos_projected_events_total", "LOG events applied to the read model.")
PARKED_EVENTS = Counter("granslos_parked_events_total", "LOG events that could not be read or folded.")
PARKED_NOW = Gauge("granslos_parked_waiting_events", "Parked events that nobody has dealt with.")
LOG_POSITION = Gauge("granslos_log_position_events", "LOG sequence that the read model stands at.")
LOG_LAG_EVENTS = Gauge("granslos_log_lag_events", "LOG events not yet applied here.")
PROJECTION_SECONDS = Histogram(
    "granslos_projection_batch_seconds", "One batch of the LOG applied and committed.", buckets=_COMMIT_BUCKETS
)

# --- presence, desks, conflicts ---------------------------------------------------------------------------------------

ISLAND = Gauge("granslos_site_island", "1 while this site has no majority.")
SITES_HEARD = Gauge("granslos_heard_sites", "Other sites whose beats arrive and say that they can commit.")
BEAT_AGE_SECONDS = Gauge("granslos_beat_age_seconds", "Time since a site was last heard able to commit.", ("site",))
LOOP_STALLS = Counter("granslos_loop_stalls_total", "Times this node's own loop stood still too long.")
CLOCK_OFFSET_SECONDS = Gauge("granslos_clock_offset_seconds", "Wall clock against the sites heard, positive: ahead.")
DESKS_SERVED = Gauge("granslos_served_desks", "Desks whose authority is this site.", ("desk",))
TAKEOVERS = Counter(
    "granslos_takeovers_total", "Desks taken by this site.", ("desk", "why")
)  # why: takeover, planned, handback, drill
OPERATORS_ON_DUTY = Gauge("granslos_duty_operators", "Operators on duty.", ("centre",))
CONFLICTS_OPEN = Gauge("granslos_open_conflicts", "Aggregates that have or had a clash.")

# --- HTTP and feed ----------------------------------------------------------------------------------------------------

HTTP_REQUESTS = Counter("granslos_http_requests_total", "HTTP requests.", ("path", "method", "status"))
HTTP_SECONDS = Histogram("granslos_http_request_seconds", "From first byte to answer.", ("path",), buckets=_ANSWER_BUCKETS)
FEED_READERS = Gauge("granslos_feed_readers", "Consoles connected to this node's feed.")
FEED_FRAMES = Counter("granslos_feed_frames_total", "Frames encoded for the feed, each once for all readers.")
FEED_RESYNCS = Counter("granslos_feed_resyncs_total", "Readers that were too slow and were told to start again.")
FEED_BACKLOG_BYTES = Gauge("granslos_feed_backlog_bytes", "Unsent bytes of the slowest reader.")

# --- process ----------------------------------------------------------------------------------------------------------

TASK_RESTARTS = Counter("granslos_task_restarts_total", "Tasks that died of a bug and were restarted.", ("task",))
MASKED_VALUES = Counter("granslos_masked_values_total", "Personal data kept out of a log line; a bug to be found.")
OBSERVATIONS = Counter("granslos_observations_total", "Unit positions taken.", ("outcome",))  # kept, stale, invalid


def render() -> tuple[bytes, str]:
    """Return all metrics of this process in Prometheus' text format, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
