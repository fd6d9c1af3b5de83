package postgres

import (
	"fmt"
	"strings"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
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

// lineName is the line of a message in a lane, empty without a group.
func lineName(lane, rank int, f *symphony.Flow) string {
	switch {
	case f == nil || f.GroupKey == "":
		return ""
	case f.Ordered:
		return fmt.Sprintf("%s%d:%s", orderLine, lane, f.GroupKey)
	}
	return fmt.Sprintf("%s%d:%d:%s", turnLine, lane, rank, f.GroupKey)
}

func lineLength(name string) int {
	if strings.HasPrefix(name, orderLine) {
		return 1
	}
	return flow.GroupTurn
}

// step changes the length of a line, which is loaded, by one that leaves or comes back. advance must follow.
func (f *flowTx) step(name string, by int) {
	g := f.gates[name]
	g.used, g.dirty = max(g.used+by, 0), true
}

var nextParked = newQuery("next_parked", `SELECT available_at FROM {schema}.messenger_parked WHERE gate = $1::text AND place = 0 ORDER BY available_at LIMIT 1`)

// advance moves up messages that wait before lines, which are loaded, as far as there is room.
func (f *flowTx) advance(names []string) error {
	var wants []want
	for _, name := range names {
		g := f.gates[name]
		g.dirty = true
		if n := min(lineLength(name)-g.used, g.parked); n > 0 {
			wants = append(wants, want{g, n})
		}
	}
	err := f.unpark(wants, func(g *gate, it *item) {
		g.used++
		if strings.HasPrefix(g.name, turnLine) {
			it.available, it.ord = f.now, f.nextOrd(1) // behind the groups that are in line already
		}
	})
	if err != nil {
		return err
	}
	var calls []call
	for _, name := range names {
		g := f.gates[name]
		g.wake = 0
		if g.parked > 0 && g.used < lineLength(name) { // what waits, waits for its time
			calls = append(calls, call{query: nextParked, params: [][]byte{[]byte(name)}, row: func(v [][]byte) error {
				g.wake = timeColumn(v[0])
				return nil
			}})
		}
	}
	return f.ask(calls...)
}
