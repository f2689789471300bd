/** The scale of priorities: data, in order of urgency. A site may send its own with the console's configuration. */

export interface Priority {
  code: string;
  rank: number;
  label_sv: string;
  label_en: string;
  review_minutes: number;
  /** From answered to the first unit alarmed (K1). */
  alarm_target_seconds?: number | null;
  needs_unit: boolean;
}

export type Scale = readonly Priority[];

const row = (code: string, rank: number, label_sv: string, label_en: string, review_minutes: number): Priority => ({
  code,
  rank,
  label_sv,
  label_en,
  review_minutes,
  alarm_target_seconds: code === "1A" ? 80 : null,
  needs_unit: code !== "H",
});

/** The same as `granslos/domain/priorities.py`. */
export const DEFAULT_SCALE: Scale = [
  row("1A", 0, "akut livshotande", "acute threat to life", 2),
  row("1B", 1, "akut, livshot kan finnas", "possible acute threat to life", 5),
  row("2A", 2, "akut, ej livshotande, först", "acute, not life threatening, first", 15),
  row("2B", 3, "akut, ej livshotande", "acute, not life threatening", 30),
  row("3", 4, "ej akut, vårdbehov under färd", "not urgent, care under way", 60),
  row("4", 5, "inget vårdbehov under färd", "no care under way", 120),
  row("H", 6, "hänvisning, ingen ambulans", "referral, no ambulance", 240),
];

const UNKNOWN_RANK = 99;

export const rankOf = (scale: Scale, code: string | null | undefined): number =>
  scale.find((priority) => priority.code === code)?.rank ?? UNKNOWN_RANK;

export const priorityOf = (scale: Scale, code: string | null | undefined): Priority | null =>
  scale.find((priority) => priority.code === code) ?? null;

/** A code asks for a unit unless the scale says otherwise; no code yet does not. */
export const needsUnit = (scale: Scale, code: string | null | undefined): boolean =>
  code !== null && code !== undefined && (priorityOf(scale, code)?.needs_unit ?? true);

/** How a priority looks: its level gives colour and shape; the text is the truth. */
export type Level = "1" | "2" | "3" | "4" | "h" | "none";

const SHAPES: Record<Level, string> = { "1": "▲", "2": "◆", "3": "■", "4": "●", h: "○", none: "–" };

export function levelOf(code: string | null | undefined): Level {
  const first = code?.charAt(0).toLowerCase();
  return first === "1" || first === "2" || first === "3" || first === "4" || first === "h" ? first : "none";
}

export const shapeOf = (code: string | null | undefined): string => SHAPES[levelOf(code)];
