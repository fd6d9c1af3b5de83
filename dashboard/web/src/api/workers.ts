import { queryOptions } from "@tanstack/react-query";
import { answer, api } from "./client";

/** The processes and who else has messages. The frame and several pages ask for it, under one key and so once. */
export const workersQuery = queryOptions({
  queryKey: ["workers", "all"],
  queryFn: ({ signal }) => answer(api.GET("/api/symphony/workers", { signal })),
});
