// Package doctor examines an installation, or the way from one machine to another, and says what is wrong and what to
// change.
//
// An examination is a list of checks that end in findings; none of them changes anything or sends anything to anybody.
// What needs the database and what does not stand apart, for the way to the listener is best examined on the mail server
// itself, where there is no database.
package doctor

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Verdict is how a check ended.
type Verdict string

// Verdicts. A warning is something to look at; it does not make the examination fail.
const (
	OK      Verdict = "ok"
	Warning Verdict = "warning"
	Failed  Verdict = "failed"
)

// Finding is what one check came to.
type Finding struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail"`
	Advice  string  `json:"advice,omitempty"` // what to change; empty when there is nothing
}

// Report is what an examination came to.
type Report struct {
	OK       bool      `json:"ok"` // nothing failed
	Findings []Finding `json:"checks"`
}

// Patience is how long one check may wait for others.
const Patience = 15 * time.Second

// book takes findings down as they come.
type book struct {
	list []Finding
	tell func(Finding)
}

func (b *book) add(f Finding) {
	b.list = append(b.list, f)
	if b.tell != nil {
		b.tell(f)
	}
}

func (b *book) fine(check, format string, args ...any) {
	b.add(Finding{Check: check, Verdict: OK, Detail: fmt.Sprintf(format, args...)})
}

func (b *book) warn(check, detail, advice string) {
	b.add(Finding{Check: check, Verdict: Warning, Detail: detail, Advice: advice})
}

func (b *book) fail(check, detail, advice string) {
	b.add(Finding{Check: check, Verdict: Failed, Detail: detail, Advice: advice})
}

func (b *book) report() Report {
	r := Report{OK: true, Findings: b.list}
	for _, f := range b.list {
		r.OK = r.OK && f.Verdict != Failed
	}
	return r
}

// Print writes a finding for people: a line for the finding, and one for the advice.
func (f Finding) Print(out io.Writer) error {
	mark := map[Verdict]string{OK: "ok     ", Warning: "look   ", Failed: "WRONG  "}[f.Verdict]
	_, err := fmt.Fprintf(out, "%s %-24s %s\n", mark, f.Check, f.Detail)
	if err == nil && f.Advice != "" {
		_, err = fmt.Fprintf(out, "%s %s\n", strings.Repeat(" ", len(mark)+25), "→ "+f.Advice)
	}
	return err
}

// Reach examines the way from this machine to addresses: nothing else, and without a database.
func Reach(ctx context.Context, places []Place, tell func(Finding)) Report {
	b := &book{tell: tell}
	proxies(b, places)
	for _, p := range places {
		reach(ctx, b, p)
	}
	return b.report()
}
