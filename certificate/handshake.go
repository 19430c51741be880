package certificate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/idna"
)

// get is the certificate for a handshake. It is got from the authority when there is none yet; who shakes hands waits.
func (k *Keeper) get(hello *tls.ClientHelloInfo, names []string) (*tls.Certificate, error) {
	name := names[0]
	if hello.ServerName != "" {
		name = plainName(hello.ServerName)
	}
	if !slices.Contains(names, name) {
		return nil, fmt.Errorf("no certificate for %q: this listener serves other names", name)
	}
	i := item{name: name, rsa: needsRSA(hello)}
	k.mu.Lock()
	have := k.have[i]
	k.mu.Unlock()
	if have != nil && k.o.Now().Before(have.Leaf.NotAfter) { // look renews it in time
		return have, nil
	}
	a := k.attempt(i)
	select {
	case <-a.done:
		return a.got, a.err
	case <-hello.Context().Done():
		return nil, fmt.Errorf("there is no certificate for %s yet", name)
	}
}

// plainName is a host name in lower case and ASCII, without the dot at its end. What is no host name stays as it is.
func plainName(name string) string {
	name = strings.TrimSuffix(name, ".")
	if ascii, err := idna.Lookup.ToASCII(name); err == nil {
		return ascii
	}
	return name
}

// serves reports whether a name is one of the Keeper's.
func (k *Keeper) serves(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, is := k.names[plainName(name)]
	return is
}

// known refuses names that are not the Keeper's; it is autocert's host policy. A port is no part of the name.
func (k *Keeper) known(_ context.Context, host string) error {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if !k.serves(host) {
		return fmt.Errorf("%q is none of the names that certificates are for", host)
	}
	return nil
}

// HTTP answers the authority's challenges by plain http, and leaves everything else to next.
func (k *Keeper) HTTP(next http.Handler) http.Handler { return k.answerer.HTTPHandler(next) }

// anyECDSA is asked whether a peer could use a certificate like it.
var anyECDSA = sync.OnceValue(func() *tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // it does not fail (crypto/rand)
	}
	return &tls.Certificate{PrivateKey: key}
})

// needsRSA reports whether a peer cannot do ECDSA.
func needsRSA(hello *tls.ClientHelloInfo) bool {
	unnamed := *hello
	unnamed.ServerName = "" // which would be compared
	return unnamed.SupportsCertificate(anyECDSA()) != nil
}
