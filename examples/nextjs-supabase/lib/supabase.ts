import "server-only";
import { createServerClient } from "@supabase/ssr";
import { cookies } from "next/headers";
import { connection } from "next/server";

/** Where the project is, and its public key. Both are read when they are needed, so that a build needs neither. */
export function project(): [url: string, key: string] {
  const { SUPABASE_URL: url, SUPABASE_ANON_KEY: key } = process.env;
  if (!url || !key) throw new Error("SUPABASE_URL and SUPABASE_ANON_KEY are not set: see env.example");
  return [url, key];
}

/** The Supabase client of whoever has made this request. */
export async function supabase() {
  await connection(); // whether a session is over depends on the time, so that no page with it is made in advance
  const jar = await cookies();
  return createServerClient(...project(), {
    cookies: {
      getAll: () => jar.getAll(),
      setAll: (all) => {
        try {
          for (const { name, value, options } of all) jar.set(name, value, options);
        } catch {
          // A page cannot set cookies. What it has renewed proxy.ts has set before.
        }
      },
    },
  });
}

/** Who is signed in, confirmed by the project. */
export async function user() {
  const { data } = await (await supabase()).auth.getUser();
  return data.user ?? undefined;
}
