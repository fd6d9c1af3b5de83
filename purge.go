package symphony

// PurgeFilter says which waiting messages to delete: all of the transport where its fields are empty.
type PurgeFilter struct {
	Queue string
	Type  string // exact
}

// Validate reports every problem of a filter. Storages call it first.
func (f PurgeFilter) Validate() error {
	var p problems
	if f.Queue != "" {
		p.name("queue", f.Queue)
	}
	p.text("type", f.Type)
	return p.err()
}
