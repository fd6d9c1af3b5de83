import { useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { useEffect, useState, type FormEvent } from "react";
import { ApiError } from "../api/errors";
import { openSession } from "../api/session";
import { basepath } from "../router";
import { one } from "../search";
import { text } from "../text";
import { Button } from "../ui/button";
import { TextField } from "../ui/field";
import { ErrorNote } from "../ui/states";

const t = text.frame.login;

/** Where the sign-in leads: only to a page of this dashboard, whatever the address says. */
function destination(to: string | undefined): string {
  return to?.startsWith("/") && !to.startsWith("//") && !to.startsWith("/\\") ? to.replace(basepath, "") || "/" : "/";
}

/** Signs in with an API key, which becomes a session in a cookie: the page keeps no key. */
export function Login() {
  const router = useRouter();
  const client = useQueryClient();
  const search = useSearch({ strict: false });
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    document.title = `${t.title} · ${text.frame.product}`;
  }, []);
  const send = async (e: FormEvent) => {
    e.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await openSession(key.trim());
      client.clear();
      await router.invalidate();
      router.history.push(basepath + destination(one(search.to)));
    } catch (e) {
      setError(e instanceof ApiError && e.status === 401 ? new Error(t.wrong) : e);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col justify-center gap-4 p-4">
      <h1 className="text-xl font-semibold">{text.frame.product}</h1>
      <form onSubmit={send} className="card flex flex-col gap-4 p-5">
        <p>{t.lead}</p>
        <TextField label={t.key} hint={t.keyHint} type="password" autoComplete="current-password" autoFocus required spellCheck={false} value={key} onChange={(e) => setKey(e.target.value)} />
        {error != null && <ErrorNote error={error} />}
        <Button type="submit" kind="primary" busy={busy}>{t.submit}</Button>
        <p className="text-xs text-muted">{t.code}</p>
      </form>
    </main>
  );
}
