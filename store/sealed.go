package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"heliograph/fleet"
	"heliograph/mailbox"
	"heliograph/seal"
)

// sealedColumn is a column whose values are sealed. Every one of them stands in sealedColumns: rotation, doctor and the
// proof that nothing lies in the open go by that list.
type sealedColumn struct {
	table, key, column string
	textKey            bool // the key is text, not a number
	purpose            seal.Purpose
	owner              string                     // another column, of bytes, that place needs; "" = none
	place              func(row sealedRow) string // what a value is bound to
	hash               *sealedHash                // nil = its values are never looked for
}

// sealedHash is the column by which equal values are found.
type sealedHash struct {
	column string
	beside []string // other columns, of texts and numbers, that the hash is of
	of     func(k *seal.Keys, secret []byte, row sealedRow) []byte
}

// sealedColumns lists every column of sealed values.
var sealedColumns = []sealedColumn{
	{
		table: "push_tokens", key: "device_key", column: "token", purpose: seal.PushToken,
		place: func(row sealedRow) string { return "device:" + row.key },
		hash: &sealedHash{column: "token_hash", of: func(k *seal.Keys, secret []byte, _ sealedRow) []byte {
			return k.Hash(seal.PushToken, secret)
		}},
	},
	{
		table: "servers", key: "id", textKey: true, column: "settings", purpose: seal.Server,
		place: func(row sealedRow) string { return "server:" + row.key },
	},
	{
		table: "second_factors", key: "account", textKey: true, column: "secret", purpose: seal.SecondFactor,
		place: func(row sealedRow) string { return "account:" + row.key },
	},
	{
		table: "account_sessions", key: "id", textKey: true, column: "id_token", purpose: seal.IDToken,
		place: func(row sealedRow) string { return "session:" + row.key },
	},
	{
		table: "identity_providers", key: "id", column: "secret", purpose: seal.Provider,
		place: func(row sealedRow) string { return "provider:" + row.key },
	},
	{
		table: "registrations", key: "key", column: "token", purpose: seal.MailToken, owner: "id",
		place: func(row sealedRow) string { return registrationPlace(row.registration()) },
		hash:  &sealedHash{column: "token_hash", beside: []string{"platform", "app", "environment"}, of: mailTokenHash},
	},
	{
		table: "acme_values", key: "key", textKey: true, column: "value", purpose: seal.Certificate,
		place: func(row sealedRow) string { return acmePlace(row.key) },
	},
}

// mailTokenHash is how the token of a registration is recognised.
func mailTokenHash(k *seal.Keys, secret []byte, row sealedRow) []byte {
	platform, _ := strconv.ParseUint(row.beside[0], 10, 8) // a small number, by its column
	return mailTokenHashes(k, mailbox.NewToken{
		Platform: mailbox.Platform(platform), App: row.beside[1], Environment: fleet.Environment(row.beside[2]), Token: unpackToken(secret),
	})[0]
}

// heardHash is a column of keyed hashes whose secret is stored nowhere: a row gets its new hash when its secret is heard
// again. Until then the old index key has to stay.
type heardHash struct {
	table, column string
	heard         string // column with the time when it was last heard
}

var heardHashes = []heardHash{
	{table: "subscriptions", column: "id_hash", heard: "heard_at"},
}

func (c sealedColumn) name() string { return c.table + "." + c.column }

// sealedRow is one sealed value where it lies.
type sealedRow struct {
	key    string
	sealed []byte
	owner  []byte
	hash   []byte
	beside []string
}

func (r sealedRow) registration() (id mailbox.RegistrationID) {
	copy(id[:], r.owner)
	return id
}

