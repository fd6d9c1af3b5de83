import type { QueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import {
  createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, Link, redirect, useRouterState, type ErrorComponentProps,
} from "@tanstack/react-router";
import { ApiError } from "./api/errors";
import { sessionQuery, usePermissions, type Scope } from "./api/session";
import { Denied } from "./frame/denied";
import { Frame, useFocusOnChange } from "./frame/frame";
import { LiveProvider } from "./live/live";
import { parseSearch, stringifySearch, type Search } from "./search";
import { text } from "./text";
import { Button } from "./ui/button";
import { Page } from "./ui/page";
import { patient } from "./ui/patient";
import { Empty, ErrorNote } from "./ui/states";

const rootRoute = createRootRouteWithContext<{ client: QueryClient }>()({
  validateSearch: (s: Record<string, unknown>) => s as Search,
  notFoundComponent: NotFound,
});

const loginRoute = createRoute({
  getParentRoute: () => rootRoute, path: "/login", component: lazyRouteComponent(patient(() => import("./pages/login")), "Login"),
});

const frameRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "frame",
  beforeLoad: async ({ context, location }) => {
    try {
      await context.client.fetchQuery(sessionQuery);
    } catch (e) {
      if (e instanceof ApiError && e.status === 401) throw redirect({ to: "/login", search: { to: location.href } });
      throw e;
    }
  },
  component: Inside,
  errorComponent: Failed,
});

function Inside() {
  useFocusOnChange(useRouterState({ select: (s) => s.location.pathname }));
  return <LiveProvider><Frame /></LiveProvider>;
}

/** A page below the frame, loaded when it is first needed. scope is what it takes to see anything on it. */
function page<Path extends string>(path: Path, load: () => Promise<{ default: () => ReactNode }>, scope: Scope = "observe") {
  const Loaded = lazyRouteComponent(patient(load));
  const Scoped = () => (usePermissions().can(scope) ? <Loaded /> : <Denied scope={scope} />);
  return createRoute({
    getParentRoute: () => frameRoute, path, component: Object.assign(Scoped, { preload: Loaded.preload }), errorComponent: Failed, notFoundComponent: NotFound,
    // The page says what is wrong with what stands in its address; here it is only read.
    validateSearch: (s: Record<string, unknown>) => s as Search,
  });
}

const routeTree = rootRoute.addChildren([
  loginRoute,
  frameRoute.addChildren([
    page("/", () => import("./pages/overview")),
    page("/messages", () => import("./pages/messages")),
    page("/messages/$id", () => import("./pages/message")),
    page("/failed", () => import("./pages/failed")),
    page("/failed/group", () => import("./pages/failed-group")),
    page("/queues", () => import("./pages/queues")),
    page("/queue", () => import("./pages/queue")),
    page("/types", () => import("./pages/types")),
    page("/type", () => import("./pages/type")),
    page("/schedules", () => import("./pages/schedules")),
    page("/schedules/$id", () => import("./pages/schedule")),
    page("/send", () => import("./pages/send"), "dispatch"),
    page("/workers", () => import("./pages/workers")),
    page("/operations", () => import("./pages/operations")),
    page("/operations/$id", () => import("./pages/operation")),
    page("/audit", () => import("./pages/audit"), "admin"),
    page("/alerts", () => import("./pages/alerts")),
    page("/keys", () => import("./pages/keys"), "admin"),
    page("/settings", () => import("./pages/settings"), "admin"),
    page("/api", () => import("./pages/api")),
  ]),
]);

/** The path below which the dashboard is served, without a slash at its end. */
export const basepath = new URL(document.baseURI).pathname.replace(/\/$/, "");

export function makeRouter(client: QueryClient) {
  return createRouter({
    routeTree, basepath, context: { client }, parseSearch, stringifySearch, defaultPreload: "intent", scrollRestoration: true,
    defaultErrorComponent: Failed, defaultNotFoundComponent: NotFound,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}

function NotFound() {
  const t = text.frame.notFound;
  return <Page title={t.title}><Empty title={t.text}><Link to="/" className="link">{t.home}</Link></Empty></Page>;
}

function Failed({ error, reset }: ErrorComponentProps) {
  const t = text.frame.crashed;
  if (error instanceof ApiError) return <div className="p-6"><ErrorNote error={error} retry={reset} /></div>;
  return (
    <Page title={t.title} lead={t.text} actions={<Button onClick={reset}>{t.again}</Button>}>
      <pre className="card overflow-x-auto p-3 text-xs">{error instanceof Error ? error.stack ?? error.message : String(error)}</pre>
    </Page>
  );
}

