package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// Trouble says that the database cannot do its work now: what was asked for was not done, and may be later.
type Trouble struct {
	Words string // for people, without names of machines
	err   error
}

func (t *Trouble) Error() string { return t.Words + ": " + t.err.Error() }
func (t *Trouble) Unwrap() error { return t.err }

const (
	fullDisk   = "The disk of the database is full"
	sickDisk   = "The disk of the database does not work"
	lockedFile = "Another process holds the database"
	readOnly   = "The database cannot be written to"
	damaged    = "The database is damaged"
	noAnswer   = "The database does not answer"
	tooMany    = "The database takes no more connections"
)

// sqliteTroubles are SQLite's result codes (https://sqlite.org/rescode.html), without their extension.
var sqliteTroubles = map[int]string{
	5: lockedFile, 6: lockedFile, 8: readOnly, 10: sickDisk, 11: damaged, 13: fullDisk, 14: sickDisk, 26: damaged,
}

// postgresTroubles are PostgreSQL's, by whole code or by class (appendix A of its manual).
var postgresTroubles = map[string]string{
	"53100": fullDisk, "53200": noAnswer, "53300": tooMany, "57P01": noAnswer, "57P02": noAnswer, "57P03": noAnswer,
	"08": noAnswer, "58": sickDisk, "XX001": damaged, "XX002": damaged, "25006": readOnly,
}

// troubled recognises what is the database's own trouble among errors; others stay as they are.
func troubled(err error) error {
	if words := troubleIn(err); words != "" {
		return &Trouble{words, err}
	}
	return err
}

func troubleIn(err error) string {
	if err == nil {
		return ""
	}
	var (
		known   *Trouble
		lite    *sqlite.Error
		pg      *pgconn.PgError
		connect *pgconn.ConnectError
		network *net.OpError
	)
	switch {
	case errors.As(err, &known):
		return ""
	case errors.As(err, &lite):
		return sqliteTroubles[lite.Code()&0xff]
	case errors.As(err, &pg):
		if words, ok := postgresTroubles[pg.Code]; ok {
			return words
		}
		return postgresTroubles[pg.Code[:min(2, len(pg.Code))]]
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ""
	case errors.As(err, &connect), errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, driver.ErrBadConn),
		strings.Contains(err.Error(), "conn closed"): // pgx has no name for it
		return noAnswer
	}
	return ""
}

// lastTrouble is what the last write came to.
type lastTrouble struct{ is atomic.Pointer[Trouble] }

func (l *lastTrouble) note(err error) {
	var trouble *Trouble
	switch {
	case err == nil:
		l.is.Store(nil)
	case errors.As(err, &trouble):
		l.is.Store(trouble)
	}
}

// Trouble is what keeps the database from being written to; nil = nothing. When the last write failed, another one is
// tried, so that the answer is not older than the question.
func (s *Store) Trouble(ctx context.Context) *Trouble {
	if s.trouble.is.Load() == nil {
		return nil
	}
	_ = s.PutSetting(ctx, "written_at", s.now().UTC().Format(time.RFC3339)) // what comes of it is noted
	return s.trouble.is.Load()
}
