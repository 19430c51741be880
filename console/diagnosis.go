package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"heliograph/fleet"
	"heliograph/mailbox"
)

// diagnosisPage asks for a support code, and shows what is known of the device that has it. It names nobody.
type diagnosisPage struct {
	Code     string // as it was typed
	Found    *mailbox.Diagnosis
	Problems []problem
}

func (p diagnosisPage) heading(ctx context.Context) heading { return mailHeading(ctx) }

func (c *console) diagnosis(w http.ResponseWriter, r *http.Request) error {
	p, status, err := c.diagnose(r)
	if err != nil {
		return err
	}
	return c.show(w, r, status, p)
}

// diagnosisLive is what is known now.
func (c *console) diagnosisLive(w http.ResponseWriter, r *http.Request) error {
	p, _, err := c.diagnose(r)
	if err != nil {
		return err
	}
	return c.showPart(w, r, p.result())
}

func (c *console) diagnose(r *http.Request) (p diagnosisPage, status int, err error) {
	ctx := r.Context()
	if p.Code = strings.TrimSpace(r.FormValue("code")); p.Code == "" {
		return p, http.StatusOK, nil
	}
	found, err := c.MailPush.Diagnosis(ctx, p.Code)
	if errors.Is(err, mailbox.ErrUnknown) {
		words := t(ctx, "diagnosis.unknown")
		if _, whole := mailbox.ParseSupportCode(p.Code); !whole {
			words = t(ctx, "diagnosis.odd")
		}
		p.Problems = []problem{{"code", t(ctx, "diagnosis.code"), words}}
		return p, http.StatusNotFound, nil
	}
	p.Found = &found
	return p, http.StatusOK, err
}

// livePath is where the page fetches what is known now.
func (p diagnosisPage) livePath() string {
	return diagnosisPath + "/live?code=" + url.QueryEscape(p.Code)
}

// stateKinds colour registrations and subscriptions.
var stateKinds = map[string]string{
	mailbox.Live.String(): "good", mailbox.TokenRejected.String(): "bad", mailbox.Tombstone.String(): "still",
	string(mailbox.SubscriptionActive): "good", string(mailbox.SubscriptionLost): "bad", string(mailbox.SubscriptionUnwatched): "still",
}

// stateWhy says why a registration is in its state; empty for one that lives.
func stateWhy(ctx context.Context, d *mailbox.Diagnosis) string {
	if d.StateReason == "" {
		return ""
	}
	return word(ctx, string(d.StateReason), "diagnosis.why", "mailpush.reason", "reason")
}

// wakeKinds colour what became of a wake.
var wakeKinds = map[string]string{"accepted": "good", "pending": "warn", "rejected": "bad", "dead": "still"}

// lineKinds colour the lines of a timeline that need a hand, or are good news.
var lineKinds = map[string]string{
	mailbox.HappenedRejected.String(): "bad", mailbox.HappenedHeld.String(): "bad", mailbox.HappenedEnded.String(): "still", mailbox.HappenedLost.String(): "bad",
	mailbox.HappenedGap.String(): "warn", mailbox.HappenedRefused.String(): "warn", mailbox.HappenedGivenUp.String(): "bad", mailbox.HappenedReminded.String(): "warn",
	mailbox.HappenedRecovered.String(): "good", mailbox.HappenedRevived.String(): "good", mailbox.LineWake: "busy", mailbox.LineEvent: "busy", mailbox.LinePing: "busy",
	mailbox.LineRegistered: "good", mailbox.LineSubscribed: "good",
}

// lineDetail says the rest of a line: a folder, a platform, or why.
func lineDetail(ctx context.Context, l mailbox.Line) string {
	result, reason, why := strings.Cut(l.Detail, ": ")
	if l.What == mailbox.LineWake && result != "" {
		words := word(ctx, result, "diagnosis.wake")
		if why {
			return about(ctx, words, mailReason(ctx, reason))
		}
		return words
	}
	if l.Detail == "" {
		return ""
	}
	return word(ctx, l.Detail, "diagnosis.folder", "mailpush.platform", "diagnosis.why", "mailpush.reason", "reason")
}

// newestLines is a timeline with what happened last on top, as people look for it.
func newestLines(list []mailbox.Line) []mailbox.Line {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// frequencyWords is a subscription's StatusFrequency.
func frequencyWords(ctx context.Context, s mailbox.Subscription) string {
	if s.Frequency == 0 {
		return t(ctx, "diagnosis.frequency.none")
	}
	return tn(ctx, "time.minutes", int64(s.Frequency/time.Minute))
}

// badgeWords is what the app's icon shows.
func badgeWords(ctx context.Context, d *mailbox.Diagnosis) string {
	if d.Badge.Count == nil {
		return t(ctx, "diagnosis.badge.none")
	}
	return number(ctx, int64(*d.Badge.Count))
}

// appWords is the app with its environment, where that is not the usual one.
func appWords(ctx context.Context, d *mailbox.Diagnosis) string {
	if d.Environment == fleet.Sandbox {
		return d.App + " (" + tf(ctx, "environment", string(d.Environment)) + ")"
	}
	return d.App
}
