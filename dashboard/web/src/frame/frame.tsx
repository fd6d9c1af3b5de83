import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { ChevronDown, CirclePause, CirclePlay, CircleUser, Ellipsis, Monitor, Moon, Search, Sun } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { endSession, usePermissions, useSession } from "../api/session";
import { workersQuery } from "../api/workers";
import { clock } from "../format/time";
import { useLive, useRefetch } from "../live/live";
import { text } from "../text";
import { Button, IconButton } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuSeparator } from "../ui/menu";
import { Badge } from "../ui/status";
import { usePhone } from "../ui/phone";
import { Toasts } from "../ui/toast";
import { useOpenPages } from "./pages";
import { themeChoice, useChoice, useZone, zoneChoice } from "./preferences";
import { Shortcuts, useShortcuts } from "./shortcuts";
import { patient } from "../ui/patient";

const Palette = lazy(patient(() => import("./palette")));
const t = text.frame;

/** What stands around every page. */
export function Frame() {
  const phone = usePhone();
  const [open, setOpen] = useState<"palette" | "shortcuts" | "menu">();
  const close = () => setOpen(undefined);
  useShortcuts({ palette: () => setOpen("palette"), help: () => setOpen("shortcuts") });
  return (
    <div className="flex min-h-dvh">
      <a href="#content" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:bg-surface focus:p-2"
        onClick={(e) => (e.preventDefault(), document.getElementById("content")?.focus())}>{t.skip}</a>
      {!phone && <Side onSearch={() => setOpen("palette")} />}
      <div className="flex min-w-0 flex-1 flex-col">
        <Header onSearch={() => setOpen("palette")} />
        <main id="content" tabIndex={-1} className="min-w-0 flex-1 outline-none max-sm:pb-14"><Outlet /></main>
        {phone && <Bottom onMore={() => setOpen("menu")} />}
      </div>
      {open === "palette" && <Suspense><Palette onClose={close} /></Suspense>}
      {open === "shortcuts" && <Shortcuts onClose={close} />}
      {open === "menu" && (
        <Dialog title={t.menu} onClose={close}>
          <div onClick={(e) => (e.target as HTMLElement).closest("a") && close()}><Nav /></div>
        </Dialog>
      )}
      <Toasts />
    </div>
  );
}

function Nav() {
  return (
    <nav aria-label={t.nav.label} className="flex flex-col gap-3">
      {useOpenPages().map((g) => (
        <div key={g.group}>
          <div className="px-2 pb-1 text-xs text-muted">{g.group}</div>
          {g.pages.map((p) => (
            <Link key={p.to} to={p.to} activeOptions={{ exact: p.to === "/", includeSearch: false }}
              className="flex min-h-8 items-center gap-2 rounded-md px-2 text-sm hover:bg-hover aria-[current=page]:bg-hover aria-[current=page]:font-semibold">
              <p.icon size={16} aria-hidden className="text-muted" />{p.name}
            </Link>
          ))}
        </div>
      ))}
    </nav>
  );
}

function Side({ onSearch }: { onSearch: () => void }) {
  const session = useSession();
  return (
    <aside aria-label={t.product} className="sticky top-0 flex h-dvh w-52 shrink-0 flex-col gap-3 overflow-y-auto border-r border-line bg-surface p-3">
      <Link to="/" className="px-2 text-base font-semibold tracking-tight whitespace-nowrap">{t.product}</Link>
      <Button onClick={onSearch} className="justify-start! text-muted" icon={<Search size={14} aria-hidden />}>
        {t.palette.open}
      </Button>
      <Nav />
      <div className="mt-auto px-2 text-xs text-muted">
        {session.version} · {session.storage}<Nodes />
      </div>
    </aside>
  );
}

function Nodes() {
  const { data } = useQuery({
    ...workersQuery, enabled: usePermissions().can("observe"), staleTime: 30_000, refetchInterval: useRefetch("by events", 30_000),
  });
  return data ? <> · {t.nodes(data.nodes.length)}</> : null;
}

function Bottom({ onMore }: { onMore: () => void }) {
  const pages = useOpenPages().flatMap((g) => g.pages).slice(0, 4);
  const entry = "flex min-h-12 flex-1 flex-col items-center justify-center gap-0.5 text-xs";
  return (
    <nav aria-label={t.nav.label} className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-surface">
      {pages.map((p) => (
        <Link key={p.to} to={p.to} activeOptions={{ exact: p.to === "/", includeSearch: false }} className={`${entry} aria-[current=page]:text-accent`}>
          <p.icon size={18} aria-hidden />{p.name}
        </Link>
      ))}
      <button type="button" onClick={onMore} className={entry}><Ellipsis size={18} aria-hidden />{t.nav.more}</button>
    </nav>
  );
}

