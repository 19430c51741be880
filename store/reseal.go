package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"heliograph/courier"
	"heliograph/seal"
)

const (
	sealedPageSize = 500
	resealTime     = 20 * time.Second // of one run of the job, so that others get their turn
	resealFresh    = 50 * time.Minute // for how long a column that was gone through is not gone through again
)

// ResealArgs seals what was sealed with older keys with those in use, in the background.
type ResealArgs struct{}

// Kind names the job.
func (ResealArgs) Kind() string { return "reseal" }

// resealJob is the job, to be inserted when another key was put in use. With several nodes it waits until the others
// have noticed: until then they seal with the old key, and a row that was gone through would get it again.
func (s *Store) resealJob() courier.Job {
	job := courier.Job{Args: ResealArgs{}, Queue: courier.Control, Lane: 4, Once: true}
	if s.Postgres() != nil {
		job.At = s.now().Add(AgreeEvery + time.Second)
	}
	return job
}

// Reseal goes through the sealed columns, page by page, and seals and hashes what is not yet under the keys in use. How
// far it came is written with each page, so that it may end at any moment. It also runs every hour: a node that learned
// late of a new key sealed with the old one meanwhile.
func (s *Store) Reseal(ctx context.Context, _ ResealArgs, running courier.Running) error {
	if len(s.keys.Sealing()) == 1 && len(s.keys.Index()) == 1 {
		return s.Complete(ctx, running) // nothing else can have sealed
	}
	if err := s.useAgreed(ctx); err != nil {
		return err
	}
	end := s.now().Add(resealTime)
	for _, c := range sealedColumns {
		done, err := s.resealColumn(ctx, c, end)
		if err != nil {
			return fmt.Errorf("sealing %s again: %w", c.name(), err)
		}
		if !done {
			return &courier.Later{After: time.Millisecond}
		}
	}
	return s.Complete(ctx, running)
}

// resealColumn goes on where the last run left off, and reports whether it came to the end.
func (s *Store) resealColumn(ctx context.Context, c sealedColumn, end time.Time) (done bool, err error) {
	p, err := s.startReseal(ctx, c)
	if err != nil || !p.FinishedAt.IsZero() {
		return err == nil, err
	}
	for s.now().Before(end) {
		rows, err := s.sealedPage(ctx, c, p.after, sealedPageSize)
		if err != nil {
			return false, err
		}
		if len(rows) == 0 {
			p.FinishedAt = s.now()
			return true, s.Write(ctx, func(tx Tx) error { return putReseal(ctx, tx, p) })
		}
		if err := s.resealPage(ctx, c, rows, &p); err != nil {
			return false, err
		}
	}
	return false, nil
}

// resealPage does the work of a page before its transaction. A row that was written meanwhile is left as it is: who
// wrote it used the keys in use.
func (s *Store) resealPage(ctx context.Context, c sealedColumn, rows []sealedRow, p *Reseal) error {
	var changes [][]any
	for _, row := range rows {
		p.Seen++
		change, err := s.resealed(c, row)
		if err != nil {
			p.Failed++
		}
		if change != nil {
			changes = append(changes, change)
		}
	}
	p.after = rows[len(rows)-1].key
	err := s.writePage(ctx, c, changes, p)
	if !isUnique(err) {
		return err
	}
	return s.writeApart(ctx, c, changes, p)
}

func (s *Store) writePage(ctx context.Context, c sealedColumn, changes [][]any, p *Reseal) error {
	return s.Write(ctx, func(tx Tx) error {
		n, err := s.writeResealed(ctx, tx, c, changes)
		if err != nil {
			return err
		}
		next := *p
		next.Changed += n
		if err := putReseal(ctx, tx, next); err != nil {
			return err
		}
		*p = next
		return nil
	})
}

// writeApart writes the rows of a page one by one. Two nodes that learned of a new index key at different moments may
// have stored one token twice, under two hashes: the row that cannot get its new one is counted, and keeps the old one.
func (s *Store) writeApart(ctx context.Context, c sealedColumn, changes [][]any, p *Reseal) error {
	for i := range changes {
		switch err := s.writePage(ctx, c, changes[i:i+1], p); {
		case isUnique(err):
			p.Failed++
		case err != nil:
			return err
		}
	}
	return s.writePage(ctx, c, nil, p)
}

