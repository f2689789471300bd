/** The answers to an open question, in the order of their digits: 1 to 9, then 0. */

import * as commands from "../contract/commands";
import type { Recommendation } from "../contract/views";
import { type Dictionary, type Language, wordFor } from "../i18n";
import { levelOf } from "../work/priorities";
import { clockText } from "../work/timers";
import { assess, closeAs, submit } from "./actions";
import type { App, Mode } from "./store";

export interface Choice {
  digit: string;
  label: string;
  detail?: string;
  /** Level of a priority, for its colours. */
  level?: string;
  isDisabled?: boolean;
  run: () => void;
}

export interface Question {
  title: string;
  /** Shown instead of choices. */
  status?: string;
  choices: Choice[];
  /** What leaving the question by going on to something else does; Escape alone drops it. */
  goOn?: () => void;
}

export const CREW_STATUSES = [
  "acknowledged",
  "en_route",
  "on_scene",
  "at_patient",
  "loaded",
  "at_destination",
  "handed_over",
  "available",
  "out_of_service",
] as const;

const DIGITS = "1234567890";
const digit = (n: number): string => DIGITS.charAt(n);

type Simple = Omit<Choice, "digit">;
const numbered = (choices: Simple[]): Choice[] => choices.map((choice, n) => ({ ...choice, digit: digit(n) }));

export function questionOf(app: App, mode: Mode, words: Dictionary, language: Language): Question {
  switch (mode.kind) {
    case "priority":
      return { title: words.choose.priority, choices: numbered(priorities(app, mode.incident, language)) };
    case "reason":
      return reasonQuestion(mode, words);
    case "assign":
      return assignQuestion(app, mode, words);
    case "withdraw":
      return { title: words.choose.withdraw, choices: numbered(activeUnits(app, mode.incident, words)) };
    case "refer":
      return {
        title: words.choose.refer,
        choices: numbered(coded(words.referrals, (to) => submit(commands.refer(mode.incident, to)))),
      };
    case "outcome":
      return {
        title: words.choose.outcome,
        choices: numbered(coded(words.outcomes, (outcome) => closeAs(mode.incident, outcome))),
      };
    case "closeReason":
      return closeReasonQuestion(mode, words);
    case "status":
      return {
        title: `${words.choose.status} ${mode.unit}`,
        choices: numbered(
          CREW_STATUSES.map((status) => ({
            label: wordFor(words.unitState, status),
            run: () => submit(commands.unitStatus(mode.unit, status)),
          })),
        ),
      };
  }
}

const coded = (words: Record<string, string>, run: (code: string) => void): Simple[] =>
  Object.entries(words).map(([code, label]) => ({ label, run: () => run(code) }));

function priorities(app: App, incidentId: string, language: Language): Simple[] {
  const recommended = app.board.incidents.get(incidentId)?.recommended_priority;
  return app.config.scale.map((priority) => ({
    label: priority.code,
    detail: `${language === "sv" ? priority.label_sv : priority.label_en}${priority.code === recommended ? " ★" : ""}`,
    level: levelOf(priority.code),
    run: () => assess(incidentId, priority.code),
  }));
}

function reasonQuestion(mode: Extract<Mode, { kind: "reason" }>, words: Dictionary): Question {
  const send = (reason: string | null) =>
    submit(commands.assess(mode.incident, { priority: mode.priority, recommended_priority: mode.recommended, reason }));
  const choices = numbered(words.reasons.map((reason) => ({ label: reason, run: () => send(reason) })));
  const without = { digit: "0", label: words.choose.noReason, run: () => send(null) };
  const title = `${words.choose.reason} ${mode.recommended} → ${mode.priority}`;
  return { title, choices: [...choices, without], goOn: without.run };
}

function closeReasonQuestion(mode: Extract<Mode, { kind: "closeReason" }>, words: Dictionary): Question {
  const run = (reason: string) =>
    submit(commands.close(mode.incident, { outcome: mode.outcome, override_reason: reason }));
  const choices = numbered(words.reasons.map((reason) => ({ label: reason, run: () => run(reason) })));
  return { title: words.choose.reason, choices };
}

function assignQuestion(app: App, mode: Extract<Mode, { kind: "assign" }>, words: Dictionary): Question {
  const title = words.choose.unit;
  if (mode.proposals === null) return { title, status: words.choose.loading, choices: [] };
  if (mode.hasFailed) return { title, status: words.choose.failed, choices: [] };
  const listed = mode.proposals.slice(0, DIGITS.length);
  if (listed.length === 0) return { title, status: words.choose.noUnits, choices: [] };
  const choices = numbered(
    listed.map((proposal) => ({
      label: proposal.unit_id,
      detail: proposalText(app, proposal, words),
      isDisabled: !proposal.assignable,
      run: () => submit(commands.assign(mode.incident, proposal.unit_id, Boolean(proposal.preempts))),
    })),
  );
  return { title, choices };
}

function proposalText(app: App, proposal: Recommendation, words: Dictionary): string {
  const centre = app.board.units.get(proposal.unit_id)?.centre;
  const parts = [
    proposal.arrives_in_s === null ? null : clockText(proposal.arrives_in_s),
    wordFor(words.unitKind, proposal.kind),
    centre && app.board.centres.get(centre)?.name,
    proposal.standing === "first_response" && words.unit.firstResponse,
    proposal.standing === "unreachable" && words.unit.unreachable,
    proposal.preempts && words.unit.preempts(proposal.preempts),
    proposal.crosses_border && words.unit.crossesBorder,
    proposal.free_left !== undefined && proposal.standing === "main" && words.unit.freeLeft(proposal.free_left),
  ];
  return parts.filter(Boolean).join(" · ");
}

function activeUnits(app: App, incidentId: string, words: Dictionary): Simple[] {
  const assignments = app.board.incidents.get(incidentId)?.assignments ?? [];
  return assignments
    .filter(({ active }) => active)
    .map((assignment) => ({
      label: assignment.unit_id,
      detail: wordFor(words.unitState, assignment.state),
      run: () => submit(commands.unassign(incidentId, assignment.unit_id)),
    }));
}
