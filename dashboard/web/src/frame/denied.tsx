import { Link } from "@tanstack/react-router";
import type { Scope } from "../api/session";
import { text } from "../text";
import { Page } from "../ui/page";
import { Empty } from "../ui/states";
import { useOpenPages } from "./pages";

const t = text.frame.denied;

/** In place of a page of which the caller may see nothing: it says which scope it takes, and asks the server for nothing. */
export function Denied({ scope }: { scope: Scope }) {
  const open = useOpenPages().flatMap((g) => g.pages);
  return (
    <Page title={t.title}>
      <Empty title={text.shared.needsScope(scope)}>
        {open.length > 0 && <p>{t.open} {open.map((p, i) => <span key={p.to}>{i > 0 && ", "}<Link to={p.to} className="link">{p.name}</Link></span>)}</p>}
      </Empty>
    </Page>
  );
}
