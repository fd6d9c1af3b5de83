import { queryOptions, useQuery } from "@tanstack/react-query";
import { answer, api } from "./client";

/** What the scopes open; see "Authentication" in the API's documentation. */
export type Scope = "dispatch" | "consume" | "observe" | "read" | "operate" | "admin";

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => answer(api.GET("/api/symphony/session", { signal })),
  staleTime: 60_000,
  retry: (n, e) => n < 3 && (e as { passing?: boolean }).passing === true,
});

/** Who is signed in, and what the frame shows of the installation. Only below the frame, which waits for it. */
export function useSession() {
  const { data } = useQuery(sessionQuery);
  if (!data) throw new Error("useSession outside of the frame");
  return data;
}

/** What the caller can see and do: the rules are the server's, this keeps the page from offering what it refuses. */
export function usePermissions() {
  const session = useSession();
  const has = (scope: Scope) =>
    session.scopes.includes(scope) || session.scopes.includes("admin") || (scope === "observe" && session.scopes.includes("read"));
  return {
    /** Tells whether the caller has a scope. */
    can: has,
    /** Tells whether the caller may change what a scope opens: nobody may where the dashboard is read-only. */
    may: (scope: Scope) => !session.readOnly && has(scope),
  };
}

/** Makes a session of an API key or of a token: the cookie stands for it from then on. Throws ApiError. */
export async function openSession(credential: string): Promise<void> {
  await answer(api.POST("/api/symphony/session", { headers: { Authorization: `Bearer ${credential}` } }));
}

/** Ends the session, as far as the server can be reached, also of who leaves the page at once. */
export async function endSession(): Promise<void> {
  await api.DELETE("/api/symphony/session", { keepalive: true }).catch(() => undefined);
}
