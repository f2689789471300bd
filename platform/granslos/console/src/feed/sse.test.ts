import { expect, test } from "vitest";
import { EVENT_CHARACTERS_MAX, EventStreamParser, type RawEvent, StreamTooLargeError } from "./sse";

function parse(...chunks: string[]): RawEvent[] {
  const parser = new EventStreamParser();
  return chunks.flatMap((chunk) => parser.push(chunk));
}

const TWO = 'event: change\ndata: {"a":1}\nid: 7\n\nevent: heartbeat\ndata: {}\n\n';
const TWO_EVENTS = [
  { event: "change", data: '{"a":1}', id: "7" },
  { event: "heartbeat", data: "{}", id: null },
];

test.each([
  ["in one piece", [TWO], TWO_EVENTS],
  ["letter by letter", [...TWO], TWO_EVENTS],
  ["with CR LF", [TWO.replaceAll("\n", "\r\n")], TWO_EVENTS],
  ["with CR LF letter by letter", [...TWO.replaceAll("\n", "\r\n")], TWO_EVENTS],
  ["with CR", [TWO.replaceAll("\n", "\r")], TWO_EVENTS],
  ["a comment alone is no event", [": still here\n\n"], []],
  ["several data lines are joined", ["data: a\ndata: b\n\n"], [{ event: "message", data: "a\nb", id: null }]],
  ["no space after the colon", ["event:x\ndata:y\n\n"], [{ event: "x", data: "y", id: null }]],
  ["a field without colon", ["event: x\ndata\n\n"], [{ event: "x", data: "", id: null }]],
  ["an event without data", ["event: resync\n\n"], [{ event: "resync", data: "", id: null }]],
  ["an unknown field is skipped", ["retry: 10\nevent: x\n\n"], [{ event: "x", data: "", id: null }]],
  [
    "an id does not carry over",
    ["id: 3\nevent: a\n\nevent: b\n\n"],
    [
      { event: "a", data: "", id: "3" },
      { event: "b", data: "", id: null },
    ],
  ],
  ["an unfinished event is not told", ["event: x\ndata: y\n"], []],
])("%s", (_name, chunks, events) => {
  expect(parse(...chunks)).toEqual(events);
});

test("an event beyond the bound is refused, also when it comes in pieces", () => {
  const half = "x".repeat(EVENT_CHARACTERS_MAX / 2);
  const parser = new EventStreamParser();
  parser.push(`data: ${half}`);
  expect(() => parser.push(half)).toThrow(StreamTooLargeError);
});
