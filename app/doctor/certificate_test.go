package doctor

import (
	"strings"
	"testing"
	"time"

	"heliograph/store"
)

// What doctor says of a certificate by ACME follows from when it ends and how the last attempt went.
func TestCertificate(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ends, ended, since := now.AddDate(0, 0, 20), now.AddDate(0, 0, -1), now.Add(-3*time.Hour)
	for name, c := range map[string]struct {
		is      store.Certificate
		verdict Verdict
		says    []string
	}{
		"good":         {store.Certificate{Ends: ends}, OK, []string{"by ACME, until 2026-12-11"}},
		"not yet":      {store.Certificate{}, Warning, []string{"none yet from https://ca.example.com"}},
		"never came":   {store.Certificate{FailingSince: since, Reason: "dns: nowhere"}, Failed, []string{"gives none since 2026-11-21T09:00:00Z: dns: nowhere", "443", "80"}},
		"not renewed":  {store.Certificate{Ends: ends, FailingSince: since, Reason: "dns: nowhere"}, Warning, []string{"ends on 2026-12-11, and is not renewed since", "dns: nowhere"}},
		"over":         {store.Certificate{Ends: ended, FailingSince: since, Reason: "dns: nowhere"}, Failed, []string{"ended on 2026-11-20", "dns: nowhere"}},
		"over, silent": {store.Certificate{Ends: ended}, Failed, []string{"ended on 2026-11-20"}},
	} {
		c.is.Name, c.is.Directory = "a.example.com", "https://ca.example.com"
		got := certificate(c.is, now)
		if got.Check != "certificate a.example.com" || got.Verdict != c.verdict || (got.Verdict == OK) != (got.Advice == "") {
			t.Errorf("%s: %+v", name, got)
		}
		for _, word := range c.says {
			if !strings.Contains(got.Detail+got.Advice, word) {
				t.Errorf("%s does not say %q: %+v", name, word, got)
			}
		}
	}
}
