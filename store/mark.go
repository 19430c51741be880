package store

import (
	"context"
	"strings"

	"heliograph/fleet"
	"heliograph/message"
)

// Refused is what providers said for good of a person's own mail address and number, by channel. What was said before
// another message was taken there counts no more.
func (s *Store) Refused(ctx context.Context, u fleet.User) (marks map[message.Channel]message.Mark, err error) {
	marks = map[message.Channel]message.Mark{}
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT m.channel, m.reason, m.detail, m.at FROM address_marks m
			WHERE (m.channel = $1 AND m.address = $2 OR m.channel = $3 AND m.address = $4) AND NOT EXISTS (
				SELECT 1 FROM deliveries d WHERE d.user_key = $5 AND d.channel = m.channel
					AND d.state IN (3, 4) AND d.finished_at > m.at AND LOWER(d.address) = m.address)`,
			int16(message.SMTP), strings.ToLower(u.Mail), int16(message.SMS), strings.ToLower(u.Mobile), u.Key)
		_, err = all(rows, err, func(r Row) (struct{}, error) {
			var c message.Channel
			var m message.Mark
			var when int64
			err := r.Scan(&c, &m.Reason, &m.Detail, &when)
			m.At = at(when)
			marks[c] = m
			return struct{}{}, err
		})
		return err
	})
	return marks, err
}
