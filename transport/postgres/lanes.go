package postgres

import (
	"context"
	"slices"
	"sync"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/internal/waitlist"
)

// lane is one queue of one transport. Messages under flow control are in a second lane of their queue. Those that are
// pushed to URLs of their own are in two further ones: whoever does not push claims from the first two alone, so that no
// claim looks at a message to leave it, and a queue without such messages has no trace of them. Lanes are made at need
// and never removed.
type lane struct {
	id int
	laneName
	line int // the lane by which the lines of groups are named, 0 for this one
}

type laneName struct {
	transport, queue string
	controlled       bool
	pushed           bool
}

// laneOf names the lane in which a message waits that is under flow control or not.
func laneOf(e *symphony.Envelope, controlled bool) laneName {
	return laneName{e.Transport, e.Queue, controlled, e.Terms.Pushed()}
}

// inLine is the lane by which the lines of groups are named: the messages of a group follow one another, whether they
// are pushed or not.
func (n laneName) inLine() laneName {
	return laneName{transport: n.transport, queue: n.queue, controlled: true}
}

func (n laneName) params() [][]byte {
	return [][]byte{[]byte(n.transport), []byte(n.queue), boolParam(n.controlled), boolParam(n.pushed)}
}

// receivers are those who take the lane's messages.
func (l *lane) receivers() waitlist.Lane {
	return waitlist.Lane{Transport: l.transport, Queue: l.queue, Pushed: l.pushed}
}

// lanes are the lanes that this process has met.
type lanes struct {
	mu     sync.RWMutex
	byName map[laneName]*lane
	byID   map[int]*lane
}

func (ls *lanes) named(name laneName) *lane {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	return ls.byName[name]
}

func (ls *lanes) numbered(id int) *lane {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	return ls.byID[id]
}

// line is the number by which the lines of a lane's groups are named.
func (ls *lanes) line(id int) int {
	if l := ls.numbered(id); l != nil && l.line != 0 {
		return l.line
	}
	return id
}

func (ls *lanes) add(l *lane) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.byName == nil {
		ls.byName, ls.byID = make(map[laneName]*lane), make(map[int]*lane)
	}
	if ls.byID[l.id] == nil {
		ls.byName[l.laneName], ls.byID[l.id] = l, l
	}
}

// wanted tells the lanes of some queues, or of all queues, of the transport, with those whose messages are pushed or
// without.
func (t *Transport) wanted(queues []string, pushes bool) func(lane int) bool {
	return func(id int) bool {
		l := t.lanes.numbered(id)
		return l != nil && l.transport == t.name && (pushes || !l.pushed) &&
			(len(queues) == 0 || slices.Contains(queues, l.queue)) && !flow.QueuePaused(t.held(l.transport), l.queue)
	}
}

// Two processes may make the same lane at once; who comes second finds the first one's. The lookup stands in a statement
// of its own, so that it sees what the other one has committed meanwhile.
var (
	makeLane = newQuery("make_lane", `INSERT INTO {schema}.messenger_lanes (transport, queue, controlled, pushed)
		VALUES ($1::text, $2::text, $3::bool, $4::bool) ON CONFLICT DO NOTHING`)
	findLane = newQuery("find_lane", `SELECT `+laneColumns+` FROM {schema}.messenger_lanes l
		WHERE transport = $1::text AND queue = $2::text AND controlled = $3::bool AND pushed = $4::bool`)
	// readLanes reads all: a lane may be committed after another one that was made later and has a greater number.
	readLanes = newQuery("read_lanes", `SELECT `+laneColumns+` FROM {schema}.messenger_lanes l ORDER BY lane`)
)

// laneColumns are what addLane reads, of l.
const laneColumns = `l.lane, l.transport, l.queue, l.controlled, l.pushed,
	CASE WHEN l.pushed THEN (SELECT f.lane FROM {schema}.messenger_lanes f
		WHERE f.transport = l.transport AND f.queue = l.queue AND f.controlled AND NOT f.pushed) END`

func readLane(v [][]byte) lane {
	l := lane{id: int4Column(v[0]), laneName: laneName{string(v[1]), string(v[2]), boolColumn(v[3]), boolColumn(v[4])}}
	if v[5] != nil {
		l.line = int4Column(v[5])
	}
	return l
}

func (s *store) addLane(v [][]byte) error {
	l := readLane(v)
	s.lanes.add(&l)
	return nil
}

// making are the calls that make a lane if there is none, with the one that names its lines, and read it.
func (n laneName) making(row func([][]byte) error) (calls []call) {
	if n.pushed && n.controlled {
		calls = append(calls, call{query: makeLane, params: n.inLine().params()})
	}
	return append(calls, call{query: makeLane, params: n.params()}, call{query: findLane, params: n.params(), row: row})
}

// readLanes meets the lanes that others have made.
func (s *store) readLanes(ctx context.Context) error {
	return s.do(ctx, "read queues", call{query: readLanes, row: s.addLane})
}

// lane returns the lane of a queue, made if there is none.
func (s *store) lane(ctx context.Context, l *link, name laneName) (*lane, error) {
	if found := s.lanes.named(name); found != nil {
		return found, nil
	}
	if err := l.transact(ctx, name.making(s.addLane)...); err != nil {
		return nil, undoubted(err)
	}
	return s.lanes.named(name), nil
}
