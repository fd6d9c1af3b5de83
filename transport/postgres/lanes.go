package postgres

import (
	"context"
	"sync"
)

// lane is one queue of one transport. Messages under flow control are in a second lane of their queue. Lanes are made at
// need and never removed.
type lane struct {
	id int
	laneName
}

type laneName struct {
	transport, queue string
	controlled       bool
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

// Two processes may make the same lane at once; who comes second finds the first one's. The lookup stands in a statement
// of its own, so that it sees what the other one has committed meanwhile.
var (
	makeLane = newQuery("make_lane", `INSERT INTO {schema}.messenger_lanes (transport, queue, controlled) VALUES ($1::text, $2::text, $3::bool) ON CONFLICT DO NOTHING`)
	findLane = newQuery("find_lane", `SELECT lane, transport, queue, controlled FROM {schema}.messenger_lanes WHERE transport=$1::text AND queue=$2::text AND controlled=$3::bool`)
	// readLanes reads all: a lane may be committed after another one that was made later and has a greater number.
	readLanes = newQuery("read_lanes", `SELECT lane, transport, queue, controlled FROM {schema}.messenger_lanes ORDER BY lane`)
)

func (s *store) addLane(v [][]byte) error {
	s.lanes.add(&lane{id: int4Column(v[0]), laneName: laneName{string(v[1]), string(v[2]), v[3][0] != 0}})
	return nil
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
	params := [][]byte{[]byte(name.transport), []byte(name.queue), boolParam(name.controlled)}
	if err := l.transact(ctx, call{query: makeLane, params: params}, call{query: findLane, params: params, row: s.addLane}); err != nil {
		return nil, undoubted(err)
	}
	return s.lanes.named(name), nil
}
