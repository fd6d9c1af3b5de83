package postgres_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// secured is a server that takes role "app" with a password over TLS only.
type secured struct {
	host, port string
	ca, wrong  string // files of certificates: the server's issuer, and another one
}

const appPassword = "p@ss word/'x'"

func startSecured(t *testing.T) secured {
	t.Helper()
	dir := t.TempDir()
	// The server may run as another user, who must get to the files.
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, caKey := certificate(t, nil, nil)
	other, _ := certificate(t, nil, nil)
	server, serverKey := certificate(t, ca, caKey)
	raw, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		t.Fatal(err)
	}
	key := write("server.key", pemText("PRIVATE KEY", raw))
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	chownToServer(t, key)
	s := pgtest.Start(t, pgtest.Options{Settings: map[string]string{
		"ssl": "on", "ssl_cert_file": write("server.crt", pemText("CERTIFICATE", server.Raw)), "ssl_key_file": key,
		"password_encryption": "scram-sha-256",
		"hba_file":            write("hba", "host all postgres 127.0.0.1/32 trust\nhostssl all app 127.0.0.1/32 scram-sha-256\n"),
	}})
	admin := s.URL("postgres")
	exec(t, admin, "CREATE ROLE app LOGIN PASSWORD 'p@ss word/''x'''")
	exec(t, admin, "CREATE DATABASE app OWNER app")
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	return secured{u.Hostname(), u.Port(), write("ca.crt", pemText("CERTIFICATE", ca.Raw)), write("other.crt", pemText("CERTIFICATE", other.Raw))}
}

// chownToServer gives a file to the user that servers run as, if that is another one.
func chownToServer(t *testing.T, path string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
}

func pemText(kind string, raw []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}))
}

// certificate makes one for 127.0.0.1 that is signed by parent, or by itself.
func certificate(t *testing.T, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: fmt.Sprint("test ", time.Now().UnixNano())},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: parent == nil, BasicConstraintsValid: true,
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

func TestOpen_takes_connections_as_libpq_knows_them(t *testing.T) {
	s := startSecured(t)
	escaped := url.UserPassword("app", appPassword).String()
	passfile := filepath.Join(t.TempDir(), "pgpass")
	line := fmt.Sprintf("%s:%s:app:app:%s\n", s.host, s.port, appPassword)
	if err := os.WriteFile(passfile, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	service := filepath.Join(t.TempDir(), "pg_service.conf")
	if err := os.WriteFile(service, fmt.Appendf(nil, "[queue]\nhost=%s\nport=%s\ndbname=app\nuser=app\nsslmode=verify-full\nsslrootcert=%s\n", s.host, s.port, s.ca), 0o600); err != nil {
		t.Fatal(err)
	}
	full := "postgres://" + escaped + "@" + s.host + ":" + s.port + "/app?sslmode="
	keyword := "host=" + s.host + " port=" + s.port + " dbname=app user=app sslmode=verify-ca sslrootcert=" + s.ca
	environment := map[string]string{"PGHOST": s.host, "PGPORT": s.port, "PGUSER": "app", "PGPASSWORD": appPassword, "PGDATABASE": "app", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": s.ca}
	for name, test := range map[string]struct {
		url     string
		env     map[string]string
		refused string // what the error says
	}{
		"URL, verify-full":                 {url: full + "verify-full&sslrootcert=" + s.ca},
		"URL, verify-ca":                   {url: full + "verify-ca&sslrootcert=" + s.ca},
		"URL, require":                     {url: full + "require"},
		"URL, prefer":                      {url: full + "prefer"},
		"URL, disable":                     {url: full + "disable", refused: "no encryption"},
		"URL, another issuer":              {url: full + "verify-full&sslrootcert=" + s.wrong, refused: "certificate"},
		"postgresql scheme":                {url: strings.Replace(full, "postgres:", "postgresql:", 1) + "require"},
		"keywords":                         {url: keyword + ` password='p@ss word/\'x\''`},
		"keywords, password file":          {url: keyword, env: map[string]string{"PGPASSFILE": passfile}},
		"keywords, password file as param": {url: keyword + " passfile=" + passfile},
		"environment only":                 {url: "", env: environment},
		"service file":                     {url: "service=queue", env: map[string]string{"PGSERVICEFILE": service, "PGPASSWORD": appPassword}},
		"wrong password":                   {url: "postgres://app:secret-guess@" + s.host + ":" + s.port + "/app?sslmode=require", refused: "password authentication failed"},
		"unknown database":                 {url: strings.Replace(full, "/app?", "/nothing?", 1) + "require", refused: "does not exist"},
		"nonsense":                         {url: "postgres://user:secret-guess@:port/", refused: "cannot parse"},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			tr, err := postgres.Open(t.Context(), test.url, postgres.Options{})
			if err == nil {
				defer tr.Close()
			}
			switch {
			case test.refused == "" && err != nil:
				t.Error(err)
			case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)):
				t.Errorf("got %v, want it to say %q", err, test.refused)
			}
			if err != nil && (strings.Contains(err.Error(), appPassword) || strings.Contains(err.Error(), "secret-guess") || strings.Contains(err.Error(), url.QueryEscape(appPassword))) {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestOpen_of_what_is_not_there_is_unavailable(t *testing.T) {
	_, err := postgres.Open(t.Context(), "postgres://postgres@127.0.0.1:1/x?connect_timeout=2", postgres.Options{})
	if !errors.Is(err, symphony.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