function Header({ onSearch }: { onSearch: () => void }) {
  const session = useSession();
  const { can } = usePermissions();
  const phone = usePhone();
  return (
    <header className="sticky top-0 z-20 flex min-h-12 items-center justify-between gap-2 border-b border-line bg-surface px-4">
      <div className="flex min-w-0 items-center gap-2">
        {session.environment.name && <Environment name={session.environment.name} color={session.environment.color} />}
        {session.readOnly && <Badge>{t.readOnly}</Badge>}
        {session.servers.length > 0 && (
          <Menu align="start" trigger={<Button kind="quiet" icon={<ChevronDown size={14} aria-hidden />}>{t.servers}</Button>}>
            {session.servers.map((s) => <MenuItem key={s.url} onSelect={() => location.assign(s.url)}>{s.name}</MenuItem>)}
          </Menu>
        )}
      </div>
      <div className="flex items-center gap-1">
        {can("observe") && <Live />}
        {phone && <IconButton label={t.palette.open} icon={<Search size={16} aria-hidden />} onClick={onSearch} />}
        <Account />
      </div>
    </header>
  );
}

// The names that configuration may give; see dashboard.environment.color.
const environments: Record<string, string> = {
  // Other colours are given as #rrggbb.
  red: "border-danger bg-danger-soft text-danger", orange: "border-failed bg-danger-soft text-failed", yellow: "border-warn bg-warn-soft text-warn",
  green: "border-completed bg-good-soft text-completed", blue: "border-accent bg-accent-soft text-accent",
  purple: "border-pending bg-sunken text-pending", gray: "border-strong bg-sunken text-muted",
};

function Environment({ name, color }: { name: string; color: string }) {
  const known = environments[color];
  return (
    <span style={known ? undefined : { borderColor: color }} title={name}
      className={`max-w-60 truncate rounded border px-2 py-0.5 text-xs font-semibold foreign ${known ?? (color.startsWith("#") ? "border-2" : environments.gray)}`}>
      {name}
    </span>
  );
}

function Live() {
  const live = useLive();
  const zone = useZone();
  const bad = live.state === "unreachable";
  const name = bad ? t.live.unreachable(clock(live.since, zone)) : t.live[live.state as Exclude<typeof live.state, "unreachable">];
  const dot = { live: "bg-completed", paused: "bg-cancelled", unreachable: "bg-failed" }[live.state as string] ?? "bg-warn";
  return (
    <div className="flex items-center gap-1">
      <span role="status" className={`flex items-center gap-1.5 text-xs ${bad ? "font-semibold text-danger" : "text-muted"}`}>
        <span aria-hidden className={`size-2 rounded-full ${dot}`} />{name}
      </span>
      {live.state === "paused"
        ? <IconButton label={t.live.resume} icon={<CirclePlay size={16} aria-hidden />} onClick={live.resume} />
        : <IconButton label={t.live.pause} icon={<CirclePause size={16} aria-hidden />} onClick={live.pause} />}
    </div>
  );
}

function Account() {
  const session = useSession();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [theme, setTheme] = useChoice(themeChoice);
  const [zone, setZone] = useChoice(zoneChoice);
  const Icon = { light: Sun, dark: Moon, system: Monitor }[theme];
  const signOut = async () => {
    await endSession();
    await navigate({ to: "/login" });
    // What the next one to sign in may not see; the ways to sign in are being asked for by now.
    client.removeQueries({ predicate: (q) => q.queryKey[0] !== "ways" });
  };
  return (
    <Menu trigger={<IconButton label={t.account.label} icon={<CircleUser size={18} aria-hidden />} />}>
      <div className="max-w-64 px-2 py-1 text-sm">
        <div className="font-semibold foreign">{session.caller.name || session.caller.id}</div>
        <div className="text-xs text-muted">{t.account.scopes}: {session.scopes.join(", ")}</div>
      </div>
      <MenuSeparator />
      <MenuChoice label={t.zone.label} value={zone} onChange={setZone} options={[["local", t.zone.local], ["server", t.zone.server], ["utc", t.zone.utc]]} />
      <MenuSeparator />
      <MenuLabel><span className="flex items-center gap-1"><Icon size={12} aria-hidden />{t.theme.label}</span></MenuLabel>
      <MenuChoice label="" value={theme} onChange={setTheme} options={[["light", t.theme.light], ["dark", t.theme.dark], ["system", t.theme.system]]} />
      <MenuSeparator />
      <MenuItem onSelect={signOut}>{t.account.signOut}</MenuItem>
    </Menu>
  );
}

/** Puts the focus on the content when the page changes, so that who hears the page hears the new one. */
export function useFocusOnChange(path: string) {
  useEffect(() => {
    document.getElementById("content")?.focus({ preventScroll: true });
  }, [path]);
}
