package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// NodeInfo describes a process to the others that use the database.
type NodeInfo struct {
	// Name tells people which one it is, such as host and process id. Version is that of the program.
	Name, Version string
	// Info returns what else there is to say, as JSON: it is asked for with each heartbeat, every ten seconds.
	// Optional.
	Info func() json.RawMessage
}

// nodeLife is for how long after its last heartbeat a node counts as alive.
const nodeLife = 35 * time.Second

// node is this process as a node.
type node struct {
	NodeInfo
	id      uuid
	started int64

	mu    sync.Mutex
	alive int      // nodes, this one too, as of the last heartbeat
	older []string // those of them that know nothing of the terms of messages
	since int64    // since when all nodes have noted who asks, on the store's clock; see nodes_asked.go
}

var beatQuery = newQuery("beat", `INSERT INTO {schema}.messenger_nodes AS n
	(id, seen_at, started_at, name, version, info, knows)
	VALUES ($2::uuid, coalesce($1::timestamptz, now()), $3::timestamptz, $4::text, $5::text, $6::text, $7::int4)
	ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, info = excluded.info`)

var nodeColumns = columns[storage.Node]{
	{"id", func(n *storage.Node, v cell) { n.ID = v.id() }},
	{"seen_at", func(n *storage.Node, v cell) { n.SeenAt = v.time() }},
	{"started_at", func(n *storage.Node, v cell) { n.StartedAt = v.time() }},
	{"name", func(n *storage.Node, v cell) { n.Name = v.text() }},
	{"version", func(n *storage.Node, v cell) { n.Version = v.text() }},
	{"info", func(n *storage.Node, v cell) { n.Info = bytes.Clone(v) }},
}

var readNodes = newQuery("read_nodes", `SELECT `+nodeColumns.String()+` FROM {schema}.messenger_nodes
	WHERE seen_at > coalesce($1::timestamptz, now()) - $2::int8 * interval '1 microsecond' ORDER BY started_at, id`)

var dropNodes = newQuery("drop_nodes", `DELETE FROM {schema}.messenger_nodes WHERE id = $2::uuid OR id IN (
	SELECT id FROM {schema}.messenger_nodes
	WHERE seen_at < coalesce($1::timestamptz, now()) - interval '10 minutes' FOR UPDATE SKIP LOCKED)`)

// join makes this process known as a node, and reads which queues there are.
func (s *store) join(ctx context.Context, info NodeInfo) error {
	id, _ := parseUUID(symphony.NewID(s.clock.Now())) // is one
	s.node.NodeInfo, s.node.id, s.node.started = info, id, s.storeNow()
	if err := s.readLanes(ctx); err != nil {
		return err
	}
	return s.beat(ctx)
}

// beat is the heartbeat. It compares the clocks, and looks what new sessions are set to, as well.
func (s *store) beat(ctx context.Context) error {
	info := []byte("{}")
	if s.node.Info != nil {
		info = s.node.Info()
	}
	var (
		list       []storage.Node
		older      []string
		unnoticing []string
	)
	asked, told := s.askedCall()
	err := s.with(ctx, "heartbeat", func(ctx context.Context, l *link) error {
		list, older, unnoticing = nil, nil, nil
		if err := s.measureOffset(ctx, l); err != nil {
			return err
		}
		if err := s.readDefaults(ctx, l); err != nil {
			return err
		}
		return l.transact(ctx,
			call{query: beatQuery, params: [][]byte{
				s.nowParam(), s.node.id[:], timeParam(s.node.started),
				[]byte(cleanText(s.node.Name)), []byte(cleanText(s.node.Version)), info, int4Param(len(knownMigrations())),
			}},
			s.nodesCall(&list),
			s.olderCall(termsMigration, &older),
			s.olderCall(asksMigration, &unnoticing),
			s.refuseOlderCall(),
			call{query: dropNodes, params: [][]byte{s.nowParam(), nil}},
			asked)
	})
	if err != nil {
		return err
	}
	told()
	s.node.mu.Lock()
	if len(unnoticing) > 0 || s.node.since == 0 {
		s.node.since = s.storeNow()
	}
	was := s.node.alive
	s.node.alive, s.node.older = len(list), older
	s.node.mu.Unlock()
	if was == 1 && len(list) > 1 {
		// What this process made available while it thought it was alone was not announced, and the others may have
		// looked before.
		s.notify.lookAtAll()
	}
	return nil
}

