package postgres_test

import (
	"context"
	"errors"
	"time"

	"github.com/symphony-messenger/symphony/internal/pgtest"
	"pgregory.net/rapid"
)

// cut resets a connection of a node at one of the next messages of the protocol, before or after the server got it.
func (m *model) cut(t *rapid.T) {
	n := rapid.IntRange(0, 12).Draw(t, "messages")
	m.proxies[m.node(t)].KillAt(rapid.SampledFrom([]pgtest.Direction{pgtest.ToServer, pgtest.ToClient}).Draw(t, "direction"), func(pgtest.Message) bool {
		if n--; n >= 0 {
			return false
		}
		m.cuts.Add(1)
		return true
	})
}

// awaitServer returns when the server has done what it got over connections that were cut. It works on that beside all
// that comes later, for as long as it wants.
func (m *model) awaitServer() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		ports := []int32{}
		for _, p := range m.proxies {
			for _, port := range p.Ports() {
				ports = append(ports, int32(port))
			}
		}
		var cut int
		err := m.sql.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
			AND backend_type = 'client backend' AND client_port <> ALL ($1::int[])`, ports).Scan(&cut)
		if err != nil {
			m.Fatal(err)
		}
		if cut == 0 {
			return
		}
	}
}

// advance moves the clock on, and has each node do what is due then. In between, what a lease held that has run out is shown
// as in hand by who finds a node about to give it back.
func (m *model) advance(d time.Duration) {
	m.clock.Advance(d)
	m.keepHouse()
}

func (m *model) keepHouse() {
	for range 100 {
		m.awaitServer()
		cuts := m.cuts.Load()
		var errs []error
		for _, tr := range m.nodes {
			errs = append(errs, tr.DoDuties())
		}
		if errors.Join(errs...) == nil && m.cuts.Load() == cuts {
			return
		}
	}
	m.Fatal("housekeeping fails, although nothing is cut any more")
}
