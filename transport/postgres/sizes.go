package postgres

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony/storage"
)

// sizesFor is how long the sizes of the tables hold.
const sizesFor = 30 * time.Second

// sizes are those of the tables, as they were last read.
type sizes struct {
	mu   sync.Mutex
	last storage.Bytes
	read int64 // on the clock of this process, µs
}

// tableSizes reads the sizes of the tables with their indexes, which the server has from the file system.
var tableSizes = newQuery("table_sizes", `SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c
	WHERE c.relnamespace = to_regnamespace($1::text) AND c.relkind = 'r' AND c.relname LIKE 'messenger\_%'`)

// kindOf is what a table is for.
func kindOf(table string) string {
	if strings.HasPrefix(table, "messenger_completed_") {
		return storage.BytesCompleted
	}
	switch strings.TrimPrefix(table, "messenger_") {
	case "messages", "ready", "parked", "scheduled", "expiring", "unique", "leases":
		return storage.BytesWaiting
	case "failed_messages":
		return storage.BytesFailed
	case "cancelled":
		return storage.BytesCancelled
	case "attempts", "notes":
		return storage.BytesAttempts
	case "schedules", "schedule_runs":
		return storage.BytesSchedules
	case "log_entries", "log_ends":
		return storage.BytesEvents
	}
	return storage.BytesOther
}

// Bytes tells the sizes of the tables: what they have taken from the disk, with what is free in them. Outputs are in
// the rows of completed messages.
func (t *Transport) Bytes(ctx context.Context) (storage.Bytes, error) {
	if err := t.usable(ctx); err != nil {
		return storage.Bytes{}, err
	}
	t.sizes.mu.Lock()
	defer t.sizes.mu.Unlock()
	now := t.now()
	if age := now - t.sizes.read; !t.sizes.last.At.IsZero() && age >= 0 && age < sizesFor.Microseconds() {
		return t.sizes.last, nil
	}
	b := storage.Bytes{At: fromMicros(t.storeNow()), Kinds: make(map[string]int64)}
	err := t.do(ctx, "read sizes", call{query: tableSizes, params: [][]byte{[]byte(t.schema)},
		row: func(v [][]byte) error {
			if v[1] != nil { // it was dropped just now
				b.Kinds[kindOf(string(v[0]))] += int8Column(v[1])
				b.Total += int8Column(v[1])
			}
			return nil
		}})
	if err == nil {
		t.sizes.last, t.sizes.read = b, now
	}
	return b, err
}

// sizesOfTables tells what the tables use.
func (d *doctor) sizesOfTables(ctx context.Context) (string, error) {
	b, err := (&Transport{store: d.store}).Bytes(ctx)
	return b.String(), err
}
