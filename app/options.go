package app

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"heliograph/store"
	"heliograph/web"
)

// Options of an App. DataDir is needed; every other zero value works.
type Options struct {
	Database
	Roles []Role // nil = all

	Listen         string      // console and API; "" = DefaultListen
	ListenRedirect string      // where http is led to https; "" = nowhere
	ListenMetrics  string      // "" = DefaultMetrics, or any free port of loopback when it is taken
	PublicURL      string      // origin under which people reach the console; "" = where it listens
	TLS            TLS         // of the console's listener
	MailPush       MailPush    // its listeners
	ACME           ACME        // who gives the certificates that the listeners do not have in files
	APIRate        float64     // requests a second of one API token; 0 = api.DefaultRate, negative = any number
	Proxies        web.Proxies // whose word about who asks counts, on every listener

	ReadyFile string        // "" = none
	Drain     time.Duration // how long Stop waits for what is on the wire; 0 = DefaultDrain
	Logger    *slog.Logger  // nil = silent
	Version   string        // empty = unknown
	Demo      *Demo         // nil = a real installation
}

// TLS says what a listener speaks. The zero value is plain HTTP.
type TLS struct {
	CertFile, KeyFile string   // PEM; read again when they change
	ACME              []string // names to get certificates for, as certificate.ParseNames reads them, instead of files
	Least             string   // oldest version: 1.2 or 1.3; "" = 1.2
}

// load is the configuration to serve with; nil = plain HTTP.
func (t TLS) load(log *slog.Logger) (*tls.Config, error) {
	if t.CertFile == "" && t.KeyFile == "" {
		return nil, nil
	}
	if t.CertFile == "" || t.KeyFile == "" {
		return nil, errors.New("TLS needs both a certificate and its key")
	}
	least, err := web.ParseTLSVersion(t.Least)
	if err != nil {
		return nil, err
	}
	certificate, err := web.LoadCertificate(t.CertFile, t.KeyFile, log)
	if err != nil {
		return nil, err
	}
	return certificate.Config(least), nil
}

// Demo is what makes a demo of an installation: nobody needs a password.
type Demo struct {
	Entry string // secret of the link that signs the visitor in
	Inbox string // URL of the page that shows what was received
}

// Defaults of a process. All listen on loopback: what others may reach speaks TLS, or stands behind a proxy that does.
const (
	DefaultListen  = "127.0.0.1:8080"
	DefaultMetrics = "127.0.0.1:9464"
	DefaultDrain   = 30 * time.Second
)

// Database says where everything is kept.
type Database struct {
	DataDir string // directory of the lock, and of what has no place of its own
	URL     string // of PostgreSQL, or path of a SQLite file; "" = heliograph.db in DataDir
	KeyFile string // "" = heliograph.key in DataDir
	Keys    string // content of a key file, in place of one; "" = there is a file
}

func (d Database) url() string {
	if d.URL == "" {
		return filepath.Join(d.DataDir, "heliograph.db")
	}
	return d.URL
}

func (d Database) keyFile() string {
	if d.KeyFile == "" {
		return filepath.Join(d.DataDir, "heliograph.key")
	}
	return d.KeyFile
}

// locks are the files to hold while serving: the data directory's, and that of a SQLite file somewhere else.
func (d Database) locks() []string {
	list := []string{filepath.Join(d.DataDir, "lock")}
	if file, ok := d.sqlite(); ok && filepath.Clean(file) != filepath.Join(d.DataDir, "heliograph.db") {
		list = append(list, file+".lock")
	}
	return list
}

// sqlite is the path of the database when it is a file.
func (d Database) sqlite() (string, bool) {
	if store.IsPostgres(d.url()) {
		return "", false
	}
	return strings.TrimPrefix(d.url(), "sqlite:"), true
}

// Role is a part of the work that a process takes on.
type Role string

const (
	Console Role = "console" // pages, API and receipts
	Worker  Role = "worker"  // the jobs that send

	Listener     Role = "listener"     // what mail servers post, and the wakes that it makes
	Registration Role = "registration" // devices that want to be woken
)

// Roles lists those of this version.
var Roles = []Role{Console, Worker, Listener, Registration}

// has reports whether the process has a role.
func (o Options) has(r Role) bool { return len(o.Roles) == 0 || slices.Contains(o.Roles, r) }
