package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Announcements tell other nodes of messages that became available, by NOTIFY: after the commit, and gathered, because
// committing a NOTIFY takes a lock that the whole database shares. What is lost of them a sweep finds.

// announceEvery is the shortest time between two announcements of a node. The first one after a pause goes at once.
const announceEvery = 5 * time.Millisecond

// unannouncedPoll is the default of Options.PollInterval where announcements do not reach this process.
const unannouncedPoll = 100 * time.Millisecond

// announceMax bounds the streams of one announcement, whose text may have up to 8000 bytes. Beyond, it says to look.
const announceMax = 150

// aliveEvery is how often a connection that listens is tried when it is silent.
const aliveEvery = 15 * time.Second

// notifier gathers what is to be announced.
type notifier struct {
	listening atomic.Bool
	wake      chan struct{}

	mu      sync.Mutex
	pending map[stream]added
	look    bool // the next announcement says to look at everything
}

func (n *notifier) init() {
	n.wake = make(chan struct{}, 1)
	n.pending = make(map[stream]added)
}

// add gathers what a transaction made available.
func (n *notifier) add(list []added) {
	n.mu.Lock()
	for _, a := range list {
		if before, ok := n.pending[a.stream]; ok {
			a.at, a.n = min(a.at, before.at), a.n+before.n
		}
		n.pending[a.stream] = a
	}
	n.mu.Unlock()
	n.poke()
}

// lookAtAll has the next announcement tell others to look at everything.
func (n *notifier) lookAtAll() {
	n.mu.Lock()
	n.look = true
	n.mu.Unlock()
	n.poke()
}

func (n *notifier) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// text is the announcement of what was gathered, empty for nothing. sender is left out by itself.
func (n *notifier) text(sender string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.pending) == 0 && !n.look {
		return ""
	}
	var b strings.Builder
	b.WriteString(sender)
	if n.look || len(n.pending) > announceMax {
		b.WriteString(" *")
	} else {
		for _, a := range n.pending {
			b.WriteByte(' ')
			for i, v := range [...]int64{int64(a.lane), int64(a.rank), a.at, int64(a.n)} {
				if i > 0 {
					b.WriteByte('.')
				}
				b.WriteString(strconv.FormatInt(v, 10))
			}
		}
	}
	clear(n.pending)
	n.look = false
	return b.String()
}

// parseAnnouncement reads an announcement. look says to look at everything, which is also what an unknown form means: a
// newer node may have sent it.
func parseAnnouncement(text string) (sender string, list []added, look bool) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return "", nil, true
	}
	for _, field := range fields[1:] {
		parts := strings.Split(field, ".")
		var v [4]int64
		if len(parts) != len(v) {
			look = true
			continue
		}
		var errs []error
		for i := range v {
			n, err := strconv.ParseInt(parts[i], 10, 64)
			v[i], errs = n, append(errs, err)
		}
		if errors.Join(errs...) != nil {
			look = true
			continue
		}
		list = append(list, added{stream{int(v[0]), int(v[1])}, v[2], int(v[3])})
	}
	return fields[0], list, look || len(fields) == 1
}

// tell announces what a transaction made available, if there is anybody to tell.
func (s *store) tell(list []added) {
	if !s.alone() {
		s.notify.add(list)
	}
}

var notifyQuery = newQuery("notify", `SELECT pg_notify($1::text, $2::text)`)

// announce sends announcements as they come.
func (s *store) announce() {
	for {
		select {
		case <-s.closing:
			return
		case <-s.notify.wake:
		}
		text := s.notify.text(s.node.id.String())
		if text == "" {
			continue
		}
		if err := s.do(s.life, "announce", call{query: notifyQuery, params: [][]byte{[]byte(s.schema), []byte(text)}}); err != nil {
			s.log.Debug("messages could not be announced to other nodes, which look for them by themselves", "error", err)
		}
		if !s.pause(announceEvery, nil) {
			return
		}
	}
}

// listen starts to listen where announcements can reach this process.
func (s *store) listen(o Options) error {
	config := s.pool.Config().ConnConfig
	switch {
	case o.ListenURL != "":
		direct, err := pgx.ParseConfig(o.ListenURL)
		if err != nil {
			return err
		}
		direct.ConnectTimeout = config.ConnectTimeout
		config = direct
	case s.behindPooler.Load():
		return nil
	}
	s.done.Go(func() {
		for failures := 0; ; {
			err := s.hear(config, failures > 0)
			if s.notify.listening.Swap(false) {
				failures = 0
			}
			if s.isClosing() {
				return
			}
			if failures++; failures == 1 {
				s.log.Warn("the connection that listens for messages is lost; this process looks for them until it is back", "error", err)
			}
			s.heads.poke()
			if !s.pause(backoff(failures), nil) {
				return
			}
		}
	})
	return nil
}

// hear listens on a connection of its own until that fails. again says that one was lost before.
func (s *store) hear(config *pgx.ConnConfig, again bool) error {
	ctx, cancel := context.WithTimeout(s.life, s.timeout)
	conn, err := pgx.ConnectConfig(ctx, config)
	cancel()
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // it is given up
	}()
	ask := func(sql string) error {
		ctx, cancel := context.WithTimeout(s.life, s.timeout)
		defer cancel()
		_, err := conn.Exec(ctx, sql)
		return err
	}
	if err := ask("LISTEN " + pgx.Identifier{s.schema}.Sanitize()); err != nil {
		return err
	}
	s.notify.listening.Store(true)
	if again {
		s.log.Info("the connection that listens for messages is back")
	}
	// What came before is found by a look; what comes from now on is heard.
	s.heads.sweepSoon()
	// Others that thought they were alone learn of this node.
	if err := s.do(s.life, "announce", call{query: notifyQuery, params: [][]byte{[]byte(s.schema), []byte(s.node.id.String() + " *")}}); err != nil {
		return err
	}
	for {
		ctx, cancel := context.WithTimeout(s.life, aliveEvery)
		n, err := conn.WaitForNotification(ctx)
		cancel()
		switch {
		case err == nil:
			s.heard(n.Payload)
		case s.life.Err() == nil && pgconn.Timeout(err) && !conn.IsClosed():
			if err := ask("SELECT 1"); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// heard takes note of an announcement.
func (s *store) heard(text string) {
	sender, list, look := parseAnnouncement(text)
	if sender == s.node.id.String() {
		return
	}
	if s.alone() || look {
		if err := s.beat(s.life); err != nil {
			s.house.report(s.log, err)
		}
		if err := s.loadHolds(s.life); err != nil {
			s.house.report(s.log, err)
		}
		s.heads.sweepSoon()
	}
	now := s.storeNow()
	for _, a := range list {
		if s.lanes.numbered(a.lane) == nil {
			if err := s.readLanes(s.life); err != nil {
				s.house.report(s.log, err)
			}
		}
		s.heads.add(a.stream, a.at)
		if l := s.lanes.numbered(a.lane); l != nil && a.at <= now+clockSlack {
			s.waiters.Wake(l.receivers(), a.n)
		}
	}
	s.heads.poke()
}
