package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"heliograph/access"
	"heliograph/seal"
)

// There is one OpenID provider at most.
const (
	providerKey   = 1
	providerPlace = "provider:1"
)

// IdentityProvider reads the OpenID provider with its secret. ErrNotFound when none was set up.
func (s *Store) IdentityProvider(ctx context.Context) (p access.IdentityProvider, err error) {
	var settings string
	var sealed []byte
	err = s.Read(ctx, func(tx Tx) error {
		return notFound(tx.QueryRow(ctx, `SELECT settings, secret FROM identity_providers WHERE id = $1`, providerKey).Scan(&settings, &sealed))
	})
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal([]byte(settings), &p); err != nil {
		return p, fmt.Errorf("reading the OpenID provider's settings: %w", err)
	}
	if len(sealed) > 0 {
		secret, err := s.keys.Open(seal.Provider, providerPlace, sealed)
		if err != nil {
			return p, fmt.Errorf("opening the OpenID provider's secret: %w", err)
		}
		p.Secret = string(secret)
	}
	return p, nil
}

// PutIdentityProvider keeps the OpenID provider, with its secret.
func (s *Store) PutIdentityProvider(ctx context.Context, p access.IdentityProvider, entries ...access.Entry) error {
	settings, err := json.Marshal(p)
	if err != nil {
		return err
	}
	sealed := []byte{}
	if p.Secret != "" {
		sealed = s.keys.Seal(seal.Provider, providerPlace, []byte(p.Secret))
	}
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO identity_providers (id, settings, secret, updated_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (id) DO UPDATE SET settings = excluded.settings, secret = excluded.secret, updated_at = excluded.updated_at`,
			providerKey, string(settings), sealed, ms(s.now()))
		return err
	})
}

// DeleteIdentityProvider forgets the OpenID provider. Who its people are here stays: it may come back.
func (s *Store) DeleteIdentityProvider(ctx context.Context, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		return deleted(tx.Exec(ctx, `DELETE FROM identity_providers WHERE id = $1`, providerKey))
	})
}

// AccountByIdentity finds the account of somebody at a provider. managed: its role follows their groups there.
// ErrNotFound when they have none.
func (s *Store) AccountByIdentity(ctx context.Context, issuer, subject string) (a access.Account, managed bool, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		var id string
		err := tx.QueryRow(ctx, `SELECT account, managed FROM account_identities WHERE issuer = $1 AND subject = $2`, issuer, subject).Scan(&id, &managed)
		if err != nil {
			return notFound(err)
		}
		a, err = account(ctx, tx, "id = $1", id)
		return err
	})
	return a, managed, err
}

// AddIdentityAccount makes the account of somebody who signed in at a provider for the first time. Its role follows their
// groups there. ErrConflict when the name or the identity is taken.
func (s *Store) AddIdentityAccount(ctx context.Context, a access.Account, i access.Identity, entries ...access.Entry) (access.Account, error) {
	a, err := s.newAccount(a)
	if err != nil {
		return a, err
	}
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		if err := addAccount(ctx, tx, a); err != nil {
			return err
		}
		return connect(ctx, tx, a.ID, i, true)
	})
	return a, err
}

func connect(ctx context.Context, tx Tx, accountID string, i access.Identity, managed bool) error {
	_, err := tx.Exec(ctx, `INSERT INTO account_identities (issuer, subject, account, managed) VALUES ($1, $2, $3, $4)`,
		i.Issuer, i.Subject, accountID, managed)
	if isUnique(err) {
		return fmt.Errorf("this identity belongs to an account already: %w", ErrConflict)
	}
	return err
}

// HasIdentity reports whether an account is somebody's at a provider.
func (s *Store) HasIdentity(ctx context.Context, issuer, accountID string) (has bool, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM account_identities WHERE issuer = $1 AND account = $2)`, issuer, accountID).Scan(&has)
	})
	return has, err
}

// Connect lets somebody sign in to an account at a provider. ErrConflict when they have another account there.
func (s *Store) Connect(ctx context.Context, accountID string, i access.Identity, managed bool, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error { return connect(ctx, tx, accountID, i, managed) })
}

// Disconnect ends that an account is somebody's at a provider. An account that the provider made goes on to be its own.
func (s *Store) Disconnect(ctx context.Context, issuer, accountID string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		return deleted(tx.Exec(ctx, `DELETE FROM account_identities WHERE issuer = $1 AND account = $2 AND NOT managed`, issuer, accountID))
	})
}

const (
	localSignInSetting  = "sign_in.local"
	secondFactorSetting = "sign_in.second_factor"
)

// SignInPolicy reads who must show what to sign in with a password.
func (s *Store) SignInPolicy(ctx context.Context) (p access.Policy, err error) {
	p = access.DefaultPolicy
	err = s.Read(ctx, func(tx Tx) error {
		return errors.Join(settingInto(ctx, tx, localSignInSetting, &p.Local), settingInto(ctx, tx, secondFactorSetting, &p.SecondFactor))
	})
	return p, err
}

// settingInto leaves what was never set as it is.
func settingInto[T ~string](ctx context.Context, tx Tx, name string, into *T) error {
	value, err := setting(ctx, tx, name)
	if errors.Is(err, ErrNoRows) {
		return nil
	}
	if err == nil {
		*into = T(value)
	}
	return err
}

// PutSignInPolicy changes it.
func (s *Store) PutSignInPolicy(ctx context.Context, p access.Policy, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		if err := putSetting(ctx, tx, localSignInSetting, string(p.Local)); err != nil {
			return err
		}
		return putSetting(ctx, tx, secondFactorSetting, string(p.SecondFactor))
	})
}
