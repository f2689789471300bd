import { expect, test } from "vitest";
import { DEFAULT_SCALE, needsUnit } from "../work/priorities";
import { readConfig } from "./boot";

const ORIGIN = "http://vas.test:1";
const SITES = [
  { code: "upp", name: "Uppsala", http: "http://upp.test/" },
  { code: "vas", name: "Västerås", http: "" },
];

test("the site that served the page comes first and is spoken to at the page's origin; a slash at an end is dropped", () => {
  const config = readConfig({ site: "vas", sites: SITES, environment: "demo" }, ORIGIN);
  expect(config?.sites).toEqual([
    { code: "vas", name: "Västerås", http: ORIGIN },
    { code: "upp", name: "Uppsala", http: "http://upp.test" },
  ]);
  expect([config?.site, config?.environment, config?.scale]).toEqual(["vas", "demo", DEFAULT_SCALE]);
});

test("a list without the own site, or with lines that cannot be read, still gives a way home", () => {
  const config = readConfig({ site: "esk", sites: [{ code: "upp" }, null, 7] }, ORIGIN);
  expect(config?.sites).toEqual([{ code: "esk", name: "esk", http: ORIGIN }]);
});

test("a scale of the region's own; what it leaves unsaid is as usual", () => {
  const priorities = [
    { code: "1A", rank: 0, label_sv: "röd", label_en: "red" },
    { code: "H", rank: 1, needs_unit: null },
    { code: "X", rank: 2 },
    { code: "no rank" },
  ];
  const scale = readConfig({ site: "vas", sites: [], priorities }, ORIGIN)?.scale ?? [];
  expect(scale.map(({ code, rank, label_sv }) => [code, rank, label_sv])).toEqual([
    ["1A", 0, "röd"],
    ["H", 1, "hänvisning, ingen ambulans"],
    ["X", 2, ""],
  ]);
  expect(["1A", "H", "X"].map((code) => needsUnit(scale, code))).toEqual([true, false, true]);
  expect(scale[0]?.alarm_target_seconds).toBe(80);
});

test.each([null, {}, { site: "vas" }, { site: 3, sites: [] }])("%j is no configuration", (value) => {
  expect(readConfig(value, ORIGIN)).toBeNull();
});
