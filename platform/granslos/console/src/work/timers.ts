/** Clocks that turn: neutral, amber, red. Never by colour alone: each level has an icon of its own. */

export type TimerLevel = "neutral" | "amber" | "red";

/** From offered to answered: the goal (K2) is 8 s, and then the call goes to all centres. */
export const ANSWER_AMBER_SECONDS = 5;
export const ANSWER_RED_SECONDS = 8;
/** From answered to the first unit alarmed, as a share of the priority's target (K1: 80 s for 1A). */
export const ALARM_AMBER_SHARE = 0.75;
/** A review clock turns amber for its last part. */
export const REVIEW_AMBER_SECONDS = 60;
/** A unit's position fades after this, and is called old after that. */
export const POSITION_AMBER_SECONDS = 60;
export const POSITION_RED_SECONDS = 300;
/** Data of the other sites. */
export const DATA_AMBER_SECONDS = 3;
export const DATA_RED_SECONDS = 10;

/** Level of a time that grows. */
export function levelOfAge(seconds: number, amber: number, red: number): TimerLevel {
  if (seconds >= red) return "red";
  return seconds >= amber ? "amber" : "neutral";
}

/** Level of a time that is left. */
export function levelOfRest(seconds: number, amber: number): TimerLevel {
  if (seconds <= 0) return "red";
  return seconds <= amber ? "amber" : "neutral";
}

/** Seconds from an instant to `now`; null without an instant. Clocks that disagree give 0, not less. */
export function secondsSince(instant: string | null | undefined, now: number): number | null {
  const at = instant ? Date.parse(instant) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, (now - at) / 1000);
}

/** Seconds from `now` to an instant, negative when it has passed; null without an instant. */
export function secondsUntil(instant: string | null | undefined, now: number): number | null {
  const at = instant ? Date.parse(instant) : Number.NaN;
  return Number.isNaN(at) ? null : (at - now) / 1000;
}

/** `0:07`, `12:40`, `1:02:03`; a passed time with a minus. */
export function clockText(seconds: number): string {
  const whole = Math.abs(Math.trunc(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  const text = hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
  return seconds <= -1 ? `−${text}` : text;
}

/** The instant of a site's heartbeat moved on by what has passed since: browsers' clocks are wrong. */
export function siteNow(beat: { at: string; heardAt: number } | null, sharedNow: number): number {
  const at = beat ? Date.parse(beat.at) : Number.NaN;
  return beat === null || Number.isNaN(at) ? sharedNow : at + (sharedNow - beat.heardAt);
}
