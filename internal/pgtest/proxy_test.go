//go:build unix

package pgtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// start runs a statement in the background and returns where its error will arrive.
func start(conn *pgx.Conn, statement string) <-chan error {
	answered := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), statement)
		answered <- err
	}()
	return answered
}

func TestProxy_cut(t *testing.T) {
	t.Parallel()
	database := URL(t)
	p := NewProxy(t, database)
	direct, conn := connect(t, database), connect(t, p.URL(database))
	run(t, conn, "CREATE TABLE sent (a int)")
	p.Cut()
	answered := start(conn, "INSERT INTO sent VALUES (1)")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := ping(ctx, p.URL(database)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a new connection through a cut ends with %v, want %v", err, context.DeadlineExceeded)
	}
	if got := query[int](t, direct, "SELECT count(*) FROM sent"); got != 0 {
		t.Errorf("the server has %d rows from beyond a cut", got)
	}
	select {
	case err := <-answered:
		t.Errorf("an answer came through a cut (error %v)", err)
	default:
	}
	p.Restore()
	if err := <-answered; err != nil {
		t.Errorf("what a cut held up ends with %v", err)
	}
	if got := query[int](t, direct, "SELECT count(*) FROM sent"); got != 1 {
		t.Errorf("the server has %d rows after the cut, want 1", got)
	}
}

func TestProxy_cut_then_reset(t *testing.T) {
	t.Parallel()
	database := URL(t)
	p := NewProxy(t, database)
	conn := connect(t, p.URL(database))
	p.Cut()
	answered := start(conn, "SELECT 1")
	p.Reset()
	if err := <-answered; err == nil {
		t.Error("a query through a cut and a reset succeeds")
	}
}

func TestProxy_reset(t *testing.T) {
	t.Parallel()
	database := URL(t)
	p := NewProxy(t, database)
	idle, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	conn := connect(t, p.URL(database))
	answered := start(conn, "SELECT pg_sleep(600)")
	direct := connect(t, database)
	sleeping := "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND state = 'active' AND datname = current_database()"
	if err := poll("the query runs", func() (bool, error) { return query[int](t, direct, sleeping) == 1, nil }); err != nil {
		t.Fatal(err)
	}
	p.Reset()
	if err := <-answered; err == nil {
		t.Error("the query outlives the reset")
	}
	if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the idle connection ends with %v, want %v", err, syscall.ECONNRESET)
	}
	if err := ping(t.Context(), p.URL(database)); err != nil {
		t.Errorf("a new connection after a reset: %v", err)
	}
}

func TestProxy_ports(t *testing.T) {
	t.Parallel()
	database := URL(t)
	p := NewProxy(t, database)
	if got := p.Ports(); len(got) != 0 {
		t.Errorf("ports %v without a connection", got)
	}
	conn := connect(t, p.URL(database))
	port := query[int](t, conn, "SELECT client_port FROM pg_stat_activity WHERE pid = pg_backend_pid()")
	if got := p.Ports(); !slices.Equal(got, []int{port}) {
		t.Errorf("ports %v, the server says %d", got, port)
	}
	p.Reset()
	if got := p.Ports(); len(got) != 0 {
		t.Errorf("ports %v after a reset", got)
	}
}

func TestProxy_refuse(t *testing.T) {
	t.Parallel()
	database := URL(t)
	p := NewProxy(t, database)
	conn := connect(t, p.URL(database))
	p.Refuse()
	if err := ping(t.Context(), p.URL(database)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection ends with %v, want %v", err, syscall.ECONNREFUSED)
	}
	run(t, conn, "SELECT 1")
	p.Restore()
	if err := ping(t.Context(), p.URL(database)); err != nil {
		t.Errorf("a new connection after Restore: %v", err)
	}
}

func TestProxy_without_a_server(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	p := NewProxy(t, s.URL("postgres"))
	s.Stop()
	if err := ping(t.Context(), p.URL(s.URL("postgres"))); err == nil {
		t.Error("a proxy without a server answers")
	}
	s.Start()
	if err := ping(t.Context(), p.URL(s.URL("postgres"))); err != nil {
		t.Errorf("after the server's start: %v", err)
	}
}

