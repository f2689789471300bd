/** The first form of signing in: a bearer token, pasted. */

import { useState } from "react";
import { Button, Input, Label, TextField } from "react-aria-components";
import { signIn } from "./actions";
import { useApp } from "./store";
import { useWords } from "./theme";

export function SignIn() {
  const words = useWords();
  const wasRefused = useApp((app) => app.wasRefused);
  const [token, setToken] = useState("");
  return (
    <main className="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== "") signIn(token);
        }}
      >
        <h1>{words.title}</h1>
        <h2>{words.signIn.title}</h2>
        {wasRefused && <p role="alert">{words.signIn.refused}</p>}
        <p>{words.signIn.text}</p>
        <TextField className="note-field" value={token} onChange={setToken} autoFocus autoComplete="off">
          <Label>{words.signIn.label}</Label>
          <Input type="password" spellCheck="false" />
        </TextField>
        <Button type="submit" className="action action-strong">
          {words.signIn.button}
        </Button>
      </form>
    </main>
  );
}
