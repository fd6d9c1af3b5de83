import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { filterOfSearch, printFilter, withFilter, type Filter, type Qualifier } from "../filter";
import { useZone } from "../frame/preferences";
import type { Search } from "../search";

/** The filter that stands in the address, by the names of the API's parameters, and how it is changed. */
export function useFilter(without?: readonly Qualifier[]) {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const zone = useZone();
  const { filter, problems } = useMemo(() => filterOfSearch(search, { zone, without }), [search, zone, without]);
  const setFilter = useCallback(
    (next: Filter) => void navigate({ to: ".", search: (s: Search) => withFilter(s, next), resetScroll: false }),
    [navigate],
  );
  return { filter, problems, setFilter, key: printFilter(filter) };
}
