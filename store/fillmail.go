package store

import (
	"context"
	"time"

	"heliograph/mailbox"
)

// Subscribed is a registration with one subscription that its app has bound, and that has told of mails and was woken: what
// filling a database takes. A row grows by that, once.
type Subscribed struct {
	mailbox.Registration       // with Badge.Count
	CapabilityHash, SecretHash []byte
	SubscriptionID, Server     string
	Frequency                  time.Duration
	Watermarks                 [2]string // of its last event, and of the one before
}

// AddRegistrations stores many at once. Their tokens must be new. Support codes that others have are replaced.
func (s *Store) AddRegistrations(ctx context.Context, list []Subscribed) (err error) {
	for range writeTries {
		if err = s.addRegistrations(ctx, list); !isUnique(err) {
			return err
		}
		for i := range list {
			list[i].SupportCode = mailbox.NewSupportCode()
		}
	}
	return err
}

func (s *Store) addRegistrations(ctx context.Context, list []Subscribed) error {
	return s.Write(ctx, func(tx Tx) error {
		now := s.now()
		statements := make([]statement, len(list))
		for i, v := range list {
			t := mailbox.NewToken{Platform: v.Platform, App: v.App, Environment: v.Environment, Token: v.Token}
			statements[i] = statement{`
				INSERT INTO registrations (id, secret_hash, capability_hash, support_code, platform, app, environment, wake, app_key,
					state, state_at, token, token_hash, token_at, created_at, heard_at, event_at, badge_time, wake_at, events, wakes,
					wake_result, badge, badge_subscription)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12, $10, $10, $10, $10, $10, $10, 1, 1, 'accepted', $13, $14) RETURNING key`,
				[]any{v.ID[:], v.SecretHash[:secretLength], v.CapabilityHash, v.SupportCode, int64(v.Platform), v.App, string(v.Environment), int64(v.Wake), v.AppKey,
					ms(now), s.sealMailToken(v.ID, v.Token), mailTokenHashes(s.keys, t)[0], int64(*v.Badge.Count), s.SubscriptionHash(v.SubscriptionID)}}
		}
		keys := make([]int64, len(list))
		err := s.runEach(ctx, tx, statements, func(i int, r Row) error { return r.Scan(&keys[i]) })
		if err != nil {
			return err
		}
		for i, v := range list {
			statements[i] = statement{`
				INSERT INTO subscriptions (registration, handle, source, folder, id_hash, server_hash, frequency_minutes, created_at, heard_at, event_at,
					deadline, watermark_hash, previous_watermark_hash)
				VALUES ($1, 'inbox', 1, 1, $2, $3, $4, $5, $5, $5, $6, $7, $8)`,
				[]any{keys[i], s.SubscriptionHash(v.SubscriptionID), bytesOrNil(s.MailServerHash(v.Server)), int64(v.Frequency / time.Minute),
					ms(now), ms(now.Add(2 * v.Frequency)), s.WatermarkHash(v.Watermarks[0]), s.WatermarkHash(v.Watermarks[1])}}
		}
		return s.runEach(ctx, tx, statements, nil)
	})
}
