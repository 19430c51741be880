package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"golang.org/x/crypto/acme/autocert"
)

// cache is autocert's shelf in the store. Each authority has a part of its own: who tries one that is for trying gets
// certificates anew from the one that counts.
type cache struct {
	store     Store
	directory string
	notFound  error
	log       *slog.Logger
}

func (c *cache) key(key string) string { return c.directory + " " + key }

// Get implements autocert.Cache.
func (c *cache) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := c.store.ACMEValue(ctx, c.key(key))
	if errors.Is(err, c.notFound) {
		return nil, autocert.ErrCacheMiss
	}
	return value, err
}

// Put implements autocert.Cache.
func (c *cache) Put(ctx context.Context, key string, data []byte) error {
	return c.store.PutACMEValue(ctx, c.key(key), data)
}

// Delete implements autocert.Cache. What cannot be deleted is forgotten after a day.
func (c *cache) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	return c.store.DeleteACMEValue(ctx, c.key(key))
}

// certificate is one that is kept and has not ended. ErrCacheMiss when there is none.
func (c *cache) certificate(ctx context.Context, i item) (*tls.Certificate, error) {
	data, err := c.Get(ctx, i.key())
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(data, data) // autocert writes both into one text of PEM
	if err != nil {
		return nil, fmt.Errorf("what is kept is no certificate with its key: %w", err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, err
		}
	}
	if time.Now().After(pair.Leaf.NotAfter) || pair.Leaf.VerifyHostname(i.name) != nil {
		return nil, autocert.ErrCacheMiss
	}
	return &pair, nil
}

// answers is what strangers may ask the cache for: answers to challenges. They hear nothing of what is wrong with it.
type answers struct{ *cache }

// answerKey is how autocert calls an answer: a name, or a token (RFC 8555 section 8.1, base64url).
var answerKey = regexp.MustCompile(`^([a-z0-9.-]{1,253}\+token|[A-Za-z0-9_-]{8,200}\+http-01)$`)

// Get implements autocert.Cache.
func (a answers) Get(ctx context.Context, key string) ([]byte, error) {
	if !answerKey.MatchString(key) {
		return nil, autocert.ErrCacheMiss
	}
	value, err := a.cache.Get(ctx, key)
	if err != nil && !errors.Is(err, autocert.ErrCacheMiss) {
		a.log.Warn("the answer to an authority's challenge could not be read", "error", err)
	}
	if err != nil {
		return nil, autocert.ErrCacheMiss
	}
	return value, nil
}

// shelf is the cache of one conversation. It hides the certificate that is to be renewed until show: autocert gets one
// when there is none.
type shelf struct {
	*cache
	hidden string

	mu    sync.Mutex
	shown bool
	err   error
}

// Get implements autocert.Cache.
func (s *shelf) Get(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	hidden := key == s.hidden && !s.shown
	s.mu.Unlock()
	if hidden {
		return nil, autocert.ErrCacheMiss
	}
	return s.cache.Get(ctx, key)
}

// Put implements autocert.Cache. That a certificate could not be kept is what autocert does not tell.
func (s *shelf) Put(ctx context.Context, key string, data []byte) error {
	err := s.cache.Put(ctx, key, data)
	if key == s.hidden {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return err
}

func (s *shelf) show() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = true
}

func (s *shelf) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
