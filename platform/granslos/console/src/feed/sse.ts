/** An incremental reader of `text/event-stream` (WHATWG HTML §9.2.6), for streams read with `fetch`. */

export interface RawEvent {
  event: string;
  data: string;
  id: string | null;
}

/** One event larger than this is refused: a snapshot of 10 000 incidents is about 20 MB. */
export const EVENT_CHARACTERS_MAX = 64 * 1024 * 1024;

export class StreamTooLargeError extends Error {}

export class EventStreamParser {
  /** Text of the line that is not finished yet, in the pieces it came in. */
  private pieces: string[] = [];
  private size = 0;
  private event = "";
  private data: string[] = [];
  private id: string | null = null;
  private sawReturn = false;

  /** Takes the next piece of text and returns the events it completes, in order. */
  push(chunk: string): RawEvent[] {
    const done: RawEvent[] = [];
    for (const line of this.lines(chunk)) {
      const event = this.take(line);
      if (event !== null) done.push(event);
    }
    return done;
  }

  /** Yields the lines that a piece completes; LF, CR and CR LF end a line, also a CR LF that was cut in two. */
  private *lines(chunk: string): Generator<string> {
    let start = this.sawReturn && chunk.startsWith("\n") ? 1 : 0;
    if (chunk !== "") this.sawReturn = chunk.endsWith("\r");
    for (let end = nextLineEnd(chunk, start); end >= 0; end = nextLineEnd(chunk, start)) {
      this.pieces.push(chunk.slice(start, end));
      const line = this.pieces.join("");
      this.pieces = [];
      start = chunk.startsWith("\r\n", end) ? end + 2 : end + 1;
      yield line;
    }
    this.keep(chunk.slice(start));
  }

  private keep(rest: string): void {
    if (rest === "") return;
    this.pieces.push(rest);
    this.size += rest.length;
    if (this.size > EVENT_CHARACTERS_MAX) throw new StreamTooLargeError();
  }

  private take(line: string): RawEvent | null {
    if (line === "") return this.finish();
    this.size += line.length;
    if (this.size > EVENT_CHARACTERS_MAX) throw new StreamTooLargeError();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "event") this.event = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id") this.id = value;
    return null;
  }

  private finish(): RawEvent | null {
    const made = { event: this.event === "" ? "message" : this.event, data: this.data.join("\n"), id: this.id };
    const isEmpty = this.data.length === 0 && this.event === "";
    this.event = "";
    this.data = [];
    this.id = null;
    this.size = 0;
    return isEmpty ? null : made;
  }
}

function nextLineEnd(text: string, from: number): number {
  for (let n = from; n < text.length; n++) {
    const code = text.charCodeAt(n);
    if (code === 10 || code === 13) return n;
  }
  return -1;
}
