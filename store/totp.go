package store

import (
	"context"
	"errors"

	"heliograph/access"
	"heliograph/seal"
)

// SecondFactor is the authenticator app of an account, confirmed or not; zero = there is none.
func (s *Store) SecondFactor(ctx context.Context, accountID string) (f access.SecondFactor, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		f, err = s.secondFactor(ctx, tx, accountID)
		return err
	})
	return f, err
}

func (s *Store) secondFactor(ctx context.Context, tx Tx, accountID string) (f access.SecondFactor, err error) {
	var sealed []byte
	var confirmed int64
	err = tx.QueryRow(ctx, `SELECT secret, confirmed_at, last_step FROM second_factors WHERE account = $1`, accountID).
		Scan(&sealed, &confirmed, &f.LastStep)
	if errors.Is(err, ErrNoRows) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	secret, err := s.keys.Open(seal.SecondFactor, "account:"+accountID, sealed)
	f.Secret, f.ConfirmedAt = string(secret), at(confirmed)
	return f, err
}

// BeginSecondFactor gives the secret to set an authenticator app up with. It stays the same until a code of it was shown,
// so that a page may be loaded twice. ErrConflict when the account has a second factor already.
func (s *Store) BeginSecondFactor(ctx context.Context, accountID string) (f access.SecondFactor, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		f, err = s.secondFactor(ctx, tx, accountID)
		switch {
		case err != nil:
			return err
		case !f.ConfirmedAt.IsZero():
			return ErrConflict
		case f.Secret != "":
			return nil
		}
		f.Secret = access.NewTOTPSecret()
		_, err := tx.Exec(ctx, `INSERT INTO second_factors (account, secret, created_at) VALUES ($1, $2, $3)`,
			accountID, s.keys.Seal(seal.SecondFactor, "account:"+accountID, []byte(f.Secret)), ms(s.now()))
		return err
	})
	return f, err
}

// ConfirmSecondFactor asks for the second factor from now on: a code of the time step was shown. It keeps the recovery
// codes, as hashes. ErrNotFound when none was begun, or it was confirmed before.
func (s *Store) ConfirmSecondFactor(ctx context.Context, accountID string, step int64, codes []string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		err := deleted(tx.Exec(ctx, `UPDATE second_factors SET confirmed_at = $1, last_step = $2 WHERE account = $3 AND confirmed_at = 0`,
			ms(s.now()), step, accountID))
		if err != nil {
			return err
		}
		return putRecoveryCodes(ctx, tx, accountID, codes)
	})
}

// TakeCode uses the code of a time step up, and reports whether it was there to be used: of two that come at the same
// moment, one is.
func (s *Store) TakeCode(ctx context.Context, accountID string, step int64) (taken bool, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		n, err := tx.Exec(ctx, `UPDATE second_factors SET last_step = $1 WHERE account = $2 AND last_step < $1 AND confirmed_at > 0`, step, accountID)
		taken = n == 1
		return err
	})
	return taken, err
}

// NewRecoveryCodes replaces the recovery codes of an account.
func (s *Store) NewRecoveryCodes(ctx context.Context, accountID string, codes []string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error { return putRecoveryCodes(ctx, tx, accountID, codes) })
}

func putRecoveryCodes(ctx context.Context, tx Tx, accountID string, codes []string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE account = $1`, accountID); err != nil {
		return err
	}
	for _, code := range codes {
		_, err := tx.Exec(ctx, `INSERT INTO recovery_codes (account, code_hash) VALUES ($1, $2)`, accountID, access.HashRecoveryCode(accountID, code))
		if err != nil {
			return err
		}
	}
	return nil
}

// TakeRecoveryCode uses a recovery code up, and reports whether there was one. The entries are written only then.
func (s *Store) TakeRecoveryCode(ctx context.Context, accountID, code string, entries ...access.Entry) (taken bool, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE account = $1 AND code_hash = $2`, accountID, access.HashRecoveryCode(accountID, code))
		if taken = n == 1; err != nil || !taken {
			return err
		}
		return s.audit(ctx, tx, entries...)
	})
	return taken, err
}

// RecoveryCodesLeft counts the codes that were not used.
func (s *Store) RecoveryCodesLeft(ctx context.Context, accountID string) (n int, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM recovery_codes WHERE account = $1`, accountID).Scan(&n)
	})
	return n, err
}

// RemoveSecondFactor asks for the password alone from now on. An account without one is fine.
func (s *Store) RemoveSecondFactor(ctx context.Context, accountID string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		for _, table := range []string{"second_factors", "recovery_codes"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE account = $1`, accountID); err != nil {
				return err
			}
		}
		return nil
	})
}
