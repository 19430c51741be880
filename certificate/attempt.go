package certificate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// attempt is one conversation about one certificate; got and err are read after done is closed.
type attempt struct {
	done chan struct{}
	got  *tls.Certificate
	err  error
}

// wait is what follows an attempt that failed.
type wait struct {
	failed int
	until  time.Time
	err    error
}

// waits are how long nobody asks again after one, two and more attempts that failed: an authority counts them, and Let's
// Encrypt allows five in an hour.
var waits = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

const (
	attemptTime = 2 * time.Minute           // for a whole conversation
	holdTime    = attemptTime + time.Minute // a node that died is waited for so long
	requestTime = 30 * time.Second          // for one request of it
	afterwards  = 30 * time.Second          // in which autocert gives back what it did not need
	noteTime    = 5 * time.Second           // for a word to the store when the conversation's time is up
	unreadWait  = 10 * time.Second          // after the store did not answer
	holdEvery   = time.Second               // how often it is looked whether another node has come to an end
)

var (
	errStopped = errors.New("the process stops")
	errBusy    = errors.New("the first conversation with the authority takes too long")
)

// attempt joins the attempt that is under way, or begins one.
func (k *Keeper) attempt(i item) *attempt {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a := k.attempts[i]; a != nil {
		return a
	}
	a := &attempt{done: make(chan struct{})}
	if k.life.Err() != nil {
		a.err = errStopped
		close(a.done)
		return a
	}
	k.attempts[i] = a
	k.running.Go(func() {
		a.got, a.err = k.obtain(k.life, i)
		k.mu.Lock()
		delete(k.attempts, i)
		k.mu.Unlock()
		close(a.done)
	})
	return a
}

// obtain is the kept certificate, if another node got it meanwhile, or a new one.
func (k *Keeper) obtain(ctx context.Context, i item) (*tls.Certificate, error) {
	if err := k.early(i); err != nil {
		return nil, err
	}
	have, err := k.kept(ctx, i)
	switch {
	case err == nil:
		return have, nil
	case !errors.Is(err, errDue) && !errors.Is(err, autocert.ErrCacheMiss):
		return nil, k.unread(i, err)
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	k.mu.Lock()
	turn := k.turns[i.name]
	k.mu.Unlock()
	turn.Lock()
	defer turn.Unlock()
	if err := k.hold(ctx, i); err != nil {
		return nil, err
	}
	defer k.leave(ctx, i)
	if now, err := k.kept(ctx, i); err == nil { // the one who was waited for has got it
		return now, nil
	}
	got, err := k.introduced(ctx, i)
	switch {
	case err == nil:
		k.noteSuccess(ctx, i, got)
		return got, nil
	case k.life.Err() != nil:
		return nil, errStopped
	case errors.Is(err, errBusy):
		return nil, err
	}
	return nil, k.noteFailure(ctx, i, have, err)
}

// accountKey is how autocert calls the key of the account at the authority.
const accountKey = "acme_account+key"

// introduced converses when it is its turn. The time may be up by then, which says nothing about the name.
func (k *Keeper) introduced(ctx context.Context, i item) (*tls.Certificate, error) {
	done := k.introduce(ctx)
	defer done()
	if ctx.Err() != nil {
		return nil, errBusy
	}
	return k.converse(ctx, i)
}

// introduce lets the first conversation with an authority be over before others begin, which use its account: each would
// make one of its own. done follows the conversation.
func (k *Keeper) introduce(ctx context.Context) (done func()) {
	k.introducing.Lock()
	if _, err := k.cache.Get(ctx, accountKey); err == nil {
		k.introducing.Unlock()
		return func() {}
	}
	return k.introducing.Unlock
}

// unread says that the store did not answer; it is asked again after a moment.
func (k *Keeper) unread(i item, err error) error {
	err = fmt.Errorf("reading the certificate for %s: %w", i.name, err)
	if k.life.Err() != nil {
		return err
	}
	k.log.Error("a certificate could not be read", "name", i.name, "error", err)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waits[i] = wait{failed: k.waits[i].failed, until: k.o.Now().Add(unreadWait), err: err}
	return err
}

// early is why the last attempt failed, for as long as the next one has to wait.
func (k *Keeper) early(i item) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if w := k.waits[i]; k.o.Now().Before(w.until) {
		return w.err
	}
	return nil
}

