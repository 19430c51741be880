package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"modernc.org/sqlite"
)

// sqliteEngine has one connection that writes, for SQLite has one writer, and some that read beside it (WAL).
type sqliteEngine struct {
	sqliteDialect
	writer  *sql.DB
	readers *sql.DB

	together      together
	writes, reads sync.Map // *sql.Stmt by text, of what runs all the time: see prepared
	start         *atStart // of connections that write
	roster        atomic.Pointer[roster]
}

// register makes the functions that our queries use known to every SQLite connection.
var register = func() error {
	return sqlite.RegisterDeterministicScalarFunction("heliograph_number", 1, sqliteNumber)
}()

// sqliteNumber reads a number as PostgreSQL's side does (see postgresDialect.number).
func sqliteNumber(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	switch v := args[0].(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case string:
		return parseNumber(v), nil
	}
	return nil, nil
}

// parseNumber takes plain decimal numbers only: no exponent, no hexadecimal, no "inf".
func parseNumber(text string) driver.Value {
	text = strings.TrimSpace(text)
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 || strings.Trim(digits, "0123456789.") != "" || strings.HasPrefix(digits, ".") || strings.HasSuffix(digits, ".") {
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	return f
}

func openSQLite(path string) (*sqliteEngine, error) {
	if err := errors.Join(register, registerRoster()); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the database: %w", err)
	}
	if err := makePrivate(path); err != nil {
		return nil, fmt.Errorf("making the database: %w", err)
	}
	// synchronous=FULL: what was committed survives a power failure. Without it WAL may forget the last commits.
	start := &atStart{}
	writer, err := openKept(dsn(path, writerCache, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)")+"&_txlock=immediate", start)
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	readers, err := openKept(dsn(path, readerCache, "query_only(1)"), nil)
	if err != nil {
		writer.Close()
		return nil, err
	}
	readers.SetMaxOpenConns(max(4, 2*runtime.NumCPU()))
	readers.SetMaxIdleConns(4)
	return &sqliteEngine{writer: writer, readers: readers, start: start}, nil
}

// makePrivate makes the file of a new database, which nobody else on the machine may read: names and addresses stand in it
// in the clear. SQLite gives the files beside it the same mode. One that is there keeps its own.
func makePrivate(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// How many KiB of pages each connection keeps. What writes keeps the inner pages of the indexes of millions of
// deliveries; what reads has the system's cache behind it, and there are several of them.
const (
	writerCache = "cache_size(-12288)"
	readerCache = "cache_size(-4096)"
)

func dsn(path string, pragmas ...string) string {
	query := url.Values{"_pragma": append([]string{fmt.Sprintf("busy_timeout(%d)", longWait.Milliseconds())}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
}

// prepared is a statement that stays prepared: parsing costs more than running it.
func prepared(ctx context.Context, db *sql.DB, known *sync.Map, text string) (*sql.Stmt, error) {
	if s, ok := known.Load(text); ok {
		return s.(*sql.Stmt), nil //nolint:forcetypeassert // nothing else is stored
	}
	made, err := db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	if before, loaded := known.LoadOrStore(text, made); loaded {
		made.Close()                   //nolint:errcheck // somebody was quicker
		return before.(*sql.Stmt), nil //nolint:forcetypeassert // likewise
	}
	return made, nil
}

// ask reads by a statement that stays prepared, without a transaction around it. It is not interrupted: each ctx that can
// end costs a goroutine, and what is asked so is asked of an index.
func (e *sqliteEngine) ask(ctx context.Context, text string, args ...any) (Rows, error) {
	ctx = context.WithoutCancel(ctx)
	statement, err := prepared(ctx, e.readers, &e.reads, text)
	if err != nil {
		return nil, err
	}
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	return sqliteRows{rows}, nil
}

// atEachStart runs statements on the connection that writes, and on each that takes its place.
func (e *sqliteEngine) atEachStart(ctx context.Context, text string) error {
	e.start.text.Store(&text)
	_, err := e.writer.ExecContext(ctx, text)
	return err
}

func (e *sqliteEngine) close() {
	if r := e.roster.Load(); r != nil {
		rosters.Delete(r.number)
	}
	e.readers.Close()
	e.writer.Close()
}

func (e *sqliteEngine) ping(ctx context.Context) error { return e.readers.PingContext(ctx) }

func (e *sqliteEngine) read(ctx context.Context, do func(Tx) error) error {
	return inTx(ctx, e.readers, &sql.TxOptions{ReadOnly: true}, do)
}

// beginner is a database, or one connection of it.
type beginner interface {
	BeginTx(ctx context.Context, o *sql.TxOptions) (*sql.Tx, error)
}

func inTx(ctx context.Context, db beginner, o *sql.TxOptions, do func(Tx) error) error {
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	if err := do(sqliteTx{Tx: tx}); err != nil {
		return err
	}
	return tx.Commit()
}

// insertMany hands all rows over as one JSON parameter: numbered parameters cost SQLite the square of their number.
// Taking values out of JSON is most of its price, so what is the same in all rows goes beside it, and so does a first
// column that counts up.
func (sqliteDialect) insertMany(ctx context.Context, tx Tx, table string, columns []string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	picks, args := make([]string, len(columns)), []any{""}
	var differ []int // columns that go into the JSON
	for i := range columns {
		switch {
		case i == 0 && countsUp(rows):
			args = append(args, rows[0][0])
			picks[i] = fmt.Sprintf("$%d + key", len(args))
		case sameInAll(rows, i):
			args = append(args, rows[0][i])
			picks[i] = fmt.Sprintf("$%d", len(args))
		default:
			picks[i] = fmt.Sprintf("value ->> %d", len(differ))
			if holdsBytes(rows, i) {
				picks[i] = "unhex(" + picks[i] + ")"
			}
			differ = append(differ, i)
		}
	}
	text, err := jsonColumns(rows, differ)
	if err != nil {
		return err
	}
	args[0] = text
	query := fmt.Sprintf("INSERT OR FAIL INTO %s (%s) SELECT %s FROM json_each($1)", table, strings.Join(columns, ", "), strings.Join(picks, ", "))
	_, err = tx.Exec(ctx, query, args...)
	return err
}

// countsUp reports whether the first column is a number that grows by one from row to row.
func countsUp(rows [][]any) bool {
	first, ok := rows[0][0].(int64)
	for i, row := range rows {
		if n, isNumber := row[0].(int64); !ok || !isNumber || n != first+int64(i) {
			return false
		}
	}
	return ok
}

// sameInAll reports whether all rows have one value in a column.
func sameInAll(rows [][]any, column int) bool {
	first := rows[0][column]
	if _, ok := first.([]byte); ok {
		return false
	}
	for _, row := range rows[1:] {
		if _, ok := row[column].([]byte); ok || row[column] != first {
			return false
		}
	}
	return true
}

func holdsBytes(rows [][]any, column int) bool {
	for _, row := range rows {
		if _, ok := row[column].([]byte); ok {
			return true
		}
	}
	return false
}

func jsonRows(rows [][]any) (string, error) {
	if len(rows) == 0 {
		return "[]", nil
	}
	every := make([]int, len(rows[0]))
	for i := range every {
		every[i] = i
	}
	return jsonColumns(rows, every)
}

// jsonColumns writes some columns of rows as an array of arrays.
func jsonColumns(rows [][]any, columns []int) (string, error) {
	out := make([]byte, 0, (16+24*len(columns))*len(rows))
	out = append(out, '[')
	for i, row := range rows {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '[')
		for j, column := range columns {
			if j > 0 {
				out = append(out, ',')
			}
			var err error
			if out, err = appendJSON(out, row[column]); err != nil {
				return "", err
			}
		}
		out = append(out, ']')
	}
	return string(append(out, ']')), nil
}

func appendJSON(out []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(out, "null"...), nil
	case int64:
		return strconv.AppendInt(out, v, 10), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case string:
		return appendJSONString(out, v), nil
	case []byte:
		out = append(out, '"')
		out = hex.AppendEncode(out, v)
		return append(out, '"'), nil
	}
	return nil, fmt.Errorf("a row to insert holds a %T", value)
}

// appendJSONString quotes without the HTML escapes of encoding/json, and without its reflection.
func appendJSONString(out []byte, s string) []byte {
	out = append(out, '"')
	for i := 0; i < len(s); {
		b := s[i]
		switch {
		case b == '"' || b == '\\':
			out = append(out, '\\', b)
			i++
		case b < 0x20:
			out = append(out, `\u00`...)
			out = hex.AppendEncode(out, []byte{b})
			i++
		case b < utf8.RuneSelf:
			out = append(out, b)
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			out = utf8.AppendRune(out, r) // what is not UTF-8 becomes U+FFFD, as in encoding/json
			i += size
		}
	}
	return append(out, '"')
}

// SQLite gives the job engine the connection that writes; nil on PostgreSQL.
func (s *Store) SQLite() *sql.DB {
	if e, ok := s.engine.(*sqliteEngine); ok {
		return e.writer
	}
	return nil
}

// AsSQLite is the transaction as database/sql knows it; nil on PostgreSQL.
func AsSQLite(tx Tx) *sql.Tx {
	if t, ok := tx.(sqliteTx); ok {
		return t.Tx
	}
	return nil
}

// isUnique reports whether an error says that a unique value is taken already.
func isUnique(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code() == 2067 || lite.Code() == 1555 // SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return isPostgresUnique(err)
}
