import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { useEffect, useState, type FormEvent, type ReactNode } from "react";
import { address, answer, api, root, type Shape } from "../api/client";
import { ApiError } from "../api/errors";
import { openSession } from "../api/session";
import { comeBackTo } from "../frame/preferences";
import { basepath } from "../router";
import { one } from "../search";
import { text } from "../text";
import { Button } from "../ui/button";
import { TextField } from "../ui/field";
import { Callout, ErrorNote, Loading } from "../ui/states";

const t = text.frame.login;

/** Where the sign-in leads: only to a page of this dashboard, whatever the address says. */
function destination(to: string | undefined): string {
  return to?.startsWith("/") && !to.startsWith("//") && !to.startsWith("/\\") ? to.replace(basepath, "") || "/" : "/";
}

/** Signs in by what the server offers. What is typed becomes a session in a cookie: the page keeps nothing of it. */
export function Login() {
  const router = useRouter();
  const client = useQueryClient();
  const to = destination(one(useSearch({ strict: false }).to));
  const ways = useQuery({ queryKey: ["ways"], queryFn: ({ signal }) => answer(api.GET("/api/symphony/session/ways", { signal })), staleTime: 60_000 });
  useEffect(() => {
    document.title = `${t.title} · ${text.frame.product}`;
  }, []);
  const done = async () => {
    client.clear();
    await router.invalidate();
    router.history.push(basepath + to);
  };
  const w = ways.data;
  const users = !!w && (w.password || w.magicLink || w.providers.length > 0);
  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col justify-center gap-4 p-4">
      <h1 className="text-xl font-semibold">{text.frame.product}</h1>
      <div className="card flex flex-col gap-4 p-5">
        {w?.environment.name && <p className="font-semibold foreign">{w.environment.name}</p>}
        {ways.isPending && <Loading lines={4} />}
        {/* Where the ways cannot be had, a key may still be taken. */}
        {(ways.error || (w?.apiKey && !users)) && <><p>{t.lead}</p><ByKey done={done} /></>}
        {users && <AsUser ways={w} to={to} done={done} />}
        {users && w.apiKey && (
          <details className="border-t border-line pt-3">
            <summary className="min-h-6 cursor-pointer">{t.byKey}</summary>
            <div className="pt-3"><ByKey done={done} /></div>
          </details>
        )}
        {w && !w.apiKey && !users && <Callout tone="warn">{t.none}</Callout>}
      </div>
    </main>
  );
}

/** A form that signs in. send throws what was wrong. */
function SignIn({ send, children, more, submit = t.submit }: { send: () => Promise<void>; children: ReactNode; more?: ReactNode; submit?: string }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const press = async (e: FormEvent) => {
    e.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await send();
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={press} className="flex flex-col gap-4">
      {children}
      {error != null && <ErrorNote error={error} />}
      <Button type="submit" kind="primary" busy={busy}>{submit}</Button>
      {more}
    </form>
  );
}

function ByKey({ done }: { done: () => Promise<void> }) {
  const [key, setKey] = useState("");
  const send = async () => {
    try {
      await openSession(key.trim());
    } catch (e) {
      throw e instanceof ApiError && e.status === 401 ? new Error(t.wrong) : e;
    }
    await done();
  };
  return (
    <SignIn send={send} more={<p className="text-xs text-muted">{t.code}</p>}>
      <TextField label={t.key} hint={t.keyHint} type="password" autoComplete="current-password" autoFocus required spellCheck={false} value={key} onChange={(e) => setKey(e.target.value)} />
    </SignIn>
  );
}

function AsUser({ ways, to, done }: { ways: Shape<"SignInWaysResponse">; to: string; done: () => Promise<void> }) {
  return (
    <>
      {(ways.password || ways.magicLink) && <ByEmail ways={ways} done={done} />}
      {ways.providers.length > 0 && (
        <ul className="flex flex-col gap-2" aria-label={t.providers}>
          {ways.providers.map((name) => (
            <li key={name}>
              <a href={`${address("/api/symphony/session/oauth")}?${new URLSearchParams({ provider: name, root: root() })}`} onClick={() => comeBackTo.write(to)}
                className="flex min-h-8 items-center justify-center rounded-md border border-strong/50 px-2.5 py-1 text-sm font-medium hover:bg-hover">
                {t.provider(name)}
              </a>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function ByEmail({ ways, done }: { ways: Shape<"SignInWaysResponse">; done: () => Promise<void> }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [link, setLink] = useState<{ said?: string; error?: unknown; busy?: boolean }>({});
  const mail = async () => (await answer(api.POST("/api/symphony/session/magic-link", { body: { email, root: root() } }))).message;
  const send = async () => {
    if (!ways.password) return setLink({ said: await mail() });
    await answer(api.POST("/api/symphony/session/password", { body: { email, password } }));
    await done();
  };
  const sendLink = () => {
    setLink({ busy: true });
    mail().then((said) => setLink({ said }), (error: unknown) => setLink({ error }));
  };
  const more = (
    <>
      {ways.password && ways.magicLink && <Button busy={link.busy} refused={email ? undefined : t.linkNeeds} onClick={sendLink}>{t.link}</Button>}
      {link.error != null && <ErrorNote error={link.error} />}
      <p role="status" className={link.said ? "" : "sr-only"}>{link.said}</p>
    </>
  );
  return (
    <SignIn send={send} submit={ways.password ? t.submit : t.link} more={more}>
      <TextField label={t.email} type="email" autoComplete="username" autoFocus required value={email} onChange={(e) => setEmail(e.target.value)} />
      {ways.password && <TextField label={t.password} type="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.target.value)} />}
    </SignIn>
  );
}
