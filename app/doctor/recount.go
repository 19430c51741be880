package doctor

import (
	"context"
	"fmt"
	"time"

	"heliograph/store"
)

// namedDifferences is how many differences are told one by one.
const namedDifferences = 20

// Recount compares the counters with what they count, and corrects them when repair is set.
func Recount(ctx context.Context, s *store.Store, kept time.Time, repair bool, tell func(Finding)) Report {
	b := &book{tell: tell}
	r, err := s.Recount(ctx, kept, repair)
	if err != nil {
		b.fail("counters", "could not be compared: "+err.Error(), "Look into the log of the database.")
		return b.report()
	}
	for i, d := range r.Differences {
		if i == namedDifferences {
			b.fail("counters", fmt.Sprintf("and %d more", len(r.Differences)-i), "")
			break
		}
		if repair {
			b.warn("counters", d.String(), "It was corrected.")
		} else {
			b.fail("counters", d.String(), "Run heliograph doctor --recount --repair, and report it: this must not happen.")
		}
	}
	if r.Moving > 0 {
		b.warn("counters", fmt.Sprintf("%d notifications changed all the time and were not compared", r.Moving), "Compare again when less is going on.")
	}
	if len(r.Differences) == 0 {
		b.fine("counters", "agree with %d deliveries of %d notifications (%d more were cleaned up)", r.Deliveries, r.Notifications, r.Cleaned)
	}
	return b.report()
}
