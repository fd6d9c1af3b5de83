package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
)

// Level says how much a finding matters.
type Level string

// The levels. A problem keeps nodes from working, or can lose messages; a warning will become one or costs speed; a
// note is good to know.
const (
	LevelOK      Level = "ok"
	LevelNote    Level = "note"
	LevelWarning Level = "warning"
	LevelProblem Level = "problem"
)

// Finding is what Diagnose found out about one thing.
type Finding struct {
	Check  string `json:"check"`
	Level  Level  `json:"level"`
	Detail string `json:"detail"`
	// Advice is what to do, "" if there is nothing to do.
	Advice string `json:"advice,omitempty"`
}

// doctor looks at a database. Every check is read-only and bounded in time.
type doctor struct {
	*store
	options  Options
	limits   doctorLimits
	role     string
	findings []Finding
}

// doctorLimits are from where on things are worth mentioning.
type doctorLimits struct {
	skew        time.Duration // between the clocks
	transaction time.Duration // age of the oldest one
	overdue     time.Duration // of a lease that ran out
	processing  time.Duration // age of a claim that still holds
	deadRows    int64         // where they also outnumber live ones
	readyBytes  int64         // of the ready table, where its rows are few
	slotBytes   int64         // of WAL that an inactive replication slot keeps
}

var usualLimits = doctorLimits{
	skew: time.Second, transaction: 5 * time.Minute, overdue: time.Minute, processing: 24 * time.Hour,
	deadRows: 500_000, readyBytes: 64 << 20, slotBytes: 1 << 30,
}

// Diagnose looks for what keeps Symphony Messenger from working well on a database: the connection, the server and its
// settings, the schema, privileges, and the state of the tables. It changes nothing, and works where Open does not.
// Each check yields at least one finding.
func Diagnose(ctx context.Context, url string, o Options) []Finding {
	return diagnose(ctx, url, o, usualLimits)
}

func diagnose(ctx context.Context, url string, o Options, limits doctorLimits) []Finding {
	s, o, err := newStore(url, o)
	if err != nil {
		return []Finding{{Check: "connection", Level: LevelProblem, Detail: oneLine(err), Advice: "Correct the settings of the database."}}
	}
	defer s.pool.Close()
	defer s.end()
	d := &doctor{store: s, options: o, limits: limits}
	if !d.check(ctx, "connection", d.connection) {
		return d.findings
	}
	d.check(ctx, "server", d.server)
	d.check(ctx, "pooler", d.pooler)
	d.check(ctx, "durability", d.durability)
	d.check(ctx, "connections", d.connections)
	d.check(ctx, "settings", d.settings)
	d.check(ctx, "checkpoints", d.checkpoints)
	d.check(ctx, "clock", d.clockSkew)
	d.check(ctx, "transactions", d.transactions)
	d.check(ctx, "replication slots", d.slots)
	if !d.check(ctx, "schema", d.schemaVersion) || !d.check(ctx, "privileges", d.privileges) {
		return d.findings // the tables cannot be looked at
	}
	d.check(ctx, "nodes", d.nodesAlive)
	d.check(ctx, "vacuum", d.vacuum)
	d.check(ctx, "ready table", d.readySize)
	d.check(ctx, "leases", d.leasesStuck)
	d.check(ctx, "partitions", d.partitions)
	d.check(ctx, "sizes", d.sizesOfTables)
	return d.findings
}

// check runs one check and reports whether it found no problem. do adds its findings; without any, what it returns is
// well.
func (d *doctor) check(ctx context.Context, name string, do func(context.Context) (well string, err error)) bool {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*d.timeout, errSlow)
	defer cancel()
	before := len(d.findings)
	well, err := do(ctx)
	switch {
	case err != nil:
		d.add(LevelWarning, "could not be looked at: "+oneLine(d.storageError("read", err)), "")
	case len(d.findings) == before:
		d.add(LevelOK, well, "")
	}
	found := d.findings[before:]
	for i := range found {
		found[i].Check = name
	}
	return err == nil && !slices.ContainsFunc(found, func(f Finding) bool { return f.Level == LevelProblem })
}

func (d *doctor) add(level Level, detail, advice string) {
	d.findings = append(d.findings, Finding{Level: level, Detail: detail, Advice: advice})
}

// oneLine is an error's text in one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// connection connects, and looks at what protects the connection.
func (d *doctor) connection(ctx context.Context) (string, error) {
	c, err := d.pool.Acquire(ctx)
	if err != nil {
		d.add(LevelProblem, oneLine(d.storageError("connect", err)), connectAdvice(err))
		return "", nil
	}
	defer c.Release()
	if err := c.QueryRow(ctx, "SELECT current_user").Scan(&d.role); err != nil {
		return "", err
	}
	var secure *tls.ConnectionState
	if t, ok := c.Conn().PgConn().Conn().(*tls.Conn); ok {
		state := t.ConnectionState()
		secure = &state
	}
	how, level := protection(c.Conn().PgConn().Conn().RemoteAddr(), secure, d.pool.Config().ConnConfig.TLSConfig)
	detail := fmt.Sprintf("connected to %s as %s, %s", d.address(), d.role, how)
	if level != LevelOK {
		d.add(level, detail, "Add sslmode=verify-full to the URL, and sslrootcert=FILE where the server's certificate is from an authority of your own.")
	}
	return detail, nil
}