// nodesCall reads the nodes that are alive.
func (s *store) nodesCall(list *[]storage.Node) call {
	params := [][]byte{s.nowParam(), int8Param(nodeLife.Microseconds())}
	return call{query: readNodes, params: params, row: func(v [][]byte) error {
		var one storage.Node
		nodeColumns.read(&one, v)
		*list = append(*list, one)
		return nil
	}}
}

// termsMigration is the migration from which on programs heed all terms of messages. None that does not know it can
// start behind it, so that the nodes of the last heartbeat are all that there are.
const termsMigration = "pushed"

// olderCall reads the names of the nodes that are alive and do not know a migration.
func (s *store) olderCall(migration string, list *[]string) call {
	params := [][]byte{s.nowParam(), int8Param(nodeLife.Microseconds()), int4Param(s.migration(migration))}
	return call{query: olderNodes, params: params, row: func(v [][]byte) error {
		*list = append(*list, string(v[0]))
		return nil
	}}
}

// refusesMigration is the migration from which on programs tell the database which ones they know.
const refusesMigration = "older_refused"

// refuseOlder has the database refuse programs that do not know a migration, from when no node that is alive is of
// such a one: a node that stood still and goes on would handle messages whose terms it does not know.
var refuseOlder = newQuery("refuse_older", `UPDATE {schema}.messenger_flow SET refused_below = $3::int4
	WHERE refused_below < $3 AND NOT EXISTS (SELECT FROM {schema}.messenger_nodes
		WHERE seen_at > coalesce($1::timestamptz, now()) - $2::int8 * interval '1 microsecond' AND knows < $3)`)

func (s *store) refuseOlderCall() call {
	params := [][]byte{s.nowParam(), int8Param(nodeLife.Microseconds()), int4Param(s.migration(refusesMigration))}
	return call{query: refuseOlder, params: params}
}

// understood is an error if a node that is alive would not heed the terms of one of the messages.
func (s *store) understood(envelopes []*symphony.Envelope) error {
	for i, e := range envelopes {
		if !e.Terms.Binding() {
			continue
		}
		s.node.mu.Lock()
		older := s.node.older
		s.node.mu.Unlock()
		if len(older) == 0 {
			return nil
		}
		path := "options"
		if len(envelopes) > 1 {
			path = fmt.Sprintf("messages[%d].options", i)
		}
		text := "maxRetries, retryDelay, timeout, retention, url, onSuccess and onFailure can be used once every node has " +
			"been upgraded; of an older release are: " + strings.Join(older, ", ")
		return &symphony.ValidationError{Problems: []symphony.Problem{{Path: path, Message: text}}}
	}
	return nil
}

// alone reports whether no other node is alive, as far as is known.
func (s *store) alone() bool {
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	return s.node.alive <= 1
}

// Nodes lists the processes that use the database and are alive, the oldest first, as of their last heartbeats.
func (t *Transport) Nodes(ctx context.Context) (list []storage.Node, err error) {
	err = t.do(ctx, "list nodes", t.nodesCall(&list))
	return list, err
}

// leave takes this process off the list of nodes. Where that fails it disappears when its heartbeats are missed.
func (s *store) leave() {
	err := s.bounded(func(ctx context.Context, l *link) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return l.transact(ctx, call{query: dropNodes, params: [][]byte{s.nowParam(), s.node.id[:]}})
	})
	if err != nil {
		s.log.Debug("the node could not leave the database's list of nodes", "error", err)
	}
}
