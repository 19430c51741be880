// Package certificate gets the certificates of listeners from an authority by ACME (RFC 8555), and renews them.
//
// A Keeper knows a few host names, and asks for no other. What it gets lies in the store, sealed, where every node finds
// it: a restart asks the authority for nothing, and of several nodes one alone speaks with it about a name at a time. The
// conversation itself is autocert's (golang.org/x/crypto/acme/autocert), one Manager for each attempt: a Manager that
// renews by itself would tell nobody why it could not, and could not be stopped.
//
// The authority looks whether we are who we say: by a TLS handshake for the protocol acme-tls/1 (RFC 8737), which every
// configuration made by Config answers, or by plain http (RFC 8555 section 8.3), see HTTP. Answers lie in the store too,
// so that any node may be the one that is asked.
package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"heliograph/web"
)

// Store is where nodes share what they know; see package store.
type Store interface {
	// ACMEValue, PutACMEValue and DeleteACMEValue keep secrets by name. ACMEValue fails with Options.NotFound when there is
	// no such value.
	ACMEValue(ctx context.Context, key string) ([]byte, error)
	PutACMEValue(ctx context.Context, key string, value []byte) error
	DeleteACMEValue(ctx context.Context, key string) error

	WantCertificates(ctx context.Context, directory string, listeners map[string][]string) error
	// TakeCertificate lets one node alone ask for a name until LeaveCertificate, or for as long as limit.
	TakeCertificate(ctx context.Context, name, node string, limit time.Duration) (bool, error)
	LeaveCertificate(ctx context.Context, name, node string) error
	CertificateKept(ctx context.Context, name string, ends time.Time) error
	CertificateFailed(ctx context.Context, name, reason string) error
	ForgetCertificates(ctx context.Context) error
}

// Options of a Keeper. Directory and NotFound are needed.
type Options struct {
	Directory string         // URL of the authority's directory
	Terms     bool           // whether somebody agreed to the authority's terms
	Email     string         // where the authority may write to; "" = nowhere
	Binding   *Binding       // of the account to one that the authority knows already; nil = none
	Roots     *x509.CertPool // whom the directory's own certificate may be from; nil = the system's
	Plain     bool           // HTTP answers on port 80 of the names, so that http-01 may be tried too

	Node     string // tells this process from other nodes; "" = there are no others
	NotFound error
	Logger   *slog.Logger     // nil = silent
	Now      func() time.Time // nil = time.Now; decides when to renew
}

// Binding is an external account (RFC 8555 section 7.3.4).
type Binding struct {
	ID  string
	Key []byte // HMAC-SHA-256
}

// ParseBindingKey reads the key of an external account, in base64url as authorities give it.
func ParseBindingKey(text string) ([]byte, error) {
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(text), "="))
	if err != nil || len(key) == 0 {
		return nil, errors.New("the key of an external account is base64url, as the authority gave it")
	}
	return key, nil
}

// Keeper has the certificates of some names.
type Keeper struct {
	store    Store
	o        Options
	log      *slog.Logger
	cache    *cache
	answerer *autocert.Manager // knows the answers to challenges

	transport *http.Transport

	introducing sync.Mutex // the first conversation makes the account

	running sync.WaitGroup
	stop    context.CancelFunc
	life    context.Context // ends with Stop

	mu       sync.Mutex
	names    map[string][]string // with the listeners that serve them
	have     map[item]*tls.Certificate
	attempts map[item]*attempt      // under way
	turns    map[string]*sync.Mutex // by name: its answers to challenges would be mixed up
	waits    map[item]wait          // after attempts that failed

	wanted time.Time // when all names were last noted; of the one goroutine that looks
}

// item is a certificate for a name.
type item struct {
	name string
	rsa  bool // for peers that cannot do ECDSA
}

// key is what autocert calls it.
func (i item) key() string {
	if i.rsa {
		return i.name + "+rsa"
	}
	return i.name
}

// New is a Keeper without names.
func New(s Store, o Options) *Keeper {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	k := &Keeper{
		store: s, o: o, log: o.Logger, cache: &cache{s, o.Directory, o.NotFound, o.Logger},
		transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute,
			TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		},
		names: map[string][]string{}, have: map[item]*tls.Certificate{}, attempts: map[item]*attempt{}, turns: map[string]*sync.Mutex{}, waits: map[item]wait{},
	}
	k.answerer = &autocert.Manager{Prompt: k.agrees, Cache: answers{k.cache}, HostPolicy: k.known}
	k.life, k.stop = context.WithCancel(context.Background())
	return k
}

