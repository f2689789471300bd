/** All units, by centre: how free they are, what they do, and how old what is known of them is. */

import { useMemo } from "react";
import { Button } from "react-aria-components";
import type { Unit } from "../contract/views";
import { timeText, wordFor } from "../i18n";
import { type Freedom, freedomOf, isGrey, unitRows } from "../work/lists";
import { levelOfAge, POSITION_AMBER_SECONDS, POSITION_RED_SECONDS, secondsSince } from "../work/timers";
import { UnitQuestion } from "./ActionBar";
import { showIncident } from "./actions";
import { placeText } from "./IncidentRow";
import { CentreName, Clock, Fact, PriorityChip, Tick } from "./parts";
import { RowList } from "./RowList";
import { store, useApp, useSiteNow } from "./store";
import { useWords } from "./theme";

export function UnitsView() {
  const words = useWords();
  const units = useApp((app) => app.board.units);
  const ownCentre = useApp((app) => app.identity.centre ?? app.config.site);
  const chosen = useApp((app) => app.selected.units);
  const state = useApp((app) => app.board.units.get(chosen ?? "")?.state);
  const rows = useMemo(() => unitRows(units.values(), ownCentre), [units, ownCentre]);
  const summary = (centre: string): string => {
    const own = [...units.values()].filter((unit) => unit.centre === centre);
    const count = (freedom: Freedom) => own.filter((unit) => !isGrey(unit) && freedomOf(unit) === freedom).length;
    return words.unit.summary(count("free"), count("busy"), count("off"), own.filter(isGrey).length);
  };
  return (
    <div className="view">
      <RowList
        view="units"
        label={words.views.units}
        rows={rows}
        settle={`${chosen}|${state}`}
        groupName={(centre) => (
          <>
            <CentreName code={centre} /> <span className="quiet">{summary(centre)}</span>
          </>
        )}
        renderRow={(id) => <UnitRow id={id} />}
        onPrimary={(id) => {
          const incident = store.get().board.units.get(id)?.incident_id;
          if (incident) showIncident(incident);
        }}
      />
      <UnitPanel id={chosen} />
    </div>
  );
}

/** A unit's state by colour, shape and word. */
function UnitState({ unit }: { unit: Unit }) {
  const words = useWords();
  const freedom = freedomOf(unit);
  if (unit.emergency_since) return <b className="badge badge-alarm">⚠ {words.unitState.emergency}</b>;
  const shapes: Record<Freedom, string> = { free: "●", busy: "◐", off: "○" };
  return (
    <span className="unit-state" data-freedom={isGrey(unit) ? "grey" : freedom}>
      <span aria-hidden="true">{isGrey(unit) ? "▨" : shapes[freedom]}</span> {wordFor(words.unitState, unit.state)}
    </span>
  );
}

function PositionAge({ unit, isNamed = false }: { unit: Unit; isNamed?: boolean }) {
  const words = useWords();
  const seconds = secondsSince(unit.last_position?.at, useSiteNow());
  if (seconds === null) {
    const where = unit.station ? `${words.unit.station} ${unit.station}` : words.unit.noPosition;
    return <span className="quiet">{where}</span>;
  }
  const level = levelOfAge(seconds, POSITION_AMBER_SECONDS, POSITION_RED_SECONDS);
  return <Clock seconds={seconds} level={level} {...(isNamed ? { label: words.unit.position } : {})} />;
}

function UnitRow({ id }: { id: string }) {
  const words = useWords();
  const unit = useApp((app) => app.board.units.get(id));
  const incident = useApp((app) => app.board.incidents.get(unit?.incident_id ?? ""));
  if (unit === undefined) return <span className="row-gone">{id}</span>;
  return (
    <>
      <b className="unit-id" data-grey={isGrey(unit) || undefined}>
        {id}
      </b>
      <UnitState unit={unit} />
      <span className="row-main">
        <span className="row-place">
          {incident ? placeText(incident, words) : wordFor(words.unitKind, unit.kind)}
          {(unit.contested ?? []).length > 0 && <b className="badge badge-alarm">{words.unit.contested}</b>}
        </span>
        <span className="row-text">{isGrey(unit) ? words.unit.grey : (unit.flags ?? []).join(", ")}</span>
      </span>
      <span className="row-state">
        {incident && (
          <span>
            <PriorityChip code={incident.priority} /> {incident.id}
          </span>
        )}
        <span className="row-id">
          <PositionAge unit={unit} isNamed />
        </span>
      </span>
      <Tick durability={unit.durability} version={unit.version} />
    </>
  );
}

function UnitPanel({ id }: { id: string | null }) {
  const words = useWords();
  const unit = useApp((app) => app.board.units.get(id ?? ""));
  const incident = useApp((app) => app.board.incidents.get(unit?.incident_id ?? ""));
  if (unit === undefined) return <aside className="panel panel-empty">{words.unit.none}</aside>;
  return (
    <aside className="panel" aria-label={unit.id}>
      <header className="panel-head">
        <h2>
          {unit.id}
          <Tick durability={unit.durability} version={unit.version} />
        </h2>
        <p>
          <UnitState unit={unit} />
          <span>{timeText(unit.status_at)}</span>
          <span>{wordFor(words.unitKind, unit.kind)}</span>
          <span>
            <CentreName code={unit.centre} />
          </span>
        </p>
        {isGrey(unit) && <p className="badge badge-warning">{words.unit.grey}</p>}
      </header>
      <UnitQuestion unit={unit.id} />
      <dl className="facts">
        <Fact name={words.unit.position}>
          <PositionAge unit={unit} />
        </Fact>
        {unit.station && <Fact name={words.unit.station}>{unit.station}</Fact>}
        {(unit.skills ?? []).length > 0 && <Fact name={words.unit.skills}>{(unit.skills ?? []).join(", ")}</Fact>}
        {unit.shift_ends_at && <Fact name={words.unit.shiftEnds}>{timeText(unit.shift_ends_at)}</Fact>}
        {incident && (
          <Fact name={words.unit.incident}>
            <Button className="action" onPress={() => showIncident(incident.id)}>
              <PriorityChip code={incident.priority} /> {incident.id}
            </Button>{" "}
            {placeText(incident, words)}
          </Fact>
        )}
      </dl>
    </aside>
  );
}
