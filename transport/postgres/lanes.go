package postgres

import (
	"context"
	"sync"
)

// lane is one queue of one transport. Lanes are made at need and never removed.
type lane struct {
	id        int
	transport string
	queue     string
}

type laneName struct{ transport, queue string }

// lanes are the lanes that this process has met.
type lanes struct {
	mu     sync.RWMutex
	byName map[laneName]*lane
	byID   map[int]*lane
}

func (ls *lanes) named(transport, queue string) *lane {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	return ls.byName[laneName{transport, queue}]
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
		ls.byName[laneName{l.transport, l.queue}], ls.byID[l.id] = l, l
	}
}

// last is the greatest id known: newer lanes are read from there.
func (ls *lanes) last() int {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	last := 0
	for id := range ls.byID {
		last = max(last, id)
	}
	return last
}

// Two processes may make the same lane at once; who comes second finds the first one's. The lookup stands in a statement
// of its own, so that it sees what the other one has committed meanwhile.
var (
	makeLane = newQuery("make_lane", `INSERT INTO {schema}.messenger_lanes (transport, queue) VALUES ($1::text, $2::text) ON CONFLICT DO NOTHING`)
	findLane = newQuery("find_lane", `SELECT lane, transport, queue FROM {schema}.messenger_lanes WHERE transport=$1::text AND queue=$2::text`)
	newLanes = newQuery("new_lanes", `SELECT lane, transport, queue FROM {schema}.messenger_lanes WHERE lane>$1::int4 ORDER BY lane`)
)

func (s *store) addLane(v [][]byte) error {
	s.lanes.add(&lane{id: int4Column(v[0]), transport: string(v[1]), queue: string(v[2])})
	return nil
}

// lane returns the lane of a queue, made if there is none.
func (s *store) lane(ctx context.Context, l *link, transport, queue string) (*lane, error) {
	if found := s.lanes.named(transport, queue); found != nil {
		return found, nil
	}
	name := [][]byte{[]byte(transport), []byte(queue)}
	if err := l.transact(ctx, call{query: makeLane, params: name}, call{query: findLane, params: name, row: s.addLane}); err != nil {
		return nil, err
	}
	return s.lanes.named(transport, queue), nil
}