// resealed is a row under the keys in use: key, what it was, what it becomes, its hash. Nil when it is so already, or
// was emptied.
func (s *Store) resealed(c sealedColumn, row sealedRow) ([]any, error) {
	if len(row.sealed) == 0 {
		return nil, nil
	}
	secret, err := s.keys.Open(c.purpose, c.place(row), row.sealed)
	if err != nil {
		return nil, err
	}
	hash := row.hash
	if c.hash != nil {
		hash = c.hash.of(s.keys, secret, row)
	}
	if seal.KeyOf(row.sealed) == s.keys.Seals() && bytes.Equal(hash, row.hash) {
		return nil, nil
	}
	return []any{c.keyValue(row.key), row.sealed, s.keys.Seal(c.purpose, c.place(row), secret), hash}, nil
}

func (s *Store) writeResealed(ctx context.Context, tx Tx, c sealedColumn, changes [][]any) (int64, error) {
	if len(changes) == 0 {
		return 0, nil
	}
	text, err := jsonRows(changes)
	if err != nil {
		return 0, err
	}
	keyKind, set := intKind, c.column+" = n.after_value"
	if c.textKey {
		keyKind = textKind
	}
	if c.hash != nil {
		set += ", " + c.hash.column + " = n.hash_value"
	}
	return tx.Exec(ctx, fmt.Sprintf(`
		UPDATE %s SET %s FROM (SELECT %s AS row_key, %s AS before_value, %s AS after_value, %s AS hash_value FROM %s) n
		WHERE %s.%s = n.row_key AND %s.%s = n.before_value`,
		c.table, set, s.pick(0, keyKind), s.pick(1, bytesKind), s.pick(2, bytesKind), s.pick(3, bytesKind), s.each("$1"),
		c.table, c.key, c.table, c.column), text)
}

// Reseal is how far one column has come in being sealed with the keys in use.
type Reseal struct {
	Place                 string // table.column
	Keys                  KeysInUse
	Total                 int64 // rows when it began
	Seen, Changed         int64
	Failed                int64 // rows that do not open
	StartedAt, FinishedAt time.Time

	after string
}

const resealColumns = `place, sealing, hashing, after_key, total, seen, changed, failed, started_at, finished_at`

func scanReseal(r Row) (p Reseal, err error) {
	var started, finished int64
	err = r.Scan(&p.Place, &p.Keys.Sealing, &p.Keys.Index, &p.after, &p.Total, &p.Seen, &p.Changed, &p.Failed, &started, &finished)
	p.StartedAt, p.FinishedAt = at(started), at(finished)
	return p, err
}

// Reseals lists how far the columns have come; none before the first rotation.
func (s *Store) Reseals(ctx context.Context) (list []Reseal, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+resealColumns+` FROM reseals ORDER BY place`)
		list, err = all(rows, err, scanReseal)
		return err
	})
	return list, err
}

// startReseal finds how far a column has come, and begins anew when other keys are in use now or it is long ago.
func (s *Store) startReseal(ctx context.Context, c sealedColumn) (p Reseal, err error) {
	inUse := KeysInUse{Sealing: s.keys.Seals(), Index: s.keys.Fingerprint()}
	err = s.Write(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+resealColumns+` FROM reseals WHERE place = $1`, c.name())
		known, err := all(rows, err, scanReseal)
		if err != nil {
			return err
		}
		if len(known) == 1 && known[0].Keys == inUse && (known[0].FinishedAt.IsZero() || s.now().Sub(known[0].FinishedAt) < resealFresh) {
			p = known[0]
			return nil
		}
		p = Reseal{Place: c.name(), Keys: inUse, StartedAt: s.now()}
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM `+c.table+` WHERE `+c.column+` IS NOT NULL`).Scan(&p.Total); err != nil {
			return err
		}
		return putReseal(ctx, tx, p)
	})
	return p, err
}

func putReseal(ctx context.Context, tx Tx, p Reseal) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO reseals (`+resealColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (place) DO UPDATE SET sealing = excluded.sealing, hashing = excluded.hashing, after_key = excluded.after_key,
			total = excluded.total, seen = excluded.seen, changed = excluded.changed, failed = excluded.failed,
			started_at = excluded.started_at, finished_at = excluded.finished_at`,
		p.Place, string(p.Keys.Sealing), string(p.Keys.Index), p.after, p.Total, p.Seen, p.Changed, p.Failed, ms(p.StartedAt), ms(p.FinishedAt))
	return err
}