func TestProxy_delay(t *testing.T) {
	t.Parallel()
	database := URL(t)
	p := NewProxy(t, database)
	conn := connect(t, p.URL(database))
	const delay = 50 * time.Millisecond
	p.Delay(delay)
	began := time.Now()
	if _, err := conn.Exec(t.Context(), "SELECT 1", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	// A lower bound only: a delay can't be shorter than it was set, however busy the machine is.
	if took := time.Since(began); took < 2*delay {
		t.Errorf("a round trip took %v, want at least %v", took, 2*delay)
	}
}

func TestProxy_kill_at(t *testing.T) {
	t.Parallel()
	isCommit := func(m Message) bool { return m.Type == 'Q' && string(m.Body) == "COMMIT\x00" }
	isCommitted := func(m Message) bool { return m.Type == 'C' && string(m.Body) == "COMMIT\x00" }
	for name, test := range map[string]struct {
		direction Direction
		at        func(Message) bool
		want      int
	}{
		"before the server got the commit":    {ToServer, isCommit, 0},
		"before the client got its answer":    {ToClient, isCommitted, 1},
		"at the second message to the client": {ToClient, func(m Message) bool { return m.N == 2 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := URL(t)
			p := NewProxy(t, database)
			direct, conn := connect(t, database), connectSimply(t, p.URL(database))
			run(t, direct, "CREATE TABLE sent (a int)")
			hit := p.KillAt(test.direction, test.at)
			var err error
			for _, statement := range []string{"BEGIN", "INSERT INTO sent VALUES (1)", "COMMIT"} {
				if _, err = conn.Exec(t.Context(), statement); err != nil {
					break
				}
			}
			if err == nil {
				t.Fatal("the connection outlives the kill")
			}
			<-hit
			// A session that is gone has committed or never will.
			gone := "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid())"
			if err := poll("the session ends", func() (bool, error) { return query[bool](t, direct, gone), nil }); err != nil {
				t.Fatal(err)
			}
			if got := query[int](t, direct, "SELECT count(*) FROM sent"); got != test.want {
				t.Errorf("%d rows are committed, want %d", got, test.want)
			}
			if err := ping(t.Context(), p.URL(database)); err != nil {
				t.Errorf("the kill happens again: %v", err)
			}
		})
	}
}

func TestProxy_messages(t *testing.T) {
	t.Parallel()
	database := URL(t)
	p := NewProxy(t, database)
	var types []byte
	var counts []int64
	p.KillAt(ToServer, func(m Message) bool {
		types, counts = append(types, m.Type), append(counts, m.N)
		return m.Type == 'X'
	})
	// sslmode=prefer asks for encryption first, which this server has not.
	config, err := pgx.ParseConfig(strings.Replace(p.URL(database), "sslmode=disable", "sslmode=prefer", 1))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", 3*maxParcel)
	var got string
	if err := conn.QueryRow(t.Context(), "SELECT $1", pgx.QueryExecModeExec, large).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got != large {
		t.Errorf("%d bytes come back, want the %d that were sent", len(got), len(large))
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Restore() // waits for the hook, so that what it wrote can be read
	// A request for TLS, the start, then parse, bind, describe, execute, sync, and the end.
	if diff := cmp.Diff("\x00\x00PBDES", strings.TrimSuffix(string(types), "X")); diff != "" {
		t.Errorf("types of messages (-want +got):\n%s", diff)
	}
	for i, n := range counts {
		if n != int64(i+1) {
			t.Errorf("message %d counts as %d", i+1, n)
		}
	}
}

// FuzzReader shows that whatever is sent arrives, be it messages or not.
func FuzzReader(f *testing.F) {
	f.Add(true, []byte("\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x0a\x00\x03\x00\x00ab"))
	f.Add(false, []byte("C\x00\x00\x00\x0bCOMMIT\x00Z\x00\x00\x00\x05I"))
	f.Add(false, []byte("C\x00\x00\x00\x0bCOM"))
	f.Add(true, []byte("\x16\x03\x01\x02\x00"))
	f.Fuzz(func(t *testing.T, toServer bool, sent []byte) {
		d := ToClient
		if toServer {
			d = ToServer
		}
		// One byte at a time, and all at once.
		for _, from := range []io.Reader{iotest.OneByteReader(bytes.NewReader(sent)), bytes.NewReader(sent)} {
			r := newReader(d, from, new(phase))
			var got []byte
			for {
				messages, err := r.read()
				for _, m := range messages {
					got = append(got, m.raw...)
				}
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil || len(messages) == 0 {
					t.Fatalf("%d messages and error %v", len(messages), err)
				}
			}
			if diff := cmp.Diff(string(sent), string(got)); diff != "" {
				t.Fatalf("bytes (-sent +got):\n%s", diff)
			}
		}
	})
}
