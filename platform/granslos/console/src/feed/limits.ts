/** Every bound of the console: a name that ends in its unit, a value, and why this value. */

/** A site sends a heartbeat each second; without any byte for so long it is given up. */
export const SILENCE_MS = 2_000;
/** A dialled site must send its first frame within this; with `SILENCE_MS` a hung site costs less than 2.5 s. */
export const CONNECT_MS = 1_500;
/** A site that beats but sends no picture for so long is left for the next one. */
export const SNAPSHOT_MS = 3_000;
/** How often the watch looks. */
export const TICK_MS = 100;
/** A pause between two looks that is longer says that this machine slept: what it did not hear proves nothing. */
export const STALL_MS = 1_000;
/** First pause after every site was tried in vain; doubles with each round. */
export const RETRY_MS = 250;
/** Longest pause between two rounds, for ever. */
export const RETRY_MS_MAX = 2_000;
/** How often the home site is asked whether it lives, while the console is on another one. */
export const PROBE_MS = 2_500;
/** One such question. */
export const PROBE_TIMEOUT_MS = 1_500;
/** Home has to answer without a hole for so long before the console goes back. */
export const RETURN_MS = 15_000;
/** The time doubles each time home fails again soon, up to this. */
export const RETURN_MS_MAX = 240_000;
/** A stay at home of this length forgets earlier failures. */
export const SETTLED_MS = 60_000;

/** A person's command, from sending to answer: the node answers within 2.25 s. */
export const COMMAND_MS = 2_750;
/** Taking over a desk: the LOG may have no leader for 9 s. */
export const TAKEOVER_MS = 13_000;
/** So often is a command sent in a row without a usable answer, before a person has to say "again". */
export const COMMAND_TRIES_MAX = 6;
/** Pause before the same command is sent again, times the number of tries. */
export const COMMAND_RETRY_MS = 400;
/** After so many unanswered sendings to a site that still beats, the console goes to the next one. */
export const COMMAND_LOST_MAX = 2;
/** An un-ticked command older than this is not sent again without a person's word: the world has moved on. */
export const COMMAND_RESEND_AGE_MS = 120_000;
/** A command that is ticked stays in sight for so long. */
export const COMMAND_DONE_MS = 10_000;
/** Commands kept in sight; the oldest finished ones go first. */
export const COMMANDS_MAX = 200;

/** Event ids remembered, to know what is news. */
export const SEEN_EVENTS_MAX = 5_000;
/** Closed and merged incidents kept; the oldest go first. */
export const CLOSED_INCIDENTS_MAX = 500;
/** Frames are folded together so often: one drawing on a 60 Hz screen. */
export const FOLD_MS = 16;

/** Pause between a notice (a desk moved, a site fell silent) and asking for what changed with it. */
export const REFRESH_MS = 250;
/** One such question. */
export const REFRESH_TIMEOUT_MS = 3_000;
/** While the overview is open it asks anew so often. */
export const OVERVIEW_MS = 2_000;

/** ✓ without ✓✓ for longer turns amber. */
export const AMBER_MS = 2_000;
/** ✓ without ✓✓, or an island, for longer gets a banner; an election of the LOG's leader may take 9 s. */
export const ISLAND_BANNER_MS = 10_000;

/** Typed texts kept; the oldest go first. */
export const DRAFTS_MAX = 200;
/** A typed text is forgotten after this. */
export const DRAFT_HOURS_MAX = 24;
/** Longest note that the contract takes. */
export const NOTE_CHARACTERS_MAX = 64_000;
/** Longest reason that the contract takes. */
export const REASON_CHARACTERS_MAX = 8_000;
