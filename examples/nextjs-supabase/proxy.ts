import { createServerClient } from "@supabase/ssr";
import { type NextRequest, NextResponse } from "next/server";
import { project } from "@/lib/supabase";

/** Renews the session of who comes with one that is about to end, for the browser and for what handles this request. */
export async function proxy(request: NextRequest) {
  let response = NextResponse.next({ request });
  const client = createServerClient(...project(), {
    cookies: {
      getAll: () => request.cookies.getAll(),
      setAll: (all) => {
        for (const { name, value } of all) request.cookies.set(name, value);
        response = NextResponse.next({ request });
        for (const { name, value, options } of all) response.cookies.set(name, value, options);
      },
    },
  });
  await client.auth.getSession();
  return response;
}

// Not for what the server of Symphony Messenger and the crons call: they have no session.
export const config = { matcher: ["/((?!_next/|favicon.ico|api/symphony$|api/cron/).*)"] };
