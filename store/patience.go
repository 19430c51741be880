package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
)

// How long a connection waits for another process that holds the database file. All that is written goes by one connection:
// if each of those who queue for it waited so long, the last would hear nothing for minutes. So when one has waited in vain,
// the next wait for a moment only, until one of them writes again.
var (
	longWait  = 10 * time.Second // tests make it short
	shortWait = 250 * time.Millisecond
)

// sqliteBusy is SQLITE_BUSY (https://sqlite.org/rescode.html#busy).
const sqliteBusy = 5

func isBusy(err error) bool {
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code()&0xff == sqliteBusy
}

// tried notes how it went. Reading says nothing about whether somebody may write.
func (c *keptConn) tried(err error, wrote bool) {
	switch {
	case !c.hasty && isBusy(err):
		c.wait(shortWait)
	case c.hasty && wrote && err == nil:
		c.wait(longWait)
	default:
		return
	}
	c.hasty = !c.hasty
}

func (c *keptConn) wait(d time.Duration) {
	_, _ = c.liteConn.ExecContext(context.Background(), fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds()), nil) // it cannot fail, and if so nothing is lost
}
