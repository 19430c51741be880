package console

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"heliograph/channel/gsm"
	"heliograph/fleet"
	"heliograph/template"
)

// platforms are those that the fleet has, and those that are asked for.
func (p notifyPage) platforms() (list []fleet.Platform) {
	for _, platform := range fleet.Platforms {
		has := slices.ContainsFunc(p.Figures.Platforms, func(f fleet.PlatformFigure) bool { return f.Platform == platform })
		if has || len(p.Figures.Platforms) == 0 || slices.Contains(p.Filter.Platform, platform) {
			list = append(list, platform)
		}
	}
	return list
}

// mostGroups is how many groups are offered at once.
const mostGroups = 60

// groupNames are the groups to choose from: first those that are asked for.
func (p notifyPage) groupNames() []string {
	names := slices.Clone(p.Filter.Group)
	for _, g := range p.Figures.Groups {
		if len(names) < mostGroups && !slices.Contains(names, g.Name) {
			names = append(names, g.Name)
		}
	}
	slices.Sort(names)
	return names
}

// others are the conditions that the form does not offer.
func (f *notifyForm) others() fleet.Filter {
	return fleet.Filter{OSVersion: f.Filter.OSVersion, Property: f.Filter.Property}
}

func (f *notifyForm) otherConditions(ctx context.Context) (list []string) {
	for _, c := range conditions(ctx, f.others()) {
		list = append(list, c.words)
	}
	return list
}

func (f *notifyForm) otherValues() url.Values { return filterValues(f.others()) }

func contains[T comparable](list []T, word T) bool { return slices.Contains(list, word) }

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// mayHoldMacros marks the fields into which the picker inserts.
func mayHoldMacros(name string) templ.Attributes {
	switch name {
	case "push_sound":
		return templ.Attributes{"list": "sounds"}
	case "push_badge":
		return nil
	}
	return templ.Attributes{"data-takes-macros": ""}
}

// described ties a field to its hint and to what is wrong with it.
func described(list []problem, name, hint string) templ.Attributes {
	attrs, by := templ.Attributes{}, ""
	if problemOf(list, name) != "" {
		attrs["aria-invalid"], by = "true", name+"-problem"
	}
	if hint != "" {
		by = joined(" ", by, name+"-hint")
	}
	if by != "" {
		attrs["aria-describedby"] = by
	}
	return attrs
}

// who says in words whom the form means.
func (p summaryPage) who(ctx context.Context) string {
	switch {
	case p.To == toDevices:
		return t(ctx, "summary.who.devices")
	case p.To == toFilter:
		return filterWords(ctx, p.Filter)
	}
	return t(ctx, "summary.who.all")
}

// filterWords says a filter in one line.
func filterWords(ctx context.Context, f fleet.Filter) string {
	var parts []string
	for _, c := range conditions(ctx, f) {
		parts = append(parts, c.words)
	}
	return strings.Join(parts, " · ")
}

func (p summaryPage) when(ctx context.Context) string {
	if p.When == whenNow {
		return t(ctx, "summary.when.now")
	}
	at, err := time.ParseInLocation(localTime, p.At, viewOf(ctx).zone)
	if err != nil {
		return p.At
	}
	return moment(ctx, at) + " (" + ago(ctx, at) + ")"
}

// concerns are the things to know before sending: who will not be reached, and what looks odd in the texts.
func (p summaryPage) concerns(ctx context.Context) (list []string) {
	r := p.Summary.Reach
	if r.WithoutAddress > 0 {
		list = append(list, tn(ctx, "summary.lost", r.WithoutAddress))
	}
	if n := r.Devices - r.Push; p.Push && n > 0 {
		list = append(list, tn(ctx, "summary.nopush", n))
	}
	if n := r.Users - r.SMTP; p.SMTP && n > 0 && p.MailRecipient == template.DefaultMailRecipient {
		list = append(list, tn(ctx, "summary.nomail", n))
	}
	if n := r.Users - r.SMS; p.SMS && n > 0 && p.SMSRecipient == template.DefaultNumberRecipient {
		list = append(list, tn(ctx, "summary.nonumber", n))
	}
	if parts := gsm.Measure(p.SMSMessage).Parts; p.SMS && parts > 1 {
		list = append(list, tn(ctx, "summary.parts", int64(parts)))
	}
	for _, w := range p.Summary.Warnings {
		list = append(list, about(ctx, tf(ctx, "place", fieldNamed(w.Pointer)), sentence(said(ctx, w.Detail))))
	}
	return list
}

func (p summaryPage) button(ctx context.Context) string {
	switch {
	case p.When == whenLater:
		return t(ctx, "summary.schedule")
	case p.Summary.Reach.Devices > 0:
		return tn(ctx, "summary.send", p.Summary.Reach.Devices)
	}
	return t(ctx, "summary.send")
}

// trigger says when the count is fetched: when the audience changes, and at once when the page could not wait for it.
func (r reachPart) trigger() string {
	changed := "input from:#to delay:250ms"
	if r.Pending {
		return "load, " + changed
	}
	return changed
}
