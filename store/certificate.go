package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"heliograph/seal"
)

// Certificate is how a host name does for which nodes get certificates by ACME.
type Certificate struct {
	Name         string
	Directory    string    // URL of the authority's directory
	Listeners    []string  // that serve it: console, registration, mailbox
	WantedAt     time.Time // when a node last said that it serves the name
	Ends         time.Time // of the certificate that is kept; zero = there is none
	FailingSince time.Time // first attempt that failed after the last that did not; zero = the last one did not fail
	Reason       string    // why the last one failed, in the authority's words
}

// certificateWanted is how long after a node's last word a name counts as served. They say so every hour.
const certificateWanted = 24 * time.Hour

// Certificates lists the names that nodes serve by ACME, in alphabetical order.
func (s *Store) Certificates(ctx context.Context) (list []Certificate, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT name, directory, listeners, wanted_at, ends_at, failing_since, reason FROM certificates WHERE wanted_at > $1 ORDER BY name`,
			ms(s.now().Add(-certificateWanted)))
		list, err = all(rows, err, scanCertificate)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the certificates: %w", err)
	}
	return list, nil
}

func scanCertificate(r Row) (c Certificate, err error) {
	var wanted, ends, since int64
	var listeners string
	err = r.Scan(&c.Name, &c.Directory, &listeners, &wanted, &ends, &since, &c.Reason)
	c.Listeners, c.WantedAt, c.Ends, c.FailingSince = strings.Fields(listeners), at(wanted), at(ends), at(since)
	return c, err
}

// WantCertificates notes that this node serves these names, by these listeners, with certificates of an authority. A name
// that moves to another authority begins anew.
func (s *Store) WantCertificates(ctx context.Context, directory string, listeners map[string][]string) error {
	return s.Write(ctx, func(tx Tx) error {
		for _, name := range slices.Sorted(maps.Keys(listeners)) { // in one order, so that nodes do not lock each other out
			if err := s.wantCertificate(ctx, tx, directory, name, listeners[name]); err != nil {
				return fmt.Errorf("noting that %s is served: %w", name, err)
			}
		}
		return nil
	})
}

func (s *Store) wantCertificate(ctx context.Context, tx Tx, directory, name string, listeners []string) error {
	var others string // another node may serve it by other listeners
	err := tx.QueryRow(ctx, `SELECT listeners FROM certificates WHERE name = $1`+s.lockRows(), name).Scan(&others)
	if err != nil && !errors.Is(err, ErrNoRows) {
		return err
	}
	all := slices.Concat(strings.Fields(others), listeners)
	slices.Sort(all)
	_, err = tx.Exec(ctx, `
		INSERT INTO certificates (name, directory, listeners, wanted_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name) DO UPDATE SET directory = excluded.directory, listeners = excluded.listeners, wanted_at = excluded.wanted_at,
			ends_at = CASE WHEN certificates.directory = excluded.directory THEN certificates.ends_at ELSE 0 END,
			failing_since = CASE WHEN certificates.directory = excluded.directory THEN certificates.failing_since ELSE 0 END,
			reason = CASE WHEN certificates.directory = excluded.directory THEN certificates.reason ELSE '' END`,
		name, directory, strings.Join(slices.Compact(all), " "), ms(s.now()))
	return err
}

// TakeCertificate lets a node alone speak with the authority about a name for a while: false when another one does.
func (s *Store) TakeCertificate(ctx context.Context, name, node string, limit time.Duration) (taken bool, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		now := s.now()
		n, err := tx.Exec(ctx, `
			UPDATE certificates SET node = $1, busy_until = $2 WHERE name = $3 AND (busy_until < $4 OR node = $1)`,
			node, ms(now.Add(limit)), name, ms(now))
		taken = n > 0
		return err
	})
	return taken, err
}

// LeaveCertificate ends what TakeCertificate began.
func (s *Store) LeaveCertificate(ctx context.Context, name, node string) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE certificates SET busy_until = 0 WHERE name = $1 AND node = $2`, name, node)
		return err
	})
}

// CertificateKept notes when the certificate of a name ends, and that nothing is wrong with it.
func (s *Store) CertificateKept(ctx context.Context, name string, ends time.Time) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE certificates SET ends_at = $1, failing_since = 0, reason = '' WHERE name = $2`, ms(ends), name)
		return err
	})
}

// CertificateFailed notes why the authority gave no certificate for a name.
func (s *Store) CertificateFailed(ctx context.Context, name, reason string) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE certificates SET reason = $1, failing_since = CASE WHEN failing_since = 0 THEN $2 ELSE failing_since END WHERE name = $3`,
			reason, ms(s.now()), name)
		return err
	})
}

// acmePlace is what a value is bound to.
func acmePlace(key string) string { return "acme:" + key }

// ACMEValue is a value of a conversation with an authority. ErrNotFound when there is none.
func (s *Store) ACMEValue(ctx context.Context, key string) (value []byte, err error) {
	var sealed []byte
	err = s.Read(ctx, func(tx Tx) error {
		return notFound(tx.QueryRow(ctx, `SELECT value FROM acme_values WHERE key = $1`, key).Scan(&sealed))
	})
	if err != nil {
		return nil, err
	}
	if value, err = s.keys.Open(seal.Certificate, acmePlace(key), sealed); err != nil {
		return nil, fmt.Errorf("opening %q: %w", key, err)
	}
	return value, nil
}

// PutACMEValue keeps a value, sealed.
func (s *Store) PutACMEValue(ctx context.Context, key string, value []byte) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO acme_values (key, value, changed_at) VALUES ($1, $2, $3)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at`,
			key, s.keys.Seal(seal.Certificate, acmePlace(key), value), ms(s.now()))
		return err
	})
}

// DeleteACMEValue forgets a value; one that is not there is no error.
func (s *Store) DeleteACMEValue(ctx context.Context, key string) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM acme_values WHERE key = $1`, key)
		return err
	})
}

// acmeLeftOver is after how long an answer to a challenge was left behind by a process that died, and namesForgotten after
// how long a name that nobody serves.
const (
	acmeLeftOver   = 24 * time.Hour
	namesForgotten = 30 * 24 * time.Hour
)

// ForgetCertificates lets go of what nobody asks for any more. Certificates and accounts stay: their name may come back.
func (s *Store) ForgetCertificates(ctx context.Context) error {
	return s.Write(ctx, func(tx Tx) error {
		now := s.now()
		if _, err := tx.Exec(ctx, `DELETE FROM certificates WHERE wanted_at < $1`, ms(now.Add(-namesForgotten))); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM acme_values WHERE (key LIKE '%+http-01' OR key LIKE '%+token') AND changed_at < $1`, ms(now.Add(-acmeLeftOver)))
		return err
	})
}
