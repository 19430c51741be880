package app

import (
	"crypto/tls"
	"crypto/x509"
	"sync"

	"heliograph/console"
)

// served are the certificates that this process's listeners serve, by listener. Its zero value works.
type served struct {
	mu   sync.Mutex
	what []string
	by   map[string]*tls.Config
}

// add notes what a listener serves; nil = it speaks without TLS.
func (s *served) add(listener string, config *tls.Config) {
	if config == nil || config.GetCertificate == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[string]*tls.Config{}
	}
	if s.by[listener] == nil {
		s.what = append(s.what, listener)
	}
	s.by[listener] = config
}

// list is what they serve now: files are read again when they change.
func (s *served) list() (list []console.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, listener := range s.what {
		pair, err := s.by[listener].GetCertificate(&tls.ClientHelloInfo{})
		if err != nil || pair.Leaf == nil {
			continue
		}
		list = append(list, console.Certificate{Listener: listener, Name: nameOf(pair.Leaf), Ends: pair.Leaf.NotAfter})
	}
	return list
}

// nameOf is what a certificate is for: its first name, or address.
func nameOf(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	}
	return c.Subject.CommonName
}
