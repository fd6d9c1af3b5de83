package httpapi

// Recheck is how long a call that lasts goes on after its caller may not any more.
const Recheck = recheck

// TokenStreams is how many streams a token may have open.
const TokenStreams = tokenStreams

// RouteOfTable is one method of a route, for tests that walk them all.
type RouteOfTable struct {
	Method, Path string
	Query        []string
	// Binding says that it heeds what a key is bound to, Open that nobody authenticates, Cron that the cron secret does.
	Binding, Open, Cron bool
}

// Routes are all routes.
func (a *API) Routes() (list []RouteOfTable) {
	for i := range a.routes {
		rt := &a.routes[i]
		for _, method := range rt.methods {
			entry := RouteOfTable{Method: method, Path: rt.path, Binding: rt.binding,
				Open: rt.access == openAccess || rt.page != nil, Cron: rt.access == cronAccess}
			for _, p := range rt.query {
				entry.Query = append(entry.Query, p.name)
			}
			list = append(list, entry)
		}
	}
	return list
}
