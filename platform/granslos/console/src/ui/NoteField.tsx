/** The note being written. Each letter is kept at once, so that nothing typed is lost with a site, a reload or a crash. */

import { useEffect, useState } from "react";
import { Button, Label, TextArea, TextField } from "react-aria-components";
import { NOTE_CHARACTERS_MAX } from "../feed/limits";
import { noteField, sendNote } from "./actions";
import { Key } from "./parts";
import { useApp } from "./store";
import { useWords } from "./theme";

export function NoteField({ incident }: { incident: string }) {
  const words = useWords();
  const drafts = useApp((app) => app.drafts);
  // A refused note is given back to its draft: then the field must show it.
  const refused = useApp(
    ({ outbox }) =>
      outbox.filter(({ what, subject, state }) => what === "note" && subject === incident && state === "rejected")
        .length,
  );
  const field = noteField(incident);
  const [text, setText] = useState("");
  const [isKept, setKept] = useState(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: because a newly refused note changes what the draft holds
  useEffect(() => setText(drafts?.read(field) ?? ""), [drafts, field, refused]);

  const type = (value: string) => {
    setText(value);
    setKept(drafts?.write(field, value) ?? false);
  };
  const send = () => {
    sendNote(incident, text);
    setText(drafts?.read(field) ?? "");
  };

  return (
    <TextField className="note-field" value={text} onChange={type} maxLength={NOTE_CHARACTERS_MAX}>
      <Label>
        <Key>N</Key> {words.action.note}
      </Label>
      <TextArea
        id="note"
        rows={2}
        placeholder={words.incident.notePlaceholder}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          send();
        }}
      />
      <Button className="action" isDisabled={text.trim() === ""} onPress={send}>
        {words.action.note}
      </Button>
      {!isKept && <p role="alert">{words.incident.noteNotKept}</p>}
    </TextField>
  );
}