// agrees says what somebody said about the authority's terms.
func (k *Keeper) agrees(string) bool { return k.o.Terms }

// Config is for a listener that serves certificates for names, in lower case and ASCII, and for no other; who names none gets the one for the
// first. It speaks TLS of least or newer, and answers the authority's challenges for all names of the Keeper.
func (k *Keeper) Config(least uint16, listener string, names []string) *tls.Config {
	k.mu.Lock()
	for _, name := range names {
		k.names[name] = append(k.names[name], listener)
		k.turns[name] = &sync.Mutex{}
	}
	k.mu.Unlock()
	config := web.Config(least, func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return k.get(hello, names) })
	challenge := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{acme.ALPNProto}, GetCertificate: k.answerer.GetCertificate}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto && k.serves(hello.ServerName) {
			return challenge, nil
		}
		return nil, nil
	}
	return config
}

// Start begins to look after the names, which listeners serve already. It gets what is missing at once.
func (k *Keeper) Start() {
	k.running.Go(func() {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		for {
			k.look(k.life)
			select {
			case <-k.life.Done():
				return
			case <-ticker.C:
			}
		}
	})
}

// Stop ends all conversations, and waits for that until ctx ends. Certificates that are known are served on.
func (k *Keeper) Stop(ctx context.Context) {
	k.mu.Lock()
	k.stop()
	k.mu.Unlock()
	done := make(chan struct{})
	go func() {
		k.running.Wait()
		k.transport.CloseIdleConnections()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

const (
	lookEvery = time.Minute
	wantEvery = time.Hour
)

// look gets what is missing, and renews what is due. Nothing waits for it.
func (k *Keeper) look(ctx context.Context) {
	if err := k.want(ctx); err != nil && ctx.Err() == nil {
		k.log.Warn("the names of certificates could not be noted", "error", err)
	}
	for _, i := range k.items() {
		if _, err := k.kept(ctx, i); err != nil && ctx.Err() == nil {
			k.attempt(i)
		}
	}
}

// want tells the other nodes, and doctor, which names are served.
func (k *Keeper) want(ctx context.Context) error {
	now := k.o.Now()
	if now.Sub(k.wanted) < wantEvery {
		return nil
	}
	k.mu.Lock()
	names := maps.Clone(k.names)
	k.mu.Unlock()
	if err := k.store.WantCertificates(ctx, k.o.Directory, names); err != nil {
		return err
	}
	k.wanted = now
	return k.store.ForgetCertificates(ctx)
}

// items are the names, and those of them for which somebody needed an RSA certificate.
func (k *Keeper) items() (list []item) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(k.names)) {
		list = append(list, item{name: name})
	}
	for i := range maps.Keys(k.have) {
		if i.rsa {
			list = append(list, i)
		}
	}
	return list
}

var errDue = errors.New("it is time to renew")

// kept is the certificate in hand or in the store; the error is errDue when it should be renewed.
func (k *Keeper) kept(ctx context.Context, i item) (*tls.Certificate, error) {
	now := k.o.Now()
	k.mu.Lock()
	have := k.have[i]
	k.mu.Unlock()
	if have != nil && !due(have, now) {
		return have, nil
	}
	found, err := k.cache.certificate(ctx, i) // another node may have renewed it
	if err != nil {
		return have, err
	}
	k.mu.Lock()
	k.have[i] = found
	k.mu.Unlock()
	if have == nil && !i.rsa { // what is known of the name may be older
		if err := k.store.CertificateKept(ctx, i.name, found.Leaf.NotAfter); err != nil {
			return found, err
		}
	}
	if due(found, now) {
		return found, errDue
	}
	return found, nil
}

// due reports whether a certificate should be renewed: when a third of its time is left, or 30 days.
func due(c *tls.Certificate, now time.Time) bool {
	left := min(c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)/3, 30*24*time.Hour)
	return now.Add(left).After(c.Leaf.NotAfter)
}
