import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** WCAG 2.2, relative luminance and contrast ratio. */
function luminance(hex: string): number {
  const channels = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  const [r = 0, g = 0, b = 0] = channels.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

const css = readFileSync(new URL("../styles/tokens.css", import.meta.url), "utf8");

function colours(block: string): Map<string, string> {
  return new Map(
    [...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map(([, name = "", value = ""]) => [name, value]),
  );
}

const blocks = css.split(/\n(?=:root)/).slice(1);
const palette = colours(blocks[0] ?? "");
const themes = new Map(
  ["dark", "light"].map((name) => [name, colours(blocks.find((block) => block.includes(`"${name}"`)) ?? "")]),
);

const get = (from: Map<string, string> | undefined, name: string): string => {
  const value = from?.get(name);
  if (value === undefined) throw new Error(`tokens.css has no --${name}`);
  return value;
};

test("the measure is right: black on white is 21, and white on Okabe-Ito's orange fails", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
  expect(contrast("#ffffff", "#e69f00")).toBeCloseTo(2.25, 1);
});

const filled = [...palette.keys()].filter((name) => !name.startsWith("on-"));

test("the palette is all there", () => {
  expect(filled.sort()).toEqual(["blue", "green", "grey", "orange", "purple", "sky", "vermillion", "yellow"]);
});

test.each(filled)("text on %s", (name) => {
  expect(contrast(get(palette, name), get(palette, `on-${name}`))).toBeGreaterThanOrEqual(4.5);
});

const TEXTS = ["text", "quiet", "accent", "amber-text", "red-text", "good-text"];
const SURFACES = ["surface", "raised", "sunken"];

test.each(
  [...themes.keys()].flatMap((theme) => SURFACES.flatMap((surface) => TEXTS.map((text) => [theme, text, surface]))),
)("%s: %s on %s", (theme, text, surface) => {
  const tokens = themes.get(theme);
  expect(contrast(get(tokens, text), get(tokens, surface))).toBeGreaterThanOrEqual(4.5);
});

test.each([...themes.keys()])("%s: a chosen row's text, and the mark of the focus", (theme) => {
  const tokens = themes.get(theme);
  for (const text of ["text", "amber-text", "red-text", "good-text"]) {
    expect(contrast(get(tokens, text), get(tokens, "selected")), text).toBeGreaterThanOrEqual(4.5);
  }
  for (const surface of [...SURFACES, "selected"]) {
    expect(contrast(get(tokens, "focus"), get(tokens, surface)), surface).toBeGreaterThanOrEqual(3);
  }
});
