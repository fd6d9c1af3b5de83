import { queryOptions } from "@tanstack/react-query";
import { answer, api } from "../api/client";
import type { KnownTypes } from "./check";

// As many pages are read: 2,000 types.
const pages = 10;

/** All types and schemas, for suggestions and for types that have not been seen yet. */
export const typesQuery = queryOptions({
  queryKey: ["types", "known"],
  queryFn: async ({ signal }): Promise<KnownTypes> => {
    const known: KnownTypes = { names: [], schemas: {} };
    let cursor: string | undefined;
    for (let i = 0; i < pages; i++) {
      const page = await answer(api.GET("/api/symphony/types", { params: { query: { limit: 200, cursor } }, signal }));
      known.names.push(...page.types.map((t) => t.type).filter((t) => !t.endsWith("*")));
      Object.assign(known.schemas, page.schemas);
      if (!page.pagination.hasMore) break;
      cursor = page.pagination.nextCursor;
    }
    return known;
  },
  staleTime: 30_000,
});
