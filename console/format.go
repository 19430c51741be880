package console

import (
	"context"
	"time"

	"heliograph/console/text"
)

// t is the text of a key in the language of who looks; see package text.
func t(ctx context.Context, key string, args ...any) string {
	return viewOf(ctx).catalogue.T(key, args...)
}

// tn is the text of a key for n things.
func tn(ctx context.Context, key string, n int64, args ...any) string {
	return viewOf(ctx).catalogue.N(key, n, args...)
}

// tf is a text of a family: its key is made of the family's and a word from a closed set. Families are listed in the
// catalogue's test.
func tf(ctx context.Context, family, word string) string {
	return viewOf(ctx).catalogue.T(family + "." + word)
}

// said is an English sentence of another package in the language of who looks; see text/sentence.go.
func said(ctx context.Context, english string) string {
	return viewOf(ctx).catalogue.Sentence(english)
}

// about puts what is said of something behind its name.
func about(ctx context.Context, subject, words string) string {
	return t(ctx, "form.about", subject, words)
}

// inEnglish is ctx for what scripts read: files have one language, like the API.
func inEnglish(ctx context.Context) context.Context {
	v := *viewOf(ctx)
	v.catalogue = text.English
	return context.WithValue(ctx, viewKey{}, &v)
}

// number writes n with separators.
func number(ctx context.Context, n int64) string { return viewOf(ctx).catalogue.Number(n) }

// percent writes a part of a whole.
func percent(ctx context.Context, part, whole int64) string {
	return viewOf(ctx).catalogue.Percent(part, whole)
}

// moment writes a time in the zone of who looks, such as "21 Mar 2026, 14:05 CET".
func moment(ctx context.Context, at time.Time) string {
	v := viewOf(ctx)
	return v.catalogue.Moment(at.In(v.zone))
}

// clock writes the time of day, with the day when it is not today.
func clock(ctx context.Context, at time.Time) string {
	v := viewOf(ctx)
	at, now := at.In(v.zone), v.now.In(v.zone)
	if at.YearDay() == now.YearDay() && at.Year() == now.Year() {
		return at.Format("15:04")
	}
	return v.catalogue.Day(at) + ", " + at.Format("15:04")
}

// ago says how long before now a time was, or how long after now it will be.
func ago(ctx context.Context, at time.Time) string {
	gone := viewOf(ctx).now.Sub(at)
	if gone < 0 {
		return t(ctx, "time.in", span(ctx, -gone))
	}
	if gone < 10*time.Second {
		return t(ctx, "time.now")
	}
	return t(ctx, "time.ago", span(ctx, gone))
}

// lasting says how long something that began has lasted.
func lasting(ctx context.Context, since time.Time) string {
	return span(ctx, viewOf(ctx).now.Sub(since))
}

// span writes a duration in its largest unit.
func span(ctx context.Context, d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return tn(ctx, "time.seconds", int64(d.Round(time.Second)/time.Second))
	case d < time.Hour:
		return tn(ctx, "time.minutes", int64(d/time.Minute))
	case d < 2*day:
		return tn(ctx, "time.hours", int64(d/time.Hour))
	case d < 60*day:
		return tn(ctx, "time.days", int64(d/day))
	case d < 730*day:
		return tn(ctx, "time.months", int64(d/(30*day)))
	}
	return tn(ctx, "time.years", int64(d/(365*day)))
}
