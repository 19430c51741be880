package store

import (
	"context"
	"fmt"

	"heliograph/access"
	"heliograph/template"
)

// Sounds lists the sounds that administrators added, by name.
func (s *Store) Sounds(ctx context.Context) (list []template.Sound, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT key, id, name FROM sounds ORDER BY LOWER(name), name`)
		list, err = all(rows, err, scanSound)
		return err
	})
	return list, err
}

func scanSound(r Row) (v template.Sound, err error) {
	err = r.Scan(&v.Key, &v.ID, &v.Name)
	return v, err
}

func findSound(ctx context.Context, tx Tx, id string) (template.Sound, error) {
	v, err := scanSound(tx.QueryRow(ctx, `SELECT key, id, name FROM sounds WHERE id = $1`, id))
	return v, notFound(err)
}

// Sound reads one. ErrNotFound when there is none.
func (s *Store) Sound(ctx context.Context, id string) (v template.Sound, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		v, err = findSound(ctx, tx, id)
		return err
	})
	return v, err
}

// AddSound stores a new sound. ErrConflict when the name is in the list already.
func (s *Store) AddSound(ctx context.Context, v template.Sound, entries ...access.Entry) (stored template.Sound, err error) {
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO sounds (id, name, created_at) VALUES ($1, $2, $3)`, v.ID, v.Name, ms(s.now())); err != nil {
			return err
		}
		stored, err = findSound(ctx, tx, v.ID)
		return err
	})
	return stored, sameSound(err)
}

// RenameSound gives a sound another name, in the templates that use it too.
func (s *Store) RenameSound(ctx context.Context, id, name string, entries ...access.Entry) (stored template.Sound, err error) {
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		before, err := findSound(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE sounds SET name = $2 WHERE id = $1`, id, name); err != nil {
			return err
		}
		list, err := templatesWith(ctx, tx, before.Name)
		if err != nil {
			return err
		}
		for _, t := range list {
			t.Push.Sound = name
			body, err := templateBody(t)
			if err != nil {
				return err
			}
			if err := s.putTemplate(ctx, tx, t, body); err != nil {
				return err
			}
		}
		stored, err = findSound(ctx, tx, id)
		return err
	})
	return stored, sameSound(err)
}

// DeleteSound takes a sound off the list. ErrConflict says which templates use it.
func (s *Store) DeleteSound(ctx context.Context, id string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		v, err := findSound(ctx, tx, id)
		if err != nil {
			return err
		}
		list, err := templatesWith(ctx, tx, v.Name)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			uses := make([]template.Use, len(list))
			for i, t := range list {
				uses[i] = template.Use{Kind: "template", ID: t.ID, Name: t.Name}
			}
			return fmt.Errorf("the sound is in use by %s: %w", wordsOf(uses), ErrConflict)
		}
		return deleted(tx.Exec(ctx, `DELETE FROM sounds WHERE id = $1`, id))
	})
}

// templatesWith lists the templates that use a sound.
func templatesWith(ctx context.Context, tx Tx, sound string) (found []template.Template, err error) {
	list, err := templates(ctx, tx)
	for _, t := range list {
		if t.Push.Sound == sound {
			found = append(found, t)
		}
	}
	return found, err
}

func sameSound(err error) error {
	if isUnique(err) {
		return &Taken{"name", "the sound is in the list already"}
	}
	return err
}
