/** The two views of incidents: calls, and the waiting room with what is under way. */

import { useMemo } from "react";
import { callRows, type Row, waitingRows } from "../work/lists";
import { levelOf, rankOf } from "../work/priorities";
import { answerCall, proposeUnits } from "./actions";
import { IncidentPanel } from "./IncidentPanel";
import { IncidentRow } from "./IncidentRow";
import { RowList } from "./RowList";
import { store, useApp, useSiteNow, type View } from "./store";
import { useWords } from "./theme";

function primary(id: string): void {
  const incident = store.get().board.incidents.get(id);
  if (incident?.state === "offered") answerCall();
  else if (incident && incident.state !== "closed") void proposeUnits(id);
}

/** The most urgent of some incidents, for the colour of the bar that stands for them. */
function urgentLevel(ids: string[]): string {
  const { board, config } = store.get();
  const codes = ids.map((id) => board.incidents.get(id)?.priority ?? board.incidents.get(id)?.recommended_priority);
  codes.sort((a, b) => rankOf(config.scale, a) - rankOf(config.scale, b));
  return levelOf(codes[0]);
}

function IncidentView({ view, rows }: { view: View; rows: Row[] }) {
  const words = useWords();
  const chosen = useApp((app) => app.selected[view]);
  const state = useApp((app) => app.board.incidents.get(chosen ?? "")?.state);
  const names: Record<string, string> = words.groups;
  return (
    <div className="view">
      <RowList
        view={view}
        label={words.views[view]}
        rows={rows}
        settle={`${chosen}|${state}`}
        groupName={(group, count) => `${names[group] ?? group} ${count}`}
        renderRow={(id, isGone) => <IncidentRow id={id} isGone={isGone} />}
        onPrimary={primary}
        levelOfQueued={urgentLevel}
      />
      <IncidentPanel id={chosen} />
    </div>
  );
}

export function CallsView() {
  const incidents = useApp((app) => app.board.incidents);
  const me = useApp((app) => app.identity.subject);
  const rows = useMemo(() => callRows(incidents.values(), me), [incidents, me]);
  return <IncidentView view="calls" rows={rows} />;
}

export function WaitingView() {
  const incidents = useApp((app) => app.board.incidents);
  const scale = useApp((app) => app.config.scale);
  const now = useSiteNow();
  const rows = useMemo(() => waitingRows(incidents.values(), scale, now), [incidents, scale, now]);
  return <IncidentView view="waiting" rows={rows} />;
}
