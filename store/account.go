package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/google/uuid"

	"heliograph/access"
)

// LinkLifetime is how long a one-time link works.
const LinkLifetime = 24 * time.Hour

// HasAccounts reports whether anybody could sign in, so that a first start can make the first administrator.
func (s *Store) HasAccounts(ctx context.Context) (has bool, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM accounts)`).Scan(&has)
	})
	return has, err
}

// CreateAccount makes an account without a password: a link sets it. ErrConflict when the name is taken, whatever its
// case.
func (s *Store) CreateAccount(ctx context.Context, name string, role access.Role) (a access.Account, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return a, err
	}
	return s.AddAccount(ctx, access.Account{ID: id.String(), Name: name, Role: role, Scope: access.Everything})
}

func accountName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// Account finds an account by its id.
func (s *Store) Account(ctx context.Context, id string) (access.Account, error) {
	return s.accountWhere(ctx, "id = $1", id)
}

// AccountByName finds an account by what it signs in with; case does not matter.
func (s *Store) AccountByName(ctx context.Context, name string) (access.Account, error) {
	return s.accountWhere(ctx, "name = $1", accountName(name))
}

func (s *Store) accountWhere(ctx context.Context, condition string, args ...any) (a access.Account, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		a, err = account(ctx, tx, condition, args...)
		return err
	})
	return a, err
}

const accountColumns = `id, name, role, limited, mail, mobile, receives_alerts, password_hash, created_at, last_sign_in, language, time_zone`

// scanAccount reads all but the groups that an account is limited to.
func scanAccount(r Row) (a access.Account, limited bool, err error) {
	var created, signedIn int64
	err = r.Scan(&a.ID, &a.Name, &a.Role, &limited, &a.Mail, &a.Mobile, &a.Alerts, &a.PasswordHash, &created, &signedIn, &a.Language, &a.Zone)
	a.CreatedAt, a.LastSignIn = at(created), at(signedIn)
	return a, limited, err
}

func account(ctx context.Context, tx Tx, condition string, args ...any) (access.Account, error) {
	a, limited, err := scanAccount(tx.QueryRow(ctx, `
		SELECT `+accountColumns+` FROM accounts WHERE `+condition, args...))
	if err != nil {
		return a, notFound(err)
	}
	a.Scope, a.Groups, err = accountGroups.scope(ctx, tx, a.ID, limited)
	return a, err
}

// NewLink makes a one-time link that sets the account's password, and gives its secret, which is not kept. Older links
// of the account stop working.
func (s *Store) NewLink(ctx context.Context, accountID string, entries ...access.Entry) (secret string, err error) {
	secret = rand.Text()
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		if _, err := account(ctx, tx, "id = $1", accountID); err != nil {
			return err
		}
		if err := dropLinks(ctx, tx, accountID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO account_links (secret_hash, account, expires_at) VALUES ($1, $2, $3)`,
			hashLink(secret), accountID, ms(s.now().Add(LinkLifetime)))
		return err
	})
	return secret, err
}

// hashLink is what is kept of a link's secret. The secret has 128 random bits, so a plain hash is enough.
func hashLink(secret string) []byte {
	sum := sha256.Sum256([]byte("account link " + secret))
	return sum[:]
}

func dropLinks(ctx context.Context, tx Tx, accountID string) error {
	_, err := tx.Exec(ctx, `DELETE FROM account_links WHERE account = $1`, accountID)
	return err
}

const linkCondition = `id = (SELECT account FROM account_links WHERE secret_hash = $1 AND expires_at > $2)`

// AccountByLink finds the account that a link belongs to, and leaves the link as it is. ErrNotFound when the link was
// used, replaced or has expired.
func (s *Store) AccountByLink(ctx context.Context, secret string) (access.Account, error) {
	return s.accountWhere(ctx, linkCondition, hashLink(secret), ms(s.now()))
}

// SetPasswordByLink gives the account of a link a password, as its hash in PHC form, uses the link up, and ends the
// account's sessions. ErrNotFound as for AccountByLink.
func (s *Store) SetPasswordByLink(ctx context.Context, secret, hash string, entries ...access.Entry) (a access.Account, err error) {
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		if a, err = account(ctx, tx, linkCondition, hashLink(secret), ms(s.now())); err != nil {
			return err
		}
		if err := dropLinks(ctx, tx, a.ID); err != nil {
			return err
		}
		if err := endSessions(ctx, tx, a.ID, ""); err != nil {
			return err
		}
		a.PasswordHash = hash
		_, err := tx.Exec(ctx, `UPDATE accounts SET password_hash = $1 WHERE id = $2`, hash, a.ID)
		return err
	})
	return a, err
}

// SetPassword gives an account a password, as its hash in PHC form, and ends its sessions but one; "" = all. Links that
// would set another stop working.
func (s *Store) SetPassword(ctx context.Context, accountID, hash, keep string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		if err := dropLinks(ctx, tx, accountID); err != nil {
			return err
		}
		if err := endSessions(ctx, tx, accountID, keep); err != nil {
			return err
		}
		return deleted(tx.Exec(ctx, `UPDATE accounts SET password_hash = $1 WHERE id = $2`, hash, accountID))
	})
}

// SetLanguage keeps how the console speaks to an account: a language and a time zone, each empty for its browser's.
func (s *Store) SetLanguage(ctx context.Context, accountID, language, zone string) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE accounts SET language = $1, time_zone = $2 WHERE id = $3`, language, zone, accountID)
		return err
	})
}
