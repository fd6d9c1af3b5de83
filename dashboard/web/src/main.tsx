import { QueryClient, QueryCache, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/errors";
import { applyTheme, comeBackTo, ZoneProvider } from "./frame/preferences";
import { basepath, makeRouter } from "./router";
import { TimeTip } from "./ui/time-tip";
import { TooltipProvider } from "./ui/tooltip";
import "./styles.css";

// <base> is told relative to the page, and is read anew when the address changes: it stays where it is.
const base = document.querySelector("base");
if (base) base.href = document.baseURI;

applyTheme();

// Who comes back from a provider is led to the overview, and goes on from there to where he wanted to be.
const back = comeBackTo.take();
if (back && location.pathname === basepath + "/") history.replaceState(null, "", basepath + back);

const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (e, query) => {
      // A session that has ended is found out by whatever is asked next.
      if (e instanceof ApiError && e.status === 401 && query.queryKey[0] !== "session" && router.state.location.pathname !== "/login") {
        void client.invalidateQueries({ queryKey: ["session"], refetchType: "none" }).then(() => router.invalidate());
      }
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 1000,
      retry: (n, e) => n < 2 && e instanceof ApiError && e.passing,
      retryDelay: (n, e) => (e instanceof ApiError && e.retryAfter ? e.retryAfter * 1000 : 500 * 2 ** n),
    },
  },
});
const router = makeRouter(client);

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <ZoneProvider>
        <TooltipProvider><RouterProvider router={router} /></TooltipProvider>
        <TimeTip />
      </ZoneProvider>
    </QueryClientProvider>
  </StrictMode>,
);
