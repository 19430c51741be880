package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"heliograph/store"
)

// certificates looks at those that come by ACME, of all nodes.
func certificates(ctx context.Context, b *book, s *store.Store, now time.Time) {
	list, err := s.Certificates(ctx)
	if err != nil {
		b.fail("certificates", err.Error(), "Look into the log of the database.")
		return
	}
	for _, c := range list {
		b.add(certificate(c, now))
	}
}

// challengeAdvice is what is wrong most of the time.
const challengeAdvice = "Let the authority reach the name: port 443 must lead to the listener itself (no proxy that ends TLS), or port 80 to serve --listen-http; and let this machine reach the authority's directory. It is tried again by itself."

func certificate(c store.Certificate, now time.Time) Finding {
	f := Finding{Check: "certificate " + c.Name, Verdict: OK, Detail: "comes by ACME, until " + c.Ends.Format(time.DateOnly)}
	failed := ""
	if !c.FailingSince.IsZero() {
		failed = fmt.Sprintf("since %s: %s", c.FailingSince.Format(time.RFC3339), c.Reason)
	}
	none := strings.TrimSpace(c.Directory + " gives none " + failed)
	switch {
	case c.Ends.IsZero() && failed == "":
		f.Verdict, f.Detail, f.Advice = Warning, "there is none yet from "+c.Directory, "Wait a minute, and look again."
	case c.Ends.IsZero():
		f.Verdict, f.Detail, f.Advice = Failed, none, challengeAdvice
	case now.After(c.Ends):
		f.Verdict, f.Detail, f.Advice = Failed, "ended on "+c.Ends.Format(time.DateOnly)+"; "+none, challengeAdvice
	case failed != "":
		f.Verdict, f.Detail, f.Advice = Warning, "ends on "+c.Ends.Format(time.DateOnly)+", and is not renewed "+failed, challengeAdvice
	}
	return f
}
