"""Bounds of states in memory and in rows. What falls outside stays in the LOG; each bound has a test that reaches
it.
"""

FRAGMENTS_MAX = 200
"""Fragments of a handover kept in its state (count): the oldest ``FRAGMENTS_OLDEST_KEPT`` and the newest others."""
FRAGMENTS_OLDEST_KEPT = 20
"""Oldest fragments of a handover that are always kept (count); the first ones say who rang and from where."""
LOCATION_VALID_SECONDS = 900.0
"""A claimed position older than this when it arrives is shown, but loses against any fresher one (seconds)."""
LOCATION_AHEAD_SECONDS = 60.0
"""A claimed position dated further ahead than this is taken as observed on arrival (seconds)."""
ALTERNATIVE_LOCATIONS_MAX = 50
"""Other claimed positions shown beside the chosen one (count)."""
NOTES_MAX = 1_000
"""Newest notes kept in an incident's state (count)."""
AMENDMENTS_MAX = 200
"""Newest amendments kept in an incident's state (count)."""
ASSESSMENTS_MAX = 200
"""Newest assessments kept in an incident's state (count)."""
CO_LISTENERS_MAX = 50
"""Operators listed as co-listeners of a call (count)."""
MARKS_MAX = 64
"""Newest decisions an aggregate remembers to tell which of them a later decider had seen (count)."""
BASE_LENGTH_MAX = 128
"""Length of what a decision names as seen, as the envelope bounds it (characters)."""
CLASHES_MAX = 100
"""Clashes an aggregate keeps; settled ones go first (count)."""
SUPERSEDED_MAX = 100
"""Newest decisions kept that had no effect because another one counts (count)."""
ACKNOWLEDGEMENTS_MAX = 200
"""Newest acknowledgements of clashes an aggregate keeps (count)."""
CLAIMS_ENDED_MAX = 8
"""Ended assignments a unit keeps beside those still at work or contested (count)."""
REPORTS_NEWEST_KEPT = 20
"""Newest crew statuses kept of each assignment, beside the first of each kind, and newest bound to none (count)."""
EARLY_CANCELLATIONS_MAX = 8
"""Newest cancellations kept for claims that have not been folded yet (count)."""
FLAGS_MAX = 20
"""Oddities shown on a unit (count)."""
STATUS_AGE_HOURS_MAX = 72
"""A crew status dated further back than this is dated by its arrival: its terminal's clock is wrong (hours)."""
OVERLAP_TOLERANCE_SECONDS = 2.0
"""Two sites' clocks may differ this much before an end counts as later than what it should precede (seconds)."""
MEMBERS_MAX = 100
"""Incidents counted as one (count)."""
