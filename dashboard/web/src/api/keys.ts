import { queryOptions } from "@tanstack/react-query";
import { answer, api, type Shape } from "./client";

/** The API keys, the revoked ones too, for callers with the scope admin. All that ask for them ask under one key, and so once. */
export const keysQuery = queryOptions({
  queryKey: ["keys"],
  queryFn: ({ signal }) => answer(api.GET("/api/symphony/keys", { signal })),
});

/**
 * The name of the key by which somebody is told, where it is one: by its id, and as a message's dispatchedBy by api_key: and
 * its id. Users and services are told by ids too, which no key has.
 */
export function nameOfKey(keys: readonly Pick<Shape<"Key">, "id" | "name">[], by: string): string | undefined {
  return keys.find((k) => k.id === by || `api_key:${k.id}` === by)?.name || undefined;
}
