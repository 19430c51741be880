package message

import (
	"encoding/base64"
	"regexp"
	"testing"
	"time"
)

func TestDeliveryIdentity(t *testing.T) {
	a, b := DeliveryID(1<<41+1), DeliveryID(1<<41+2)
	if first, again := a.UUID(), DeliveryID(1<<41+1).UUID(); first != again || first == b.UUID() {
		t.Error("a repeat must carry the same UUID, and another delivery another one")
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(a.UUID()) {
		t.Errorf("%s is not a UUIDv5", a.UUID())
	}
	if raw, err := base64.RawURLEncoding.DecodeString(a.Topic()); err != nil || len(raw) != 16 || len(a.Topic()) != 22 {
		t.Errorf("topic %q", a.Topic())
	}
	if got, err := ParseDeliveryID(a.String()); err != nil || got != a {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "0", "-1", "x", "99999999999999999999"} {
		if _, err := ParseDeliveryID(bad); err == nil {
			t.Errorf("%q was read as an id", bad)
		}
	}
}

func TestWordsAreReadBack(t *testing.T) {
	for _, c := range Channels {
		if got, err := ParseChannel(c.String()); err != nil || got != c {
			t.Errorf("%v: %v, %v", c, got, err)
		}
	}
	for _, s := range States {
		if got, err := ParseState(s.String()); err != nil || got != s {
			t.Errorf("%v: %v, %v", s, got, err)
		}
	}
	if _, err := ParseChannel("fax"); err == nil {
		t.Error("fax is a channel")
	}
	if _, err := ParseState("lost"); err == nil {
		t.Error("lost is a state")
	}
}

func TestLifetime(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	retried := start.Add(1000 * time.Hour)
	tests := []struct {
		n    Notification
		c    Channel
		want time.Time
	}{
		{Notification{StartedAt: start}, Push, start.Add(24 * time.Hour)},
		{Notification{StartedAt: start}, SMTP, start.Add(72 * time.Hour)},
		{Notification{StartedAt: start, ExpiresIn: time.Minute}, SMTP, start.Add(time.Minute)},
		{Notification{StartedAt: start, RetriedAt: retried}, Push, retried.Add(24 * time.Hour)},
	}
	for _, test := range tests {
		if got := test.n.ExpiresAt(test.c); !got.Equal(test.want) {
			t.Errorf("%+v on %v expires %v, want %v", test.n, test.c, got, test.want)
		}
	}
}

func TestCounts(t *testing.T) {
	c := Counts{}
	c.Add(Push, Sent, 3)
	c.Add(SMTP, Queued, 2)
	c.Add(SMTP, Failed, 1)
	if c.Total() != 6 || c.Of(SMTP) != 3 || c.In(Sent) != 3 || c.Open() != 2 {
		t.Errorf("total %d, smtp %d, sent %d, open %d", c.Total(), c.Of(SMTP), c.In(Sent), c.Open())
	}
}