// hold waits until this node alone asks for the name.
func (k *Keeper) hold(ctx context.Context, i item) error {
	k.mu.Lock()
	listeners := k.names[i.name]
	k.mu.Unlock()
	if err := k.store.WantCertificates(ctx, k.o.Directory, map[string][]string{i.name: listeners}); err != nil { // a handshake may come before the first look
		return k.unread(i, err)
	}
	for {
		taken, err := k.store.TakeCertificate(ctx, i.name, k.o.Node, holdTime)
		if err != nil {
			return k.unread(i, err)
		}
		if taken {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another node has been getting a certificate for %s for too long", i.name)
		case <-time.After(holdEvery):
		}
	}
}

func (k *Keeper) leave(ctx context.Context, i item) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if err := k.store.LeaveCertificate(ctx, i.name, k.o.Node); err != nil { // it ends by itself
		k.log.Debug("a certificate's name could not be left", "name", i.name, "error", err)
	}
}

// converse asks the authority.
func (k *Keeper) converse(ctx context.Context, i item) (*tls.Certificate, error) {
	until, _ := ctx.Deadline()
	e := &ear{life: k.life, until: until.Add(afterwards), next: k.transport}
	shelf := &shelf{cache: k.cache, hidden: i.key()}
	m := &autocert.Manager{
		Prompt: k.agrees, Cache: shelf, HostPolicy: k.known, Email: k.o.Email, ExternalAccountBinding: k.binding(),
		RenewBefore: time.Second, // we renew: long before, it finds ours and goes back to sleep
		Client: &acme.Client{
			DirectoryURL: k.o.Directory, UserAgent: "heliograph", RetryBackoff: backoff,
			HTTPClient: &http.Client{Transport: e, Timeout: requestTime},
		},
	}
	if k.o.Plain {
		m.HTTPHandler(nil) // says that http-01 may be tried: our answerer finds the answers
	}
	got, err := m.GetCertificate(helloFor(i))
	shelf.show()
	if err != nil {
		return nil, e.reason(err)
	}
	if err := shelf.failed(); err != nil {
		k.log.Error("a new certificate could not be kept: it is served until the process ends", "name", i.name, "error", err)
	}
	return got, nil
}

func (k *Keeper) binding() *acme.ExternalAccountBinding {
	if k.o.Binding == nil {
		return nil
	}
	return &acme.ExternalAccountBinding{KID: k.o.Binding.ID, Key: k.o.Binding.Key}
}

// helloFor is a handshake in which autocert sees what key is needed.
func helloFor(i item) *tls.ClientHelloInfo {
	hello := &tls.ClientHelloInfo{ServerName: i.name, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}
	if i.rsa {
		hello.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	}
	return hello
}

// backoff is how long to wait before the same request goes again, when the authority said that it should.
func backoff(n int, _ *http.Request, answer *http.Response) time.Duration {
	const tries = 4
	if n > tries || answer != nil && answer.StatusCode == http.StatusTooManyRequests {
		return -1
	}
	return time.Duration(n) * time.Second / 2
}

// noteSuccess remembers a new certificate, and says so.
func (k *Keeper) noteSuccess(ctx context.Context, i item, got *tls.Certificate) {
	k.mu.Lock()
	k.have[i] = got
	delete(k.waits, i)
	k.mu.Unlock()
	k.log.Info("certificate obtained", "name", i.name, "directory", k.o.Directory, "expires", got.Leaf.NotAfter)
	if i.rsa { // a second one for a name that has one
		return
	}
	if err := k.store.CertificateKept(ctx, i.name, got.Leaf.NotAfter); err != nil {
		k.log.Warn("a new certificate could not be noted", "name", i.name, "error", err)
	}
}

// noteFailure remembers why there is no new certificate, and says so. before is what is served meanwhile, if anything is.
func (k *Keeper) noteFailure(ctx context.Context, i item, before *tls.Certificate, why error) error {
	err := fmt.Errorf("no certificate for %s: %w", i.name, why)
	k.mu.Lock()
	failed := k.waits[i].failed
	again := k.o.Now().Add(waits[min(failed, len(waits)-1)])
	k.waits[i] = wait{failed: failed + 1, until: again, err: err}
	k.mu.Unlock()
	attrs := []any{"name", i.name, "directory", k.o.Directory, "error", why, "again", again}
	if before != nil {
		k.log.Warn("the certificate could not be renewed; the old one is served until it ends", append(attrs, "expires", before.Leaf.NotAfter)...)
	} else {
		k.log.Warn("there is no certificate: who comes by this name cannot connect", attrs...)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if i.rsa {
		return err
	}
	if failed := k.store.CertificateFailed(ctx, i.name, why.Error()); failed != nil {
		k.log.Warn("why there is no certificate could not be noted", "name", i.name, "error", failed)
	}
	return err
}
