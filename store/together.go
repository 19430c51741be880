package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// SQLite has one writer, and a commit waits for the disk: that bounds how many small transactions there are a second. So
// those that wait for the writer go together, each in a savepoint of its own, and the disk is waited for once:
//
//	BEGIN ─► first ─► SAVEPOINT ─► second ─► RELEASE ─► SAVEPOINT ─► third ─► ROLLBACK TO, RELEASE ─► … ─► COMMIT
//
// Whoever comes first leads: it takes the others along, and hands the lead to who came meanwhile. Nobody is told that it is
// done before the commit, and one that fails leaves the others alone.
type together struct {
	mu      sync.Mutex
	leading bool
	waiting []*writing
}

// writing is a transaction that waits for its turn.
type writing struct {
	ctx      context.Context
	since    time.Time
	do       func(Tx) error
	err      error
	panicked any
	next     chan bool // true = lead; false = it is done
}

// Limits of what goes together, so that the first need not wait long for the last.
const (
	togetherMost = 64
	togetherTime = 50 * time.Millisecond
)

// errTogether is what the others are told when the database gave the whole transaction up.
var errTogether = errors.New("the database gave up a transaction that this one was written with")

// write waits for its turn and returns when do is durable, or failed.
func (e *sqliteEngine) write(ctx context.Context, do func(Tx) error) error {
	w := &writing{ctx: ctx, since: time.Now(), do: do, next: make(chan bool, 1)}
	g := &e.together
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	lead := !g.leading
	g.leading = true
	g.mu.Unlock()
	if !lead {
		select {
		case lead = <-w.next:
		case <-ctx.Done():
			if g.leave(w) {
				return fmt.Errorf("waiting to write: %w", ctx.Err())
			}
			lead = <-w.next
		}
	}
	if lead {
		e.lead(w)
	}
	if w.panicked != nil {
		panic(w.panicked)
	}
	return w.err
}

// leave takes out one that nobody has taken along yet.
func (g *together) leave(w *writing) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, w)
	if i <= 0 { // the first is about to lead
		return false
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	return true
}

// take is the next that goes along; nil when nobody waits.
func (g *together) take() *writing {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		return nil
	}
	w := g.waiting[0]
	g.waiting = slices.Delete(g.waiting, 0, 1)
	return w
}

// handOn gives the lead to who waits first.
func (g *together) handOn() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leading = len(g.waiting) > 0; g.leading {
		g.waiting[0].next <- true
	}
}

// giveUp tells who led that the database could not be written to, and those who waited already when that was tried: it would
// be the same for each of them, after as long a wait.
func (g *together) giveUp(own *writing, tried time.Time, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	own.err = err
	g.waiting = slices.DeleteFunc(g.waiting, func(w *writing) bool {
		if w != own && w.since.After(tried) {
			return false
		}
		if w != own {
			w.err = err
			w.next <- false
		}
		return true
	})
}

// lead writes what waits, beginning with its own.
func (e *sqliteEngine) lead(own *writing) {
	var list []*writing
	err := errTogether // of those that do not hear otherwise: somebody's work did not return
	defer func() {
		for _, w := range list {
			if w.err == nil {
				w.err = err
			}
			if w != own {
				w.next <- false
			}
		}
		e.together.handOn()
	}()
	ctx := context.WithoutCancel(own.ctx)
	conn, unreached := e.writer.Conn(ctx)
	if unreached != nil {
		err = unreached
		e.together.giveUp(own, time.Time{}, err)
		return
	}
	defer conn.Close() //nolint:errcheck // it goes back to those that wait for it
	tried := time.Now()
	err = inTx(ctx, conn, nil, func(tx Tx) error {
		for began := time.Now(); len(list) < togetherMost && time.Since(began) < togetherTime; {
			w := e.together.take()
			if w == nil {
				return nil
			}
			list = append(list, w)
			if err := w.within(tx.(sqliteTx), len(list) == 1); err != nil { //nolint:forcetypeassert // made by inTx
				return err
			}
		}
		return nil
	})
	if r := e.roster.Load(); r != nil {
		r.ended()
	}
	if len(list) == 0 { // it never began
		e.together.giveUp(own, tried, err)
	}
}

// within runs one in a savepoint, or the first, which is alone yet, without. An error means that the whole transaction is to
// be given up, or was. Nothing is interrupted: SQLite would give up the others too.
func (w *writing) within(tx sqliteTx, first bool) error {
	tx.whole = true
	if first {
		w.err = w.run(tx)
		return w.err
	}
	if _, err := tx.Exec(w.ctx, `SAVEPOINT one`); err != nil {
		return fmt.Errorf("%w: %w", errTogether, err)
	}
	end := `RELEASE one`
	if w.err = w.run(tx); w.err != nil {
		end = `ROLLBACK TO one; RELEASE one`
	}
	if _, err := tx.Exec(w.ctx, end); err != nil {
		return fmt.Errorf("%w: %w", errTogether, err)
	}
	return nil
}

// run does the work. A panic is its owner's, who may be another than the one that leads.
func (w *writing) run(tx Tx) (err error) {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	defer func() {
		if w.panicked = recover(); w.panicked != nil {
			err = errTogether
		}
	}()
	return w.do(tx)
}
