package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

const (
	backupSetting = "backup_made_at" // in the copy that Backup makes, and nowhere else
	oidSetting    = "database_oid"   // of PostgreSQL, which another database than the one that was dumped does not share
)

// noticeRestore recognises a database that was restored from a backup. Its sequences go on at a distance then: after the
// backup was made others got the numbers that come next, and a mail system that sees a Message-ID again may drop a mail.
func (s *Store) noticeRestore(ctx context.Context, tx Tx) error {
	restored, err := s.wasRestored(ctx, tx)
	if err != nil || !restored {
		return err
	}
	var random [4]byte
	rand.Read(random[:]) //nolint:errcheck // never fails (crypto/rand)
	distance := int64(1)<<32 + int64(binary.BigEndian.Uint32(random[:]))
	_, err = tx.Exec(ctx, `UPDATE sequences SET next = next + $1`, distance)
	return err
}

func (s *Store) wasRestored(ctx context.Context, tx Tx) (bool, error) {
	if s.Postgres() == nil {
		n, err := tx.Exec(ctx, `DELETE FROM settings WHERE name = $1`, backupSetting)
		return n > 0, err
	}
	var oid int64
	if err := tx.QueryRow(ctx, `SELECT CAST(oid AS BIGINT) FROM pg_database WHERE datname = current_database()`).Scan(&oid); err != nil {
		return false, err
	}
	known, err := settingOr(ctx, tx, oidSetting)
	if err != nil || known == fmt.Sprint(oid) {
		return false, err
	}
	return known != "", putSetting(ctx, tx, oidSetting, fmt.Sprint(oid))
}
