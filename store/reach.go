package store

import (
	"cmp"
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"heliograph/access"
	"heliograph/fleet"
)

// sampleSize is how many of an audience are shown.
const sampleSize = 10

// AudienceReach says what an audience comes to, with a sample. A mail address or number counts once, however many have
// it; numbers are those of people and of their devices. Nobody can reach a person without mail and number, none of
// whose devices has a live token; nor a device without live token and number that is nobody's, or such a person's.
func (s *Store) AudienceReach(ctx context.Context, scope access.Scope, a fleet.Audience) (fleet.Reach, error) {
	rare, err := s.rareDevices(ctx, scope, a)
	if err != nil {
		return fleet.Reach{}, fmt.Errorf("counting the audience: %w", err)
	}
	var r fleet.Reach
	var lostDevices, lostPeople int64
	// Each figure is read beside the others; a fleet that changes meanwhile may differ between two of them.
	g, ctx := errgroup.WithContext(ctx)
	ask := func(do func(ctx context.Context, tx Tx, c *audience) error) {
		g.Go(func() error {
			return s.Read(ctx, func(tx Tx) error {
				c, err := s.compileRare(ctx, tx, scope, a, rare)
				if err != nil {
					return err
				}
				return do(ctx, tx, c)
			})
		})
	}
	ask(func(ctx context.Context, tx Tx, c *audience) error { return c.countDevices(ctx, tx, &r, &lostDevices) })
	ask(func(ctx context.Context, tx Tx, c *audience) error {
		if err := c.countPeople(ctx, tx, &r, &lostPeople); err != nil {
			return err
		}
		more, err := c.countMail(ctx, tx, typed(a).Mail)
		r.SMTP += more
		return err
	})
	ask(func(ctx context.Context, tx Tx, c *audience) (err error) {
		r.SMS, err = c.countNumbers(ctx, tx, typed(a).Mobile)
		return err
	})
	ask(func(ctx context.Context, tx Tx, c *audience) (err error) {
		r.Sample, err = c.sample(ctx, tx)
		return err
	})
	if err := g.Wait(); err != nil {
		return fleet.Reach{}, fmt.Errorf("counting the audience: %w", err)
	}
	r.WithoutAddress = lostDevices + lostPeople
	return r, nil
}

// AudienceSize says how many devices and how many people are in an audience, and nothing of how they can be reached.
func (s *Store) AudienceSize(ctx context.Context, scope access.Scope, a fleet.Audience) (devices, people int64, err error) {
	rare, err := s.rareDevices(ctx, scope, a)
	if err == nil {
		err = s.Read(ctx, func(tx Tx) error {
			c, err := s.compileRare(ctx, tx, scope, a, rare)
			if err != nil {
				return err
			}
			return tx.QueryRow(ctx, c.with+`
				SELECT (SELECT COUNT(*) FROM devices d WHERE `+c.device+`), (SELECT COUNT(*) FROM users u WHERE `+c.person+`)`, c.args...).Scan(&devices, &people)
		})
	}
	if err != nil {
		return 0, 0, fmt.Errorf("counting the audience: %w", err)
	}
	return devices, people, nil
}

// rareDevices gives the keys of the devices that pass a filter that has to look at every row, when they are few: else
// each figure would look at every row again. nil = not such a filter, or they are many.
func (s *Store) rareDevices(ctx context.Context, scope access.Scope, a fleet.Audience) (keys []int64, err error) {
	if a.Listed() || a.Filter == nil || len(a.Filter.Property) == 0 && a.Filter.Search == "" {
		return nil, nil
	}
	err = s.Read(ctx, func(tx Tx) error {
		c, err := s.compile(ctx, tx, scope, a, true)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, fmt.Sprintf(`%s SELECT d.key FROM devices d WHERE %s LIMIT %d`, c.with, c.device, smallAudience+1), c.args...)
		keys, err = all(rows, err, one[int64])
		return err
	})
	if len(keys) > smallAudience {
		return nil, err
	}
	return append([]int64{}, keys...), err
}

// compileRare compiles an audience whose devices are known already; see rareDevices.
func (s *Store) compileRare(ctx context.Context, tx Tx, scope access.Scope, a fleet.Audience, keys []int64) (*audience, error) {
	if keys == nil {
		return s.compile(ctx, tx, scope, a, true) // one pass in order is quicker than an index that leads everywhere
	}
	c := &audience{query: s.query(), scope: scope}
	c.with = `WITH listed_devices (key) AS ` + s.listed(c.arg(jsonKeys(keys)), intKind) + `,
		listed_people (key) AS (SELECT d.user_key FROM devices d WHERE d.user_key IS NOT NULL AND d.key IN (SELECT key FROM listed_devices)) `
	c.device = "d.key IN (SELECT key FROM listed_devices)"
	c.person = and([]string{userScope(scope, "u"), "u.key IN (SELECT key FROM listed_people)"})
	return c, nil
}