// sealedPage reads the rows after a key, in the order of their keys; "" begins.
func (s *Store) sealedPage(ctx context.Context, c sealedColumn, after string, limit int) (list []sealedRow, err error) {
	columns := []string{c.key, c.column, cmp.Or(c.owner, "NULL"), "NULL"}
	if c.hash != nil {
		columns[3] = c.hash.column
		for _, other := range c.hash.beside {
			columns = append(columns, "CAST("+other+" AS TEXT)")
		}
	}
	query := fmt.Sprintf(`SELECT %s FROM %s WHERE %s > $1 AND %s IS NOT NULL ORDER BY %s LIMIT $2`,
		strings.Join(columns, ", "), c.table, c.key, c.column, c.key)
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, query, c.keyValue(after), limit)
		list, err = all(rows, err, c.scan)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the sealed values of %s: %w", c.name(), err)
	}
	return list, nil
}

// keyValue is a key as the database compares it.
func (c sealedColumn) keyValue(key string) any {
	if c.textKey {
		return key
	}
	n, err := strconv.ParseInt(key, 10, 64)
	if err != nil { // "", before all others
		return int64(-1 << 62)
	}
	return n
}

func (c sealedColumn) scan(r Row) (row sealedRow, err error) {
	var number int64
	into := []any{&number, &row.sealed, &row.owner, &row.hash}
	if c.textKey {
		into[0] = &row.key
	}
	if c.hash != nil {
		row.beside = make([]string, len(c.hash.beside))
		for i := range row.beside {
			into = append(into, &row.beside[i])
		}
	}
	if err := r.Scan(into...); err != nil {
		return row, err
	}
	if !c.textKey {
		row.key = strconv.FormatInt(number, 10)
	}
	return row, nil
}

// SealedCount says what the sealed values of one column are sealed with.
type SealedCount struct {
	Place    string // table.column
	Rows     int64
	ByKey    map[seal.KeyID]int64
	Unopened int64  // rows that do not open with these keys
	First    string // key of the first of those
	OldHash  int64  // rows that are found by another index key than the one in use
}

// SealedCounts opens every sealed value once, page by page, and keeps none.
func (s *Store) SealedCounts(ctx context.Context) (list []SealedCount, err error) {
	for _, c := range sealedColumns {
		count, err := s.sealedCount(ctx, c)
		if err != nil {
			return nil, err
		}
		list = append(list, count)
	}
	return list, nil
}

func (s *Store) sealedCount(ctx context.Context, c sealedColumn) (SealedCount, error) {
	count := SealedCount{Place: c.name(), ByKey: map[seal.KeyID]int64{}}
	for after := ""; ; {
		rows, err := s.sealedPage(ctx, c, after, sealedPageSize)
		if err != nil || len(rows) == 0 {
			return count, err
		}
		for _, row := range rows {
			s.count(&count, c, row)
		}
		after = rows[len(rows)-1].key
	}
}

func (s *Store) count(count *SealedCount, c sealedColumn, row sealedRow) {
	if len(row.sealed) == 0 { // what was deleted left an empty value
		return
	}
	count.Rows++
	count.ByKey[seal.KeyOf(row.sealed)]++
	secret, err := s.keys.Open(c.purpose, c.place(row), row.sealed)
	switch {
	case err != nil:
		if count.Unopened == 0 {
			count.First = row.key
		}
		count.Unopened++
	case c.hash != nil && !bytes.Equal(row.hash, c.hash.of(s.keys, secret, row)):
		count.OldHash++
	}
}

// UnheardHashes counts the rows that may still have a hash of an older index key, because their secret was not heard
// since the one in use took its place.
func (s *Store) UnheardHashes(ctx context.Context) (n int64, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		since, err := settingOr(ctx, tx, indexSinceSetting)
		if err != nil || since == "" {
			return err
		}
		when, err := strconv.ParseInt(since, 10, 64)
		if err != nil {
			return fmt.Errorf("setting %s is not a time", indexSinceSetting)
		}
		for _, h := range heardHashes {
			var found int64
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM `+h.table+` WHERE `+h.heard+` < $1`, when).Scan(&found); err != nil {
				return err
			}
			n += found
		}
		return nil
	})
	return n, err
}

// SealedPlaces lists the columns of sealed values as table.column.
func SealedPlaces() (list []string) {
	for _, c := range sealedColumns {
		list = append(list, c.name())
	}
	return list
}
