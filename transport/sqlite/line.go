package sqlite

import (
	"fmt"
	"strings"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// A line is the part of a group that is in its lane: up to flow.GroupTurn messages that take turns with other
// groups, or the one message of an ordered group whose turn it is. The others wait before the line, in the order of their
// time, however many they are. A line is kept as a gate; used is its length.
const (
	turnLine  = "turn:"
	orderLine = "order:"
)

func isLine(name string) bool {
	return strings.HasPrefix(name, turnLine) || strings.HasPrefix(name, orderLine)
}

// lineName is the line of a message, empty without a group.
func lineName(r *readyRow, f *symphony.Flow) string {
	switch {
	case f.GroupKey == "":
		return ""
	case f.Ordered:
		return fmt.Sprintf("%s%d:%s", orderLine, r.lane.id, f.GroupKey)
	}
	return fmt.Sprintf("%s%d:%d:%s", turnLine, r.lane.id, r.rank, f.GroupKey)
}

func lineLength(name string) int {
	if strings.HasPrefix(name, orderLine) {
		return 1
	}
	return flow.GroupTurn
}

// queueUp puts a new message of a group into its line, or lets it wait for that.
func (w *writer) queueUp(name string, r readyRow) error {
	g, err := w.gate(name)
	if err != nil {
		return err
	}
	r.lane.next.pending++
	g.parked++
	if g.id == 0 {
		if err := w.save(&g); err != nil {
			return err
		}
	}
	if err := w.insertParked(g.id, 0, r); err != nil {
		return err
	}
	return w.advance(&g)
}

// advance moves up messages that wait before a line, as far as it has room, and saves the line.
func (w *writer) advance(g *gate) error {
	room := lineLength(g.name) - g.used
	if g.parked > 0 && room > 0 {
		turns := strings.HasPrefix(g.name, turnLine)
		err := w.unpark(g, room, func(r *readyRow) {
			g.used++
			if turns {
				r.available = w.now // behind the groups that are in line already
			}
		})
		if err != nil {
			return err
		}
	}
	g.wake = 0
	if g.parked > 0 && g.used < lineLength(g.name) { // what waits, waits for its time
		err := w.query("SELECT available_at FROM messenger_parked WHERE gate=? AND place=0 ORDER BY available_at LIMIT 1", func(s *sqlite.Stmt) bool {
			g.wake = s.ColumnInt64(0)
			return true
		}, g.id)
		if err != nil {
			return err
		}
	}
	return w.save(g)
}

// step changes the length of a line by one that leaves or comes back, and moves up what waits.
func (w *writer) step(name string, by int) error {
	g, err := w.gate(name)
	if err != nil {
		return err
	}
	g.used = max(g.used+by, 0)
	return w.advance(&g)
}
