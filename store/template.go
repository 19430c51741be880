package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"heliograph/access"
	"heliograph/template"
)

const templateColumns = `key, id, name, description, type, predefined, push_active, smtp_active, sms_active, body, created_at, updated_at`

// Templates lists all templates, the oldest first: the predefined ones in the order of their types, then what was added.
func (s *Store) Templates(ctx context.Context) (list []template.Template, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		list, err = templates(ctx, tx)
		return err
	})
	return list, err
}

func templates(ctx context.Context, tx Tx) ([]template.Template, error) {
	rows, err := tx.Query(ctx, `SELECT `+templateColumns+` FROM templates ORDER BY key`)
	return all(rows, err, scanTemplate)
}

// Template reads one by its id, or else by its name. ErrNotFound when there is none.
func (s *Store) Template(ctx context.Context, ref string) (t template.Template, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		t, err = findTemplate(ctx, tx, ref)
		return err
	})
	return t, err
}

func findTemplate(ctx context.Context, tx Tx, ref string) (template.Template, error) {
	t, err := scanTemplate(tx.QueryRow(ctx, `
		SELECT `+templateColumns+` FROM templates WHERE id = $1 OR name = $1 ORDER BY CASE WHEN id = $1 THEN 0 ELSE 1 END LIMIT 1`, ref))
	return t, notFound(err)
}

// scanTemplate reads a template. A predefined one that nobody changed says what this version says.
func scanTemplate(r Row) (t template.Template, err error) {
	var push, mail, sms bool
	var body []byte
	var created, updated int64
	err = r.Scan(&t.Key, &t.ID, &t.Name, &t.Description, &t.Type, &t.Predefined, &push, &mail, &sms, &body, &created, &updated)
	if err != nil {
		return t, err
	}
	t.CreatedAt, t.UpdatedAt = at(created), at(updated)
	t.Changed = t.Predefined && body != nil
	if body != nil {
		err = json.Unmarshal(body, &t.Body)
	} else if kind, ok := template.FindType(t.Type); ok {
		t.Body, _ = kind.Default()
	}
	t.Push.Active, t.SMTP.Active, t.SMS.Active = push, mail, sms
	return t, err
}

// PutTemplate writes a template: a new one when its Key is 0. ErrConflict when the name is taken, ErrNotFound when it was
// deleted meanwhile. A predefined one that says what it said when it came counts as unchanged.
func (s *Store) PutTemplate(ctx context.Context, t template.Template, entries ...access.Entry) (stored template.Template, err error) {
	body, err := templateBody(t)
	if err != nil {
		return t, err
	}
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		if err := s.putTemplate(ctx, tx, t, body); err != nil {
			return err
		}
		stored, err = findTemplate(ctx, tx, t.ID)
		return err
	})
	if isUnique(err) {
		return t, nameTaken("a template")
	}
	return stored, err
}

func (s *Store) putTemplate(ctx context.Context, tx Tx, t template.Template, body any) error {
	now := ms(s.now())
	if t.Key == 0 {
		_, err := tx.Exec(ctx, `
			INSERT INTO templates (id, name, description, type, predefined, push_active, smtp_active, sms_active, body, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)`,
			t.ID, t.Name, t.Description, string(t.Type), t.Predefined, t.Push.Active, t.SMTP.Active, t.SMS.Active, body, now)
		return err
	}
	n, err := tx.Exec(ctx, `
		UPDATE templates SET name = $2, description = $3, push_active = $4, smtp_active = $5, sms_active = $6, body = $7, updated_at = $8
		WHERE key = $1`,
		t.Key, t.Name, t.Description, t.Push.Active, t.SMTP.Active, t.SMS.Active, body, now)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// templateBody is a template's body as it is stored: nil for what a predefined one says by itself.
func templateBody(t template.Template) (any, error) {
	raw, err := json.Marshal(t.Body)
	if err != nil || !t.Predefined {
		return string(raw), err
	}
	kind, _ := template.FindType(t.Type)
	if came, ok := kind.Default(); ok {
		if same, err := json.Marshal(came); err == nil && string(same) == string(raw) {
			return nil, nil
		}
	}
	return string(raw), nil
}

// RestoreTemplate gives a predefined template the texts back that it came with. ErrConflict when it is none.
func (s *Store) RestoreTemplate(ctx context.Context, id string, entries ...access.Entry) (t template.Template, err error) {
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		if t, err = findTemplate(ctx, tx, id); err != nil || t.ID != id {
			return errors.Join(err, notSame(t.ID, id))
		}
		if !t.Predefined {
			return fmt.Errorf("only predefined templates have texts to go back to: %w", ErrConflict)
		}
		if _, err = tx.Exec(ctx, `UPDATE templates SET body = NULL, updated_at = $2 WHERE key = $1`, t.Key, ms(s.now())); err != nil {
			return err
		}
		t, err = findTemplate(ctx, tx, id)
		return err
	})
	return t, err
}