// protection says how a connection to an address is protected. secure is nil without TLS.
func protection(to net.Addr, secure *tls.ConnectionState, config *tls.Config) (string, Level) {
	tcp, isTCP := to.(*net.TCPAddr)
	switch {
	case !isTCP:
		return "by a unix socket", LevelOK
	case secure == nil && tcp.IP.IsLoopback():
		return "without TLS, on this machine", LevelOK
	case secure == nil:
		return "without TLS: whoever is on the way can read and change everything", LevelWarning
	case config != nil && config.InsecureSkipVerify && config.VerifyPeerCertificate == nil && config.VerifyConnection == nil:
		return "by " + tls.VersionName(secure.Version) + ", without a check who the server is", LevelNote
	}
	return "by " + tls.VersionName(secure.Version), LevelOK
}

// connectAdvice is what to do about a connection that fails.
func connectAdvice(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
	)
	switch {
	case hasCode(err, pgerrcode.InvalidPassword):
		return "Check user and password: in the URL, PGPASSWORD, or the password file (~/.pgpass)."
	case hasCode(err, pgerrcode.InvalidAuthorizationSpecification):
		return "Let the server's pg_hba.conf admit this user from this machine; does the role exist and may it log in?"
	case hasCode(err, pgerrcode.InvalidCatalogName):
		return "Make the database (createdb), or correct its name in the URL."
	case hasCode(err, pgerrcode.TooManyConnections):
		return "Raise max_connections on the server, lower database.max_connections, or put a pooler before the server."
	case hasCode(err, pgerrcode.CannotConnectNow):
		return "Wait until the server has started; its log says how far it is."
	case errors.As(err, &unknown):
		return "Name the authority of the server's certificate by sslrootcert=FILE in the URL."
	case errors.As(err, &name):
		return "Connect by a name that the server's certificate has."
	}
	return "Is the server up, are host and port right, and may this machine reach it (firewall, listen_addresses)?"
}

// collect reads all rows of a query, each into the fields of a T.
func collect[T any](ctx context.Context, d *doctor, sql string, args ...any) ([]T, error) {
	rows, err := d.pool.Query(ctx, d.qualify(sql), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// seconds is a time span that the server gives in seconds.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// schemaVersion compares the schema with this program.
func (d *doctor) schemaVersion(context.Context) (string, error) {
	list, err := d.schemaState()
	var newer *VersionError
	switch {
	case errors.As(err, &newer):
		d.add(LevelProblem, oneLine(err), "Use the newer release.")
		return "", nil
	case hasCode(err, pgerrcode.InsufficientPrivilege):
		d.add(LevelProblem, fmt.Sprintf("the role %s may not look at the schema %q", d.role, d.schema), grantAdvice(d.role))
		return "", nil
	case err != nil:
		return "", err
	}
	pending := slices.IndexFunc(list, func(m Migration) bool { return m.AppliedAt.IsZero() })
	latest := list[len(list)-1]
	switch {
	case pending >= 0 && !d.options.KeepSchema:
		d.add(LevelProblem, fmt.Sprintf("schema %q lacks migration %d (%s)", d.schema, list[pending].Version, list[pending].Name),
			`The next start applies it; or run "symphony migrate up" now.`)
	case pending >= 0:
		d.add(LevelProblem, fmt.Sprintf("schema %q lacks migration %d (%s)", d.schema, list[pending].Version, list[pending].Name),
			`Run "symphony migrate up" as the role that owns the schema.`)
	case latest.SQL == "":
		d.add(LevelNote, fmt.Sprintf("schema %q has version %d, of a newer release, and works with this one too", d.schema, latest.Version), "")
	}
	return fmt.Sprintf("schema %q has version %d", d.schema, latest.Version), nil
}

func grantAdvice(role string) string {
	return fmt.Sprintf(`Run "symphony migrate up --grant %s" as the role that owns the schema.`, role)
}

// privileges compares what the role may do with what a node needs.
func (d *doctor) privileges(ctx context.Context) (string, error) {
	missing, err := d.missingPrivileges(ctx, d.pool, d.role)
	if err != nil {
		return "", err
	}
	if len(missing) > 0 {
		d.add(LevelProblem, fmt.Sprintf("the role %s lacks %s", d.role, strings.Join(missing, ", ")), grantAdvice(d.role))
		return "", nil
	}
	var super, owner bool
	if err := d.pool.QueryRow(ctx, `SELECT rolsuper, pg_has_role(n.nspowner, 'USAGE') FROM pg_roles, pg_namespace n
		WHERE rolname = current_user AND nspname = $1`, d.schema).Scan(&super, &owner); err != nil {
		return "", err
	}
	switch {
	case super:
		d.add(LevelNote, fmt.Sprintf("the role %s is a superuser", d.role), "Nodes need much less: see the roles in docs/postgres.md.")
	case owner:
		d.add(LevelNote, fmt.Sprintf("the role %s owns the schema and may drop it", d.role), "Nodes need less: see the roles in docs/postgres.md.")
	}
	return fmt.Sprintf("the role %s has what a node needs", d.role), nil
}
