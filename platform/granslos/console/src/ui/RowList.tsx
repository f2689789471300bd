/**
 * A list that is worked by keys and in which no row moves under the focus or the pointer.
 *
 * The list itself has the focus, its chosen row is `aria-activedescendant`: a row that is drawn anew cannot lose it.
 */

import { Fragment, type KeyboardEvent, type ReactNode, useCallback, useEffect, useId, useRef, useState } from "react";
import { type Row, type Stable, stableRows } from "../work/lists";
import { select, showNew } from "./actions";
import { Key } from "./parts";
import { useApp, type View } from "./store";
import { useWords } from "./theme";

/** A pointer that rests holds rows still only so long: it may have been left there. */
const POINTER_MS = 5_000;
const PAGE_ROWS = 10;

interface Props {
  view: View;
  label: string;
  rows: Row[];
  /** Changes when the chosen row's own state does: then it may move to where it now belongs. */
  settle: string;
  groupName: (group: string, count: number) => ReactNode;
  renderRow: (id: string, isGone: boolean) => ReactNode;
  /** What Enter, or a second click, does. */
  onPrimary: (id: string) => void;
  /** Priority level of the most urgent row that waits to be shown. */
  levelOfQueued?: (ids: string[]) => string;
}

/** Holds rows still while a person is in the list; lets go when told to show new ones, or when the chosen row settles. */
function useStableRows(rows: Row[], isHeld: boolean, settle: string): Stable {
  const release = useApp((app) => app.showNew);
  const shown = useRef<Row[]>([]);
  const seen = useRef({ release, settle });
  const isReleased = seen.current.release !== release || hasSettled(seen.current.settle, settle);
  const stable = stableRows(shown.current, rows, isHeld && !isReleased);
  useEffect(() => {
    shown.current = stable.rows;
    seen.current = { release, settle };
  });
  return stable;
}

/** Calls that ring are told as such: one key answers the longest ringing, in sight or not. */
const isRinging = ({ rows }: Props, queued: string[]): boolean =>
  rows.some(({ id, group }) => group === "offered" && queued.includes(id));

/** The same row in another state; another row chosen is no reason to move anything. */
function hasSettled(before: string, after: string): boolean {
  const [id, state] = before.split("|");
  const [newId, newState] = after.split("|");
  return id === newId && state !== newState;
}

export function RowList(props: Props) {
  const words = useWords();
  const isLoaded = useApp((app) => app.board.isLoaded);
  const chosen = useApp((app) => app.selected[props.view]);
  const [hasFocus, setFocus] = useState(false);
  const pointer = usePointer();
  const { rows, queued, gone } = useStableRows(props.rows, hasFocus || pointer.isHere, props.settle);
  const base = useId();
  useChosenInSight(`${base}${chosen}`);

  return (
    <div className="list-frame">
      {queued.length > 0 && (
        <button
          type="button"
          className="queued"
          data-level={isRinging(props, queued) ? "1" : (props.levelOfQueued?.(queued) ?? "none")}
          tabIndex={-1}
          onClick={showNew}
        >
          {isRinging(props, queued) ? words.list.ringing(queued.length) : words.list.queued(queued.length)} <Key>U</Key>
        </button>
      )}
      <div
        className="list"
        role="listbox"
        tabIndex={0}
        aria-label={props.label}
        aria-activedescendant={rows.some(({ id }) => id === chosen) ? `${base}${chosen}` : undefined}
        onFocus={() => setFocus(true)}
        onBlur={() => setFocus(false)}
        onPointerMove={pointer.onMove}
        onPointerLeave={pointer.onLeave}
        onKeyDown={(event) => moveBy(event, rows, chosen, props)}
      >
        {rows.map(({ id, group }, n) => (
          <Fragment key={id}>
            {rows[n - 1]?.group !== group && (
              <div className="group" role="presentation">
                {props.groupName(group, props.rows.filter((row) => row.group === group).length)}
              </div>
            )}
            <OneRow {...props} id={id} elementId={`${base}${id}`} isChosen={id === chosen} isGone={gone.has(id)} />
          </Fragment>
        ))}
        {rows.length === 0 && <p className="empty">{isLoaded ? words.list.empty[props.view] : words.list.notLoaded}</p>}
      </div>
    </div>
  );
}

interface OneRowProps extends Props {
  id: string;
  elementId: string;
  isChosen: boolean;
  isGone: boolean;
}

function OneRow({ id, elementId, isChosen, isGone, view, renderRow, onPrimary }: OneRowProps) {
  return (
    // The list takes the keys, see RowList.
    // biome-ignore lint/a11y/useKeyWithClickEvents: because the listbox handles keys for all its options
    // biome-ignore lint/a11y/useFocusableInteractive: because the listbox keeps the focus (aria-activedescendant)
    <div
      id={elementId}
      className="row"
      role="option"
      aria-selected={isChosen}
      data-id={id}
      data-gone={isGone || undefined}
      onClick={() => select(view, id)}
      onDoubleClick={() => onPrimary(id)}
    >
      {renderRow(id, isGone)}
    </div>
  );
}

function usePointer() {
  const [isHere, setHere] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const end = useCallback(() => {
    if (timer.current !== null) clearTimeout(timer.current);
    timer.current = null;
  }, []);
  useEffect(() => end, [end]);
  const onLeave = () => {
    end();
    setHere(false);
  };
  const onMove = () => {
    end();
    setHere(true);
    timer.current = setTimeout(onLeave, POINTER_MS);
  };
  return { isHere, onMove, onLeave };
}

function useChosenInSight(elementId: string): void {
  useEffect(() => {
    document.getElementById(elementId)?.scrollIntoView({ block: "nearest" });
  }, [elementId]);
}

const MOVES: Record<string, (at: number, last: number) => number> = {
  ArrowDown: (at, last) => Math.min(last, at + 1),
  ArrowUp: (at, last) => (at < 0 ? last : Math.max(0, at - 1)),
  Home: () => 0,
  End: (_, last) => last,
  PageDown: (at, last) => Math.min(last, at + PAGE_ROWS),
  PageUp: (at) => Math.max(0, at - PAGE_ROWS),
};

function moveBy(event: KeyboardEvent, rows: readonly Row[], chosen: string | null, { view, onPrimary }: Props): void {
  const at = rows.findIndex(({ id }) => id === chosen);
  if (event.key === "Enter" && at >= 0 && chosen !== null) {
    event.preventDefault();
    return onPrimary(chosen);
  }
  const move = MOVES[event.key];
  if (move === undefined || rows.length === 0) return;
  event.preventDefault();
  select(view, rows[move(at, rows.length - 1)]?.id ?? null);
}
