import { en } from "./en";
import { type Dictionary, sv } from "./sv";

export type Language = "sv" | "en";
export type { Dictionary };

export const DICTIONARIES: Record<Language, Dictionary> = { sv, en };

/** A word for a code, or the code itself: a newer site may know more codes than this console. */
export const wordFor = (words: Record<string, string>, code: string | null | undefined): string =>
  code === null || code === undefined ? "–" : (words[code] ?? code);

const ZONE = "Europe/Stockholm";
const TIME = new Intl.DateTimeFormat("sv-SE", {
  timeZone: ZONE,
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const DATE = new Intl.DateTimeFormat("sv-SE", { timeZone: ZONE, dateStyle: "short" });

/** `04:12:09`, Swedish time. */
export function timeText(instant: string | number | null | undefined): string {
  const at = typeof instant === "number" ? instant : Date.parse(instant ?? "");
  return Number.isNaN(at) ? "" : TIME.format(at);
}

/** `2026-11-25`, Swedish date. */
export const dateText = (at: number): string => DATE.format(at);
