"""Metrics shared by all adapters; labels never hold personal data or identifiers of cases."""

from prometheus_client import Counter, Gauge, Histogram

COMMANDS = Counter("granslos_adapter_commands_total", "Commands sent to nodes.", ("adapter", "site", "outcome"))
ANSWER_SECONDS = Histogram(
    "granslos_adapter_answer_seconds",
    "From sending a command to a node's usable answer.",
    ("adapter",),
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
)
COPIES = Counter("granslos_adapter_copies_total", "Second copies of commands durable at one site only.", ("adapter", "outcome"))
CONNECTED = Gauge("granslos_adapter_bus_connected", "1 while the site's bus is reachable.", ("adapter",))
SPOOL_MESSAGES = Gauge("granslos_adapter_spool_messages", "Commands waiting on this adapter's disk.", ("adapter",))
SPOOL_BYTES = Gauge("granslos_adapter_spool_bytes", "Size of the commands waiting on disk.", ("adapter",))
SPOOLED = Counter("granslos_adapter_spooled_commands_total", "Commands that went to disk.", ("adapter",))
SPOOL_SET_ASIDE = Counter(
    "granslos_adapter_set_aside_commands_total", "Spooled commands that a person must look at.", ("adapter", "reason")
)
ARCHIVE_BYTES = Gauge("granslos_adapter_archive_bytes", "Raw bytes kept on this adapter's disk.", ("adapter",))
ARCHIVE_REFUSED = Counter("granslos_adapter_unarchived_messages_total", "Raw messages the archive refused.", ("adapter",))
DEFECTS = Counter("granslos_adapter_defects_total", "Defects found in accepted messages, by code.", ("adapter", "code"))
REQUESTS = Counter("granslos_adapter_http_requests_total", "HTTP requests.", ("adapter", "path", "status"))
