import { useQuery } from "@tanstack/react-query";
import { keysQuery, nameOfKey } from "../api/keys";
import { usePermissions } from "../api/session";

/**
 * Who did something, of whom the API tells the id: a key by its name for those who may list keys, with the id as its title;
 * all others by their ids. say makes words of it.
 */
export function Who({ id, say }: { id: string; say?: (who: string) => string }) {
  const admin = usePermissions().can("admin");
  // Only what is known already is better than an id, so a refusal is not asked for again with each row that comes into sight.
  const { data } = useQuery({ ...keysQuery, enabled: admin, staleTime: 300_000, retryOnMount: false, select: ({ keys }) => nameOfKey(keys, id) });
  const name = admin ? data : undefined;
  const who = name ?? id;
  return <span className="foreign" title={name && id}>{say ? say(who) : who}</span>;
}
