/** Small parts that say one thing: a priority, a clock, a tick, a key. */

import { type ReactNode, useRef } from "react";
import { AMBER_MS } from "../feed/limits";
import type { CommandState } from "../feed/outbox";
import { levelOf, priorityOf, shapeOf } from "../work/priorities";
import { clockText, type TimerLevel } from "../work/timers";
import { useApp, useNow } from "./store";
import { useWords } from "./theme";

/** Digit, shape and colour; the digit is the truth. */
interface ChipProps {
  code: string | null | undefined;
  /** What decision support or the sender says; shown until a person has chosen. */
  proposed?: string | null | undefined;
  isDisputed?: boolean;
}

export function PriorityChip({ code: chosen, proposed, isDisputed = false }: ChipProps) {
  const isProposed = !chosen && Boolean(proposed);
  const code = chosen ?? proposed;
  const words = useWords();
  const scale = useApp((app) => app.config.scale);
  const language = useApp((app) => app.language);
  const priority = priorityOf(scale, code);
  const label = priority === null ? "" : language === "sv" ? priority.label_sv : priority.label_en;
  const meaning = isProposed ? `${words.incident.recommended(code ?? "")}: ${label}` : label;
  return (
    <span
      className="chip"
      data-level={levelOf(code)}
      data-proposed={isProposed || undefined}
      title={isDisputed ? words.incident.disputed : meaning}
    >
      <span aria-hidden="true" className="chip-shape">
        {shapeOf(code)}
      </span>
      {code ?? "?"}
      {isDisputed && <span aria-hidden="true">!</span>}
    </span>
  );
}

const ICONS: Record<TimerLevel, string> = { neutral: "", amber: "◔", red: "◉" };

/** A time with its level: never by colour alone. */
export function Clock({ seconds, level, label }: { seconds: number; level: TimerLevel; label?: string }) {
  return (
    <span className="clock" data-timer={level}>
      {label && <span className="clock-label">{label}</span>}
      <span aria-hidden="true" className="clock-icon">
        {ICONS[level]}
      </span>
      {clockText(seconds)}
    </span>
  );
}

/** Since when a value has been what it is, on the clock of `useNow`. */
function useSince(value: string): number {
  const now = useNow();
  const kept = useRef({ value, since: now });
  if (kept.current.value !== value) kept.current = { value, since: now };
  return now - kept.current.since;
}

/** ✓ at one site, ✓✓ at a majority; ✓ alone turns amber. */
export function Tick({ durability, version }: { durability: string | undefined; version: number | undefined }) {
  const words = useWords();
  const age = useSince(`${durability} ${version}`);
  if (durability === undefined) return <span className="tick" />;
  const isEverywhere = durability === "cluster";
  const state = isEverywhere ? "cluster" : age >= AMBER_MS ? "amber" : "site";
  return (
    <span
      className="tick"
      data-tick={state}
      role="img"
      aria-label={isEverywhere ? words.tick.cluster : words.tick.site}
      title={isEverywhere ? words.tick.cluster : words.tick.site}
    >
      {isEverywhere ? "✓✓" : "✓"}
    </span>
  );
}

export const COMMAND_MARKS: Record<CommandState, string> = {
  queued: "…",
  sent: "➝",
  site: "✓",
  cluster: "✓✓",
  rejected: "✗",
  failed: "✗",
  held: "?",
};

export function Key({ children }: { children: ReactNode }) {
  return (
    <span className="key" aria-hidden="true">
      {children}
    </span>
  );
}

/** A centre's name, marked when it is not one's own. */
export function CentreName({ code }: { code: string | null | undefined }) {
  const name = useApp((app) => app.board.centres.get(code ?? "")?.name);
  return <>{name ?? code ?? "–"}</>;
}

/** A fact with its name before it; nothing when there is nothing. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