func typed(a fleet.Audience) fleet.Addresses {
	if a.Addresses == nil {
		return fleet.Addresses{}
	}
	return *a.Addresses
}

func (c *audience) countDevices(ctx context.Context, tx Tx, r *fleet.Reach, lost *int64) error {
	return tx.QueryRow(ctx, c.with+`
		SELECT COUNT(*),
			COUNT(CASE WHEN t.state = 'live' THEN 1 END),
			COUNT(CASE WHEN COALESCE(t.state, '') <> 'live' AND d.phone_number = '' AND COALESCE(u.mail, '') = '' AND COALESCE(u.mobile, '') = '' THEN 1 END)
		FROM `+deviceTables(c.scope)+` WHERE `+c.device, c.args...).Scan(&r.Devices, &r.Push, lost)
}

func (c *audience) countPeople(ctx context.Context, tx Tx, r *fleet.Reach, lost *int64) error {
	return tx.QueryRow(ctx, c.with+`
		SELECT COUNT(*), COUNT(DISTINCT NULLIF(u.mail, '')),
			COUNT(CASE WHEN u.mail = '' AND u.mobile = '' AND NOT EXISTS (
				SELECT 1 FROM devices d LEFT JOIN push_tokens t ON t.device_key = d.key
				WHERE d.user_key = u.key AND (t.state = 'live' OR d.phone_number <> '')) THEN 1 END)
		FROM users u WHERE `+c.person, c.args...).Scan(&r.Users, &r.SMTP, lost)
}

// countMail counts the typed addresses that nobody of the audience has.
func (c *audience) countMail(ctx context.Context, tx Tx, typed []string) (n int64, err error) {
	if len(typed) == 0 {
		return 0, nil
	}
	list, err := jsonList(typed)
	if err != nil {
		return 0, err
	}
	query := c.with + `SELECT COUNT(DISTINCT a.mail) FROM (SELECT ` + c.s.pick(0, textKind) + ` AS mail FROM ` + c.s.each(c.arg(list)) + `) a
		WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.mail = a.mail AND ` + c.person + `)`
	err = tx.QueryRow(ctx, query, c.args...).Scan(&n)
	return n, err
}

func (c *audience) countNumbers(ctx context.Context, tx Tx, typed []string) (n int64, err error) {
	list, err := jsonList(typed)
	if err != nil {
		return 0, err
	}
	query := c.with + `SELECT COUNT(*) FROM (
		SELECT u.mobile FROM users u WHERE u.mobile <> '' AND ` + c.person + `
		UNION SELECT d.phone_number FROM devices d WHERE d.phone_number <> '' AND ` + c.device + `
		UNION SELECT ` + c.s.pick(0, textKind) + ` FROM ` + c.s.each(c.arg(list)) + `) numbers`
	err = tx.QueryRow(ctx, query, c.args...).Scan(&n)
	return n, err
}

// sample shows the first devices with their people, then people without a device of the audience.
func (c *audience) sample(ctx context.Context, tx Tx) ([]fleet.Sample, error) {
	rows, err := tx.Query(ctx, fmt.Sprintf(`%s SELECT d.id, COALESCE(u.id, ''), d.name, %s FROM %s
		WHERE %s ORDER BY d.key LIMIT %d`, c.with, deviceUserName, deviceTables(c.scope), c.device, sampleSize), c.args...)
	list, err := all(rows, err, func(r Row) (s fleet.Sample, err error) {
		var person string
		err = r.Scan(&s.DeviceID, &s.UserID, &s.Name, &person)
		s.Name = cmp.Or(s.Name, person, string(s.DeviceID))
		return s, err
	})
	if err != nil || len(list) == sampleSize {
		return list, err
	}
	rows, err = tx.Query(ctx, fmt.Sprintf(`%s SELECT u.id, %s FROM users u
		WHERE %s AND NOT EXISTS (SELECT 1 FROM devices d WHERE d.user_key = u.key AND %s) ORDER BY u.key LIMIT %d`,
		c.with, deviceUserName, c.person, c.device, sampleSize-len(list)), c.args...)
	people, err := all(rows, err, func(r Row) (s fleet.Sample, err error) {
		err = r.Scan(&s.UserID, &s.Name)
		return s, err
	})
	return append(list, people...), err
}
