package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"heliograph/seal"
)

// Settings about the key file. Which keys are in use is said here, once for all nodes, and not in the file: a new key
// is put in use when every node knows it.
const (
	fingerprintSetting = "key_fingerprint" // id of the index key in use
	sealingSetting     = "key_sealing"     // id of the sealing key in use
	indexSinceSetting  = "key_index_since" // milliseconds since when the index key is in use; absent = it is the first one
)

// KeyError says that the key file and the database do not fit together.
type KeyError struct{ text string }

func (e *KeyError) Error() string { return e.text }

// UseKeys gives the store the keys of its secrets, after comparing them with what the database knows of them. Keys that
// do not belong to it are *KeyError.
func (s *Store) UseKeys(ctx context.Context, keys *seal.Keys) error {
	return s.Write(ctx, func(tx Tx) error {
		inUse, err := keysInUse(ctx, tx)
		if err != nil {
			return err
		}
		if inUse.Index == "" {
			inUse.Index = keys.Fingerprint()
			if err := putSetting(ctx, tx, fingerprintSetting, string(inUse.Index)); err != nil {
				return err
			}
		}
		if inUse.Sealing == "" {
			inUse.Sealing = keys.Seals()
			if err := putSetting(ctx, tx, sealingSetting, string(inUse.Sealing)); err != nil {
				return err
			}
		}
		if !keys.Use(inUse.Sealing, inUse.Index) {
			return inUse.refuse(keys)
		}
		s.keys = keys
		return nil
	})
}

// KeysInUse are the keys that all nodes seal and hash with.
type KeysInUse struct{ Sealing, Index seal.KeyID }

// refuse says why keys do not fit.
func (u KeysInUse) refuse(keys *seal.Keys) error {
	if !slices.Contains(keys.Index(), u.Index) {
		return &KeyError{fmt.Sprintf("this key file (fingerprint %s) does not belong to this database (fingerprint %s): its secrets would not open. Use the key file that was made with the database, as it was after its last rotation", keys.Fingerprint(), u.Index)}
	}
	return &KeyError{fmt.Sprintf("this key file is older than the last rotation: the database's secrets are sealed with the key %s, which it lacks. Copy the key file from a node that has it", u.Sealing)}
}

func keysInUse(ctx context.Context, tx Tx) (u KeysInUse, err error) {
	index, err := settingOr(ctx, tx, fingerprintSetting)
	if err != nil {
		return u, err
	}
	sealing, err := settingOr(ctx, tx, sealingSetting)
	return KeysInUse{Sealing: seal.KeyID(sealing), Index: seal.KeyID(index)}, err
}

// settingOr reads a setting; empty when it was never set.
func settingOr(ctx context.Context, tx Tx, name string) (string, error) {
	value, err := setting(ctx, tx, name)
	if errors.Is(err, ErrNoRows) {
		return "", nil
	}
	return value, err
}

// HasKeys reports whether a key file belongs to the database already, so that a new one must not be made.
func (s *Store) HasKeys(ctx context.Context) (has bool, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		value, err := settingOr(ctx, tx, fingerprintSetting)
		has = value != ""
		return err
	})
	return has, err
}

// TakeKeys takes the keys of a file that was read again. It reports false, and changes nothing, when it lacks those in use.
func (s *Store) TakeKeys(read *seal.Keys) bool { return s.keys.Take(read) }

// Keys are the keys that the store was given.
func (s *Store) Keys() *seal.Keys { return s.keys }
