package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"heliograph/access"
)

// WriteAudited runs do in a transaction, and notes what was done in the same one: both are there afterwards, or neither.
// Each method that changes something takes the entries that go with it as its last arguments.
func (s *Store) WriteAudited(ctx context.Context, entries []access.Entry, do func(Tx) error) error {
	return s.Write(ctx, func(tx Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return s.audit(ctx, tx, entries...)
	})
}

// Audit notes what was done that changed nothing here: a sign-in, an export, a test.
func (s *Store) Audit(ctx context.Context, entries ...access.Entry) error {
	return s.Write(ctx, func(tx Tx) error { return s.audit(ctx, tx, entries...) })
}

// audit adds entries. It is the only statement that writes the log.
func (s *Store) audit(ctx context.Context, tx Tx, entries ...access.Entry) error {
	for _, e := range entries {
		_, err := tx.Exec(ctx, `
			INSERT INTO audit (at, actor_kind, actor, actor_name, role, address, action, object_kind, object, object_name, before_value, after_value)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			ms(s.now()), string(orSystem(e.Actor.Kind)), e.Actor.ID, e.Actor.Name, string(e.Actor.Role), e.Actor.From,
			string(e.Action), string(e.Object.Kind), e.Object.ID, e.Object.Name, orNil(string(e.Before)), orNil(string(e.After)))
		if err != nil {
			return fmt.Errorf("writing the audit log: %w", err)
		}
	}
	return nil
}

func orSystem(kind access.ActorKind) access.ActorKind {
	if kind == "" {
		return access.BySystem
	}
	return kind
}

// AuditFilter narrows the audit log. The zero value asks nothing.
type AuditFilter struct {
	Actor  string // name or id of who did it
	Action []access.Action
	Kind   []access.ObjectKind
	Object string    // id of the object, or a fragment of its name
	From   string    // client address, or the beginning of one
	Since  time.Time // from then on
	Until  time.Time // before then
}

const auditColumns = `id, at, actor_kind, actor, actor_name, role, address, action, object_kind, object, object_name,
	COALESCE(before_value, ''), COALESCE(after_value, '')`

func scanEntry(r Row) (e access.Entry, err error) {
	var when int64
	var before, after string
	err = r.Scan(&e.ID, &when, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Name, &e.Actor.Role, &e.Actor.From,
		&e.Action, &e.Object.Kind, &e.Object.ID, &e.Object.Name, &before, &after)
	e.At, e.Before, e.After = at(when), rawOrNil(before), rawOrNil(after)
	return e, notFound(err)
}

func rawOrNil(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// ListAudit lists what was done, newest first.
func (s *Store) ListAudit(ctx context.Context, f AuditFilter, p Page) (list []access.Entry, next string, err error) {
	q := s.query()
	s.filterAudit(q, f)
	tail, err := q.page(p, order{}, "id")
	if err != nil {
		return nil, "", err
	}
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+auditColumns+` FROM audit WHERE `+q.clause()+tail, q.args...)
		list, err = all(rows, err, scanEntry)
		return err
	})
	list, next = cut(p, list, func(e access.Entry) ([]string, int64) { return nil, e.ID })
	return list, next, err
}

func (s *Store) filterAudit(q *query, f AuditFilter) {
	if f.Actor != "" {
		name := q.arg(f.Actor)
		q.where("actor_name = %s OR actor = %s", name, name)
	}
	if len(f.Action) > 0 {
		q.where("action IN (%s)", marks(q, f.Action))
	}
	if len(f.Kind) > 0 {
		q.where("object_kind IN (%s)", marks(q, f.Kind))
	}
	if f.Object != "" {
		q.where("object = %s OR %s", q.arg(f.Object), s.contains("LOWER(object_name)", q.arg(strings.ToLower(f.Object))))
	}
	if f.From != "" {
		q.where("%s", s.startsWith("address", q.arg(f.From)))
	}
	if !f.Since.IsZero() {
		q.where("at >= %s", q.arg(ms(f.Since)))
	}
	if !f.Until.IsZero() {
		q.where("at < %s", q.arg(ms(f.Until)))
	}
}

// marks adds words as parameters, and gives their names for IN.
func marks[T ~string](q *query, words []T) string {
	names := make([]string, len(words))
	for i, word := range words {
		names[i] = q.arg(string(word))
	}
	return strings.Join(names, ", ")
}

// AuditEntry reads one entry.
func (s *Store) AuditEntry(ctx context.Context, id int64) (e access.Entry, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		e, err = scanEntry(tx.QueryRow(ctx, `SELECT `+auditColumns+` FROM audit WHERE id = $1`, id))
		return err
	})
	return e, err
}

// How long the audit log is kept, in days. Accountability needs more than a year: whoever audits yearly must find all of it.
const (
	auditDaysSetting = "audit_days"
	DefaultAuditDays = 400
	LeastAuditDays   = 30
	MostAuditDays    = 3650
)

// AuditDays is how long entries of the audit log are kept.
func (s *Store) AuditDays(ctx context.Context) (days int, err error) {
	text, err := s.Setting(ctx, auditDaysSetting)
	if days, parseErr := strconv.Atoi(text); parseErr == nil {
		return days, err
	}
	return DefaultAuditDays, err
}

// PutAuditDays changes how long they are kept.
func (s *Store) PutAuditDays(ctx context.Context, days int, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		return putSetting(ctx, tx, auditDaysSetting, strconv.Itoa(days))
	})
}

// cleanAudit deletes up to limit entries that were kept long enough, and reports how many. The log's own triggers let
// nothing be deleted before the horizon has moved over it, and the horizon moves only forward.
func (s *Store) cleanAudit(ctx context.Context, limit int) (n int64, err error) {
	days, err := s.AuditDays(ctx)
	if err != nil {
		return 0, err
	}
	err = s.Write(ctx, func(tx Tx) error {
		before := ms(s.now().AddDate(0, 0, -max(days, LeastAuditDays)))
		if _, err := tx.Exec(ctx, `UPDATE audit_horizon SET kept_since = $1 WHERE kept_since < $1`, before); err != nil {
			return err
		}
		n, err = tx.Exec(ctx, `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY id LIMIT $2)`, before, limit)
		return err
	})
	return n, err
}
