import {
  Activity, Bell, BookOpen, CalendarClock, CircleX, Cog, Gauge, History, KeyRound, Layers, ListChecks, Mail, Send, Shapes, type LucideIcon,
} from "lucide-react";
import { usePermissions, type Scope } from "../api/session";
import { text } from "../text";

/** A page of the navigation. scope is what it takes to see anything on it, key the second key of "g …". */
export type NavPage = { to: string; name: string; icon: LucideIcon; scope: Scope; key: string; changes?: boolean };

const t = text.frame.nav;

export const navigation: { group: string; pages: NavPage[] }[] = [
  {
    group: text.frame.groups.work,
    pages: [
      { to: "/", name: t.overview, icon: Gauge, scope: "observe", key: "o" },
      { to: "/messages", name: t.messages, icon: Mail, scope: "observe", key: "m" },
      { to: "/failed", name: t.failed, icon: CircleX, scope: "observe", key: "f" },
      { to: "/queues", name: t.queues, icon: Layers, scope: "observe", key: "q" },
      { to: "/types", name: t.types, icon: Shapes, scope: "observe", key: "t" },
      { to: "/schedules", name: t.schedules, icon: CalendarClock, scope: "observe", key: "s" },
      { to: "/send", name: t.send, icon: Send, scope: "dispatch", key: "d", changes: true },
    ],
  },
  {
    group: text.frame.groups.system,
    pages: [
      { to: "/workers", name: t.workers, icon: Activity, scope: "observe", key: "w" },
      { to: "/operations", name: t.operations, icon: ListChecks, scope: "observe", key: "p" },
      { to: "/alerts", name: t.alerts, icon: Bell, scope: "observe", key: "a" },
    ],
  },
  {
    group: text.frame.groups.admin,
    pages: [
      { to: "/audit", name: t.audit, icon: History, scope: "admin", key: "u" },
      { to: "/keys", name: t.keys, icon: KeyRound, scope: "admin", key: "k" },
      { to: "/settings", name: t.settings, icon: Cog, scope: "admin", key: "e" },
      { to: "/api", name: t.api, icon: BookOpen, scope: "observe", key: "i" },
    ],
  },
];

/** The pages of which the caller may see anything. */
export function useOpenPages(): { group: string; pages: NavPage[] }[] {
  const { can, may } = usePermissions();
  return navigation
    .map((g) => ({ ...g, pages: g.pages.filter((p) => (p.changes ? may(p.scope) : can(p.scope))) }))
    .filter((g) => g.pages.length > 0);
}
