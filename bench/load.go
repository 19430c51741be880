package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"
)

// sender is a running engine, with its API.
type sender struct {
	*process
	ctx   context.Context
	api   string
	token string
	http  *http.Client
}

// fill makes the installation.
func (b *bench) fill(ctx context.Context, p *place, n int) error {
	w, err := b.work("fill", b.task(p, content{}, n))
	if err != nil {
		return err
	}
	defer w.end()
	var done filled
	if err := w.ask(ctx, "", &done); err != nil {
		return err
	}
	p.token = done.Token
	<-w.Done() // its database is closed now
	return nil
}

func (b *bench) task(p *place, c content, n int) task {
	t := task{Sims: b.sims, Subject: b.What, Case: c.name, Devices: n}
	if p != nil {
		t.Dir, t.Database = p.dir, p.database
		t.Cert, t.Key = filepath.Join(b.dir, certFile), filepath.Join(b.dir, keyFile)
	}
	return t
}

// startSender starts a sending process.
func (b *bench) startSender(ctx context.Context, p *place) (*sender, error) {
	t := b.task(p, content{}, p.devices)
	t.Profile = b.profilePath(p)
	w, err := b.work("serve", t)
	if err != nil {
		return nil, err
	}
	var up started
	if err := w.ask(ctx, "", &up); err != nil {
		return nil, err
	}
	return &sender{w, ctx, up.API, p.token, &http.Client{Timeout: time.Minute}}, nil
}

func (s *sender) usage() (u usage, err error) {
	err = s.ask(s.ctx, "usage", &u)
	return u, err
}

// runBare starts a bare loop and reads what it used.
func (b *bench) runBare(ctx context.Context, c content, n int) (time.Duration, error) {
	w, err := b.work("bare", b.task(nil, c, n))
	if err != nil {
		return 0, err
	}
	defer w.end()
	var u usage
	err = w.ask(ctx, "", &u)
	return u.CPU, err
}

// notification is what we read of the API's.
type notification struct {
	ID         string                    `json:"id"`
	State      string                    `json:"state"`
	FinishedAt *time.Time                `json:"finished_at"`
	Recipients int                       `json:"recipients"`
	Counts     map[string]map[string]int `json:"counts"`
}

// send says something to everybody and returns how long it took until the last outcome, or until the last delivery was
// made when only that is measured.
func (s *sender) send(ctx context.Context, c content, n int, expanding bool) (time.Duration, error) {
	start := time.Now()
	made, err := s.begin(ctx, c, map[string]any{"all": true})
	if err != nil {
		return 0, err
	}
	end := start
	if made, end, err = s.wait(ctx, made.ID, n, expanding); err != nil {
		return 0, err
	}
	return end.Sub(start), made.check(n, expanding)
}

// begin asks for a notification.
func (s *sender) begin(ctx context.Context, c content, audience map[string]any) (made notification, err error) {
	parts := map[string]any{}
	if c.Push != nil {
		parts["push"] = map[string]string{"message": c.Push.Message}
	}
	if c.SMTP != nil {
		parts["smtp"] = map[string]string{"subject": c.SMTP.Subject, "message": c.SMTP.Message}
	}
	if c.SMS != nil {
		parts["sms"] = map[string]string{"message": c.SMS.Message}
	}
	err = s.call(ctx, http.MethodPost, "/notifications", map[string]any{"audience": audience, "ad_hoc": parts}, &made)
	return made, err
}

// interval is how long to wait between two looks, for looking is work too. The end of an expansion is seen by looking
// alone; that of a notification is written down.
func interval(n int, expanding bool) time.Duration {
	const often, seldom = 10 * time.Millisecond, 250 * time.Millisecond
	if !expanding {
		return seldom
	}
	return min(max(time.Duration(n)*time.Microsecond, often), seldom)
}

// wait looks again and again until the notification came to its end.
func (s *sender) wait(ctx context.Context, id string, n int, expanding bool) (made notification, end time.Time, err error) {
	tick := time.NewTicker(interval(n, expanding))
	defer tick.Stop()
	for {
		if err := s.call(ctx, http.MethodGet, "/notifications/"+id, nil, &made); err != nil {
			return made, end, err
		}
		switch {
		case expanding && made.State == "sending":
			return made, time.Now(), nil
		case made.FinishedAt != nil:
			return made, *made.FinishedAt, nil
		}
		select {
		case <-ctx.Done():
			return made, end, ctx.Err()
		case <-tick.C:
		}
	}
}

// check makes sure that what was measured is what should be: a fast failure is no speed.
func (m notification) check(n int, expanding bool) error {
	wanted, got := []string{"sent", "delivered"}, 0
	if expanding {
		wanted = []string{"queued"}
	}
	for _, states := range m.Counts {
		for _, state := range wanted {
			got += states[state]
		}
	}
	if got != n || m.Recipients != n {
		return fmt.Errorf("of %d deliveries for %d people %d are %v: %v", m.Recipients, n, got, wanted, m.Counts)
	}
	return nil
}

// call asks the API.
func (s *sender) call(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, s.api+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(r)
	if err != nil {
		return fmt.Errorf("asking the sender: %w", err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("asking the sender: %w", err)
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("the sender answered %s: %s", resp.Status, got)
	}
	return json.Unmarshal(got, answer)
}
