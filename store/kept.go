package store

import (
	"container/list"
	"context"
	"database/sql"
	"database/sql/driver"
	"hash/maphash"
	"regexp"
	"sync/atomic"
)

// openKept opens an SQLite database whose connections keep statements prepared that come again: for a small transaction
// the parsing of its statements costs as much as all the rest, and the job engine's come by the same way.
// start is what is run on each new connection; nil = nothing.
func openKept(dsn string, start *atStart) (*sql.DB, error) {
	plain, err := sql.Open("sqlite", dsn) // connects to nothing yet
	if err != nil {
		return nil, err
	}
	defer plain.Close() //nolint:errcheck // it has no connection
	return sql.OpenDB(keeper{dsn, plain.Driver(), start}), nil
}

// keeper makes such connections.
type keeper struct {
	dsn    string
	driver driver.Driver
	start  *atStart
}

// atStart are statements for new connections, from when they are set on.
type atStart struct{ text atomic.Pointer[string] }

func (k keeper) Driver() driver.Driver { return k.driver }

func (k keeper) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := k.driver.Open(k.dsn)
	if err != nil {
		return nil, err
	}
	lite := conn.(liteConn) //nolint:forcetypeassert // of modernc.org/sqlite, whose connections are all that
	if k.start != nil {
		if text := k.start.text.Load(); text != nil {
			if _, err := lite.ExecContext(ctx, *text, nil); err != nil {
				_ = lite.Close() // what could not be done on it counts
				return nil, err
			}
		}
	}
	return &keptConn{liteConn: lite, byText: map[string]*list.Element{}, seen: map[uint64]bool{}}, nil
}

// liteConn is what database/sql uses of a connection.
type liteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// keptConn is a connection with its statements. database/sql gives it to one goroutine at a time.
type keptConn struct {
	liteConn
	byText map[string]*list.Element // of *kept
	order  list.List                // the last used first
	seen   map[uint64]bool          // hashes of texts that came once
	hasty  bool                     // see patience.go
}

// kept is a prepared statement.
type kept struct {
	text string
	stmt interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	}
	busy bool // its rows are being read
}

// Limits of what a connection remembers.
const (
	mostKept = 120  // statements; each takes some ten KiB
	mostSeen = 4096 // hashes
)

var keptSeed = maphash.MakeSeed()

func (c *keptConn) Close() error {
	for e := c.order.Front(); e != nil; e = e.Next() {
		_ = e.Value.(*kept).stmt.Close() // the connection goes with it
	}
	return c.liteConn.Close()
}

// PrepareContext prepares a statement for as long as it is kept. SQLite looks at a limit's value when it plans, and so would
// prepare the statement again each time that it is bound: most of what a small one costs. A limit that it has to compute it
// takes as it comes.
func (c *keptConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.liteConn.PrepareContext(ctx, boundLimit.ReplaceAllString(query, computedLimit))
}

const computedLimit = "LIMIT ($1 + 0)"

var boundLimit = regexp.MustCompile(`(?i)\bLIMIT\s+([?$][0-9]+)\b`)

func (c *keptConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.liteConn.BeginTx(ctx, o)
	c.tried(err, true)
	return tx, err
}

func (c *keptConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.exec(ctx, query, args)
	c.tried(err, true)
	return result, err
}

func (c *keptConn) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if k := c.statement(ctx, query); k != nil {
		return k.stmt.ExecContext(ctx, args)
	}
	return c.liteConn.ExecContext(ctx, query, args)
}

func (c *keptConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	k := c.statement(ctx, query)
	if k == nil {
		rows, err := c.liteConn.QueryContext(ctx, query, args)
		c.tried(err, false)
		return rows, err
	}
	rows, err := k.stmt.QueryContext(ctx, args)
	if err != nil {
		c.tried(err, false)
		return nil, err
	}
	k.busy = true
	return &keptRows{rows, k}, nil
}

// keptRows gives the statement back when they are closed.
type keptRows struct {
	driver.Rows
	of *kept
}

func (r *keptRows) Close() error {
	r.of.busy = false
	return r.Rows.Close()
}

// statement is the one of a text that comes again. nil when it came for the first time, when its rows are being read, and
// when it cannot be prepared: then it is run as any other, which also tells what is wrong with it.
func (c *keptConn) statement(ctx context.Context, text string) *kept {
	if e := c.byText[text]; e != nil {
		c.order.MoveToFront(e)
		if k := e.Value.(*kept); !k.busy {
			return k
		}
		return nil
	}
	if !c.again(text) {
		return nil
	}
	prepared, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil
	}
	k := &kept{text: text}
	k.stmt = prepared.(interface { //nolint:forcetypeassert // as above
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	})
	c.byText[text] = c.order.PushFront(k)
	c.forget()
	return k
}

// again reports whether a text came before. Many hold the keys they ask for, and never come again.
func (c *keptConn) again(text string) bool {
	hash := maphash.String(keptSeed, text)
	if c.seen[hash] {
		delete(c.seen, hash)
		return true
	}
	if len(c.seen) >= mostSeen {
		clear(c.seen)
	}
	c.seen[hash] = true
	return false
}

// forget closes the statement that was used the longest ago, when there are too many.
func (c *keptConn) forget() {
	for e := c.order.Back(); e != nil && c.order.Len() > mostKept; e = e.Prev() {
		if k := e.Value.(*kept); !k.busy {
			_ = k.stmt.Close()
			delete(c.byText, k.text)
			c.order.Remove(e)
			return
		}
	}
}
