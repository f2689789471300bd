/** The two dialogs: the keys, and the one action that must be confirmed with a reason. */

import { useState } from "react";
import { Button, Dialog, Heading, Label, Modal, ModalOverlay, TextArea, TextField } from "react-aria-components";
import * as commands from "../contract/commands";
import { REASON_CHARACTERS_MAX } from "../feed/limits";
import { wordFor } from "../i18n";
import { submit } from "./actions";
import { ACTION_KEYS, VIEW_KEYS } from "./keys";
import { type Dialog as OpenDialog, store, useApp, VIEWS } from "./store";
import { useWords } from "./theme";

const close = () => store.set({ dialog: null });

export function Dialogs() {
  const dialog = useApp((app) => app.dialog);
  return (
    <ModalOverlay
      className="overlay"
      isDismissable
      isOpen={dialog !== null}
      onOpenChange={(isOpen) => {
        if (!isOpen) close();
      }}
    >
      <Modal className="modal">
        <Dialog className="dialog">
          {dialog?.kind === "help" && <Help />}
          {dialog?.kind === "desk" && <DeskMove dialog={dialog} />}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function Help() {
  const words = useWords();
  const general: [string, string][] = [
    ["↑ ↓", words.help.move],
    ["Enter", words.help.primary],
    ["1–9 0", words.help.digits],
    ["Esc", words.help.leave],
    ["U", words.help.showNew],
    ["Z", words.command.undo],
    ["O", words.help.takeover],
    ["M", words.help.theme],
    ["?", words.help.help],
  ];
  const views = VIEWS.map((view, n): [string, string] => [`${VIEW_KEYS[view]} / F${n + 1}`, words.views[view]]);
  const actions = Object.entries(ACTION_KEYS).map(([name, key]): [string, string] => [
    key,
    wordFor(words.action, name),
  ]);
  return (
    <>
      <Heading slot="title">{words.help.title}</Heading>
      <div className="help">
        <KeyTable name={words.help.views} rows={views} />
        <KeyTable name={words.help.actions} rows={actions} />
        <KeyTable name={words.help.general} rows={general} />
      </div>
      <p className="quiet">{words.help.note}</p>
      <Button className="action" autoFocus onPress={close}>
        {words.help.close}
      </Button>
    </>
  );
}

function KeyTable({ name, rows }: { name: string; rows: [string, string][] }) {
  return (
    <table>
      <caption>{name}</caption>
      <tbody>
        {rows.map(([key, text]) => (
          <tr key={key}>
            <td>
              <kbd>{key}</kbd>
            </td>
            <td>{text}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function DeskMove({ dialog }: { dialog: Extract<OpenDialog, { kind: "desk" }> }) {
  const words = useWords();
  const centre = useApp((app) => app.board.centres.get(dialog.centre)?.name ?? dialog.centre);
  const [reason, setReason] = useState("");
  const desk = wordFor(words.desk, dialog.desk);
  const isTakeover = dialog.verb === "takeover";
  const confirm = () => {
    if (reason.trim() === "") return;
    close();
    submit(commands.moveDesk(dialog.verb, dialog.centre, dialog.desk, reason.trim()));
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        confirm();
      }}
    >
      <Heading slot="title">
        {isTakeover ? words.takeover.title(centre, desk) : words.takeover.handback(centre, desk)}
      </Heading>
      <p>{isTakeover ? words.takeover.text : words.takeover.handbackText}</p>
      <TextField
        className="note-field"
        isRequired
        autoFocus
        value={reason}
        onChange={setReason}
        maxLength={REASON_CHARACTERS_MAX}
      >
        <Label>{words.takeover.reason}</Label>
        <TextArea
          rows={2}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey) return;
            event.preventDefault();
            confirm();
          }}
        />
      </TextField>
      <div className="actions">
        <Button type="submit" className="action action-strong" isDisabled={reason.trim() === ""}>
          {isTakeover ? words.takeover.confirm : words.takeover.confirmHandback}
        </Button>
        <Button className="action" onPress={close}>
          {words.choose.cancel}
        </Button>
      </div>
    </form>
  );
}
