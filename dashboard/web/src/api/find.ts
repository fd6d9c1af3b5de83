import { answer, api } from "./client";
import type { paths } from "./schema";

type Query = NonNullable<paths["/api/symphony/messages"]["get"]["parameters"]["query"]>;

// A search looks at so many messages only, and may have found none of them while there are some further on.
const most = 10;

/**
 * The first messages that a search finds: it goes on until there are some, all were looked at, or ten searches were made.
 * Where it has found none and pagination.hasMore, nobody knows whether there are any. Throws ApiError.
 */
export async function findMessages(query: Query, signal?: AbortSignal) {
  for (let i = 1, cursor: string | undefined; ; i++) {
    const found = await answer(api.GET("/api/symphony/messages", { params: { query: { ...query, cursor } }, signal }));
    if (found.messages.length > 0 || !found.pagination.hasMore || i === most) return found;
    cursor = found.pagination.nextCursor;
  }
}