// templateUsers are who may use a template and so keep it from being deleted.
var templateUsers = []func(ctx context.Context, tx Tx, t template.Template) ([]template.Use, error){
	scheduledWith,
}

// scheduledWith lists notifications that wait for their time.
func scheduledWith(ctx context.Context, tx Tx, t template.Template) ([]template.Use, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, send_at FROM notifications WHERE state = 'scheduled' AND template_id = $1 ORDER BY send_at LIMIT $2`, t.ID, maxUses)
	return all(rows, err, func(r Row) (u template.Use, err error) {
		var when int64
		err = r.Scan(&u.ID, &when)
		u.Kind, u.Name = "notification", at(when).Format("2006-01-02 15:04 UTC")
		return u, err
	})
}

const maxUses = 20 // that are told

// TemplateUses lists what uses a template.
func (s *Store) TemplateUses(ctx context.Context, t template.Template) (uses []template.Use, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		uses, err = templateUses(ctx, tx, t)
		return err
	})
	return uses, err
}

func templateUses(ctx context.Context, tx Tx, t template.Template) (uses []template.Use, err error) {
	for _, ask := range templateUsers {
		more, err := ask(ctx, tx, t)
		if err != nil {
			return nil, err
		}
		uses = append(uses, more...)
	}
	return uses, nil
}

// DeleteTemplate forgets a template that somebody added. ErrConflict says that it came with Heliograph, or what uses it.
func (s *Store) DeleteTemplate(ctx context.Context, id string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		t, err := findTemplate(ctx, tx, id)
		if err != nil || t.ID != id {
			return errors.Join(err, notSame(t.ID, id))
		}
		uses, err := templateUses(ctx, tx, t)
		if err != nil {
			return err
		}
		switch {
		case t.Predefined:
			return fmt.Errorf("a predefined template cannot be deleted: switch its channels off instead: %w", ErrConflict)
		case len(uses) > 0:
			return fmt.Errorf("the template is in use by %s: %w", wordsOf(uses), ErrConflict)
		}
		return deleted(tx.Exec(ctx, `DELETE FROM templates WHERE key = $1`, t.Key))
	})
}

// notSame is ErrNotFound when a template was found by its name and not by its id.
func notSame(found, id string) error {
	if found != id {
		return ErrNotFound
	}
	return nil
}

func wordsOf(uses []template.Use) string {
	words := make([]string, len(uses))
	for i, u := range uses {
		words[i] = u.Kind + " " + u.ID + " (" + u.Name + ")"
	}
	return strings.Join(words, ", ")
}

// startTemplates adds the predefined templates that are not there yet. What an administrator made of those that are there
// stays as it is. Of several nodes that start together, each finds what another added.
func startTemplates(ctx context.Context, tx Tx, now int64) error {
	for _, kind := range template.Types() {
		body, ok := kind.Default()
		if !ok {
			continue
		}
		for _, name := range []string{kind.Name, kind.Name + " (predefined)", kind.Name + " (" + string(kind.Key) + ")"} {
			_, err := tx.Exec(ctx, `
				INSERT INTO templates (id, name, type, predefined, push_active, smtp_active, sms_active, created_at, updated_at)
				SELECT $1, $2, $1, TRUE, $3, $4, $5, $6, $6
				WHERE NOT EXISTS (SELECT 1 FROM templates WHERE id = $1 OR name = $2)
				ON CONFLICT DO NOTHING`,
				string(kind.Key), name, body.Push.Active, body.SMTP.Active, body.SMS.Active, now)
			if err != nil {
				return err
			}
		}
	}
	return nil
}
