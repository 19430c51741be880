package store

import (
	"context"
	"fmt"
	"strings"
)

// kind is the type of a column, where a value comes out of JSON.
type kind int

const (
	textKind kind = iota
	intKind
	boolKind
	jsonKind
	bytesKind
)

// column is one column of a bulk write.
type column struct {
	name string
	kind kind
}

func (sqliteDialect) pick(i int, k kind) string {
	if k == bytesKind {
		return fmt.Sprintf("unhex(value ->> %d)", i)
	}
	return fmt.Sprintf("value ->> %d", i)
}

func (postgresDialect) pick(i int, k kind) string {
	value := fmt.Sprintf("value ->> %d", i)
	switch k {
	case intKind:
		return "CAST(" + value + " AS bigint)"
	case boolKind:
		return "CAST(" + value + " AS boolean)"
	case jsonKind:
		return "CAST(" + value + " AS jsonb)"
	case bytesKind:
		return "decode(" + value + ", 'hex')"
	default:
		return value
	}
}

// upsertMany inserts rows, or replaces those whose first column is there already, and gives the key of each.
// The first column is unique text; no two rows may have the same.
func (s *Store) upsertMany(ctx context.Context, tx Tx, table string, columns []column, rows [][]any) (map[string]int64, error) {
	text, err := jsonRows(rows)
	if err != nil {
		return nil, err
	}
	names, picks, sets := make([]string, len(columns)), make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i], picks[i] = c.name, s.pick(i, c.kind)
		sets[i] = c.name + " = excluded." + c.name
	}
	id := columns[0].name
	result, err := tx.Query(ctx, fmt.Sprintf(
		`INSERT INTO %s (%s) SELECT %s FROM %s WHERE TRUE ON CONFLICT (%s) DO UPDATE SET %s RETURNING %s, key`,
		table, strings.Join(names, ", "), strings.Join(picks, ", "), s.each("$1"), id, strings.Join(sets[1:], ", "), id), text)
	return keysByID(result, err)
}

// keysByID reads rows of an id and a key.
func keysByID(rows Rows, err error) (map[string]int64, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := map[string]int64{}
	for rows.Next() {
		var id string
		var key int64
		if err := rows.Scan(&id, &key); err != nil {
			return nil, err
		}
		keys[id] = key
	}
	return keys, rows.Err()
}

// findKeys gives the keys of the rows of a table that have one of the values in a column. What is absent is left out.
func (s *Store) findKeys(ctx context.Context, tx Tx, table, column string, values []string) (map[string]int64, error) {
	if len(values) == 0 {
		return nil, nil
	}
	list, err := jsonList(values)
	if err != nil {
		return nil, err
	}
	return keysByID(tx.Query(ctx, fmt.Sprintf(`SELECT %s, key FROM %s WHERE %s IN %s`, column, table, column, s.listed("$1", textKind)), list))
}

// listed is a subquery over a parameter made by jsonList.
func (s *Store) listed(param string, k kind) string {
	return "(SELECT " + s.pick(0, k) + " FROM " + s.each(param) + ")"
}

// jsonList writes texts as the one-column rows that listed reads.
func jsonList[T ~string](values []T) (string, error) {
	rows := make([][]any, len(values))
	for i, v := range values {
		rows[i] = []any{string(v)}
	}
	return jsonRows(rows)
}

// jsonBytes writes bytes as the one-column rows that listed reads.
func jsonBytes(values [][]byte) (string, error) {
	rows := make([][]any, len(values))
	for i, v := range values {
		rows[i] = []any{v}
	}
	return jsonRows(rows)
}

// jsonKeys writes keys as the one-column rows that listed reads.
func jsonKeys(keys []int64) string {
	rows := make([][]any, len(keys))
	for i, key := range keys {
		rows[i] = []any{key}
	}
	text, _ := jsonRows(rows) // numbers are always written
	return text
}
