package store

import (
	"context"
	"errors"
	"fmt"

	"heliograph/access"
)

// ErrLastAdministrator says that without this account nobody could administer any more. It is a conflict.
var ErrLastAdministrator = fmt.Errorf("this is the last administrator who can sign in: %w", ErrConflict)

// AddAccount makes an account without a password, with all that an administrator says about it. ErrConflict when the
// name is taken, whatever its case.
func (s *Store) AddAccount(ctx context.Context, a access.Account, entries ...access.Entry) (access.Account, error) {
	a, err := s.newAccount(a)
	if err != nil {
		return a, err
	}
	err = s.WriteAudited(ctx, entries, func(tx Tx) error { return addAccount(ctx, tx, a) })
	return a, err
}

func (s *Store) newAccount(a access.Account) (access.Account, error) {
	a.Name, a.CreatedAt = accountName(a.Name), at(ms(s.now()))
	if a.Name == "" || len(a.Name) > 128 {
		return a, errors.New("the name of an account has 1 to 128 characters")
	}
	return a, nil
}

func addAccount(ctx context.Context, tx Tx, a access.Account) error {
	_, err := tx.Exec(ctx, `
			INSERT INTO accounts (id, name, role, limited, mail, mobile, receives_alerts, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		a.ID, a.Name, string(a.Role), !a.Scope.All(), a.Mail, a.Mobile, a.Alerts, ms(a.CreatedAt))
	if isUnique(err) {
		return nameTaken("an account")
	}
	if err != nil {
		return err
	}
	return accountGroups.save(ctx, tx, a.ID, a.Scope)
}

// UpdateAccount replaces what an administrator says about an account: role, groups, mail, mobile and alerts. Sessions go
// on with the new role from their next request. ErrLastAdministrator when it would leave none.
func (s *Store) UpdateAccount(ctx context.Context, a access.Account, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		if a.Role != access.Administrator {
			if err := s.anotherAdministrator(ctx, tx, a.ID); err != nil {
				return err
			}
		}
		err := deleted(tx.Exec(ctx, `
			UPDATE accounts SET role = $2, limited = $3, mail = $4, mobile = $5, receives_alerts = $6 WHERE id = $1`,
			a.ID, string(a.Role), !a.Scope.All(), a.Mail, a.Mobile, a.Alerts))
		if err != nil {
			return err
		}
		return accountGroups.save(ctx, tx, a.ID, a.Scope)
	})
}

// DeleteAccount deletes an account with its links and the API tokens that it made: a token never has more than its
// maker. Its sessions end with their next request. ErrLastAdministrator as for UpdateAccount.
func (s *Store) DeleteAccount(ctx context.Context, id string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		if err := s.anotherAdministrator(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM api_tokens WHERE maker = $1`, id); err != nil {
			return err
		}
		return deleted(tx.Exec(ctx, `DELETE FROM accounts WHERE id = $1`, id))
	})
}

// anotherAdministrator is ErrLastAdministrator when an account is an administrator, and no other one has ever been able
// to sign in: whoever was only sent a link may never use it. Administrators are locked, so that two cannot demote each
// other at the same moment.
func (s *Store) anotherAdministrator(ctx context.Context, tx Tx, id string) error {
	rows, err := tx.Query(ctx, `SELECT id, password_hash <> '' OR last_sign_in > 0 FROM accounts WHERE role = $1 ORDER BY id`+s.lockRows(), string(access.Administrator))
	is, others := false, 0
	_, err = all(rows, err, func(r Row) (struct{}, error) {
		var one string
		var able bool
		err := r.Scan(&one, &able)
		switch {
		case one == id:
			is = true
		case able:
			others++
		}
		return struct{}{}, err
	})
	if err == nil && is && others == 0 {
		return ErrLastAdministrator
	}
	return err
}

// ListAccounts lists accounts, newest first. Their ids are in the order of time.
func (s *Store) ListAccounts(ctx context.Context, p Page) (list []access.Account, next string, err error) {
	q := s.query()
	if err := q.after(p); err != nil {
		return nil, "", err
	}
	err = s.Read(ctx, func(tx Tx) error {
		var limited []bool
		rows, err := tx.Query(ctx, `SELECT `+accountColumns+` FROM accounts WHERE `+q.clause()+newestIDs(p), q.args...)
		list, err = all(rows, err, func(r Row) (access.Account, error) {
			a, isLimited, err := scanAccount(r)
			limited = append(limited, isLimited)
			return a, err
		})
		for i := range list {
			if err == nil {
				list[i].Scope, list[i].Groups, err = accountGroups.scope(ctx, tx, list[i].ID, limited[i])
			}
		}
		return err
	})
	list, next = cut(p, list, func(a access.Account) ([]string, int64) { return []string{a.ID}, 0 })
	return list, next, err
}

// AlertRecipients are the administrators who are told when something breaks, by mail, by text message or both.
func (s *Store) AlertRecipients(ctx context.Context) (list []access.AlertRecipient, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT mail, mobile, language FROM accounts WHERE receives_alerts AND (mail <> '' OR mobile <> '') ORDER BY id`)
		list, err = all(rows, err, func(r Row) (a access.AlertRecipient, err error) {
			err = r.Scan(&a.Mail, &a.Mobile, &a.Language)
			return a, err
		})
		return err
	})
	return list, err
}
