package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/mailbox"
)

// mailHealthPage is how mail push does: what happens, how long it takes, and what needs a hand.
type mailHealthPage struct {
	mailbox.Health
	Span    int // hours that are shown
	Enabled bool
	Setup   []setupStep // nil = the first event came
	Ends    []credential
}

func (p mailHealthPage) heading(ctx context.Context) heading { return mailHeading(ctx) }

// mailSpans are how far back the page can look, in hours.
var mailSpans = []int{24, 7 * 24, 30 * 24}

// spanOf is what was asked for.
func spanOf(r *http.Request) int {
	for _, span := range mailSpans {
		if strconv.Itoa(span) == r.FormValue("hours") {
			return span
		}
	}
	return mailSpans[0]
}

func (c *console) mailHealth(w http.ResponseWriter, r *http.Request) error {
	p, err := c.mailNow(r.Context(), spanOf(r))
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

// mailHealthLive is the parts of the page that change.
func (c *console) mailHealthLive(w http.ResponseWriter, r *http.Request) error {
	p, err := c.mailNow(r.Context(), spanOf(r))
	if err != nil {
		return err
	}
	return c.showPart(w, r, p.changes())
}

func (c *console) mailNow(ctx context.Context, span int) (p mailHealthPage, err error) {
	p.Span = span
	settings, err := c.MailPush.MailSettings(ctx)
	if err != nil {
		return p, err
	}
	p.Enabled = settings.Enabled
	if p.Health, err = c.MailPush.MailHealth(ctx, span); err != nil {
		return p, err
	}
	if p.Ends, err = c.credentials(ctx); err != nil {
		return p, err
	}
	if p.sum(figureEvent) == 0 {
		p.Setup, err = c.mailSetup(ctx, p)
	}
	return p, err
}

// mailSetup is the way to the first event; nil once one came.
func (c *console) mailSetup(ctx context.Context, p mailHealthPage) ([]setupStep, error) {
	if longest := mailSpans[len(mailSpans)-1]; p.Span != longest {
		h, err := c.MailPush.MailHealth(ctx, longest)
		if err != nil {
			return nil, err
		}
		if p.Health = h; p.sum(figureEvent) > 0 {
			return nil, nil
		}
	}
	apps, err := c.MailPush.MailApps(ctx)
	if err != nil {
		return nil, err
	}
	place, err := c.MailPush.MailPlace(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := c.MailPush.AppKeys(ctx)
	if err != nil {
		return nil, err
	}
	return []setupStep{
		{"provider", "/settings/push-providers", len(apps) > 0},
		{"addresses", mailSettingsPath + "#registration_url", reachable(place.Registration) && reachable(place.Listener)},
		{"key", appKeysPath, slices.ContainsFunc(keys, mailbox.AppKey.Valid)},
		{"registration", mailConfigurationPath, len(p.Registrations) > 0},
		{"event", mailNetworkPath, false},
	}, nil
}

// reachable reports whether others than this machine may reach an origin.
func reachable(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" || u.Hostname() == "localhost" {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return err != nil || !address.IsLoopback()
}

// The figures that the page tells apart, by the API's words.
const (
	figureEvent       = "event"
	figureHeartbeat   = "heartbeat"
	figureAccepted    = "accepted"
	figurePending     = "pending"
	figureUnsubscribe = "unsubscribe"
	figureGap         = "gap"
)

// plotFigures are those of the plot, answerFigures what push providers did with wakes, and postFigures what became of
// posts that were no event.
var (
	plotFigures   = []string{figureEvent, figureAccepted, figureHeartbeat}
	answerFigures = []string{figureAccepted, figurePending, "rejected", "dead", "expired", "superseded"}
	postFigures   = []string{"unknown", "barred", "refused", "busy", figureUnsubscribe, figureGap, "reminded"}
)

// colours of figures: the classes seg-<colour> and the variables --plot-<colour>.
var mailColours = map[string]string{
	figureEvent: "a", figureAccepted: "b", figureHeartbeat: "f", figurePending: "c", "rejected": "d", "dead": "failed", "expired": "e", "superseded": "f",
}

// sum counts a figure over the whole time.
func (p mailHealthPage) sum(figure string) (n int64) {
	for _, h := range p.Hours {
		if h.What.String() == figure {
			n += h.N
		}
	}
	return n
}

// series is a figure by hour: one number for each hour of the time, the last is the present one.
func (p mailHealthPage) series(figure string) []int64 {
	list := make([]int64, p.Span)
	first := p.hours()[0]
	for _, h := range p.Hours {
		i := int(h.Hour.Sub(first) / time.Hour)
		if h.What.String() == figure && i >= 0 && i < len(list) {
			list[i] += h.N
		}
	}
	return list
}

// hours of the time, oldest first.
func (p mailHealthPage) hours() []time.Time {
	first := p.At.UTC().Truncate(time.Hour).Add(-time.Duration(p.Span-1) * time.Hour)
	list := make([]time.Time, p.Span)
	for i := range list {
		list[i] = first.Add(time.Duration(i) * time.Hour)
	}
	return list
}

// plot is what plot.js draws.
func (p mailHealthPage) plot(ctx context.Context) (string, error) {
	data := plotData{Lines: true, Values: map[string][][]int64{}}
	for _, hour := range p.hours() {
		data.Times = append(data.Times, hour.Unix())
	}
	for _, figure := range plotFigures {
		data.States = append(data.States, plotState{mailColours[figure], tf(ctx, "mailpush.figure", figure)})
		data.Values["all"] = append(data.Values["all"], p.series(figure))
	}
	text, err := json.Marshal(data)
	return string(text), err
}

// perHour is a row of the table below the plot.
type perHour struct {
	At     time.Time
	Counts []int64 // of plotFigures
}

// rows are the hours in which anything happened, newest first.
func (p mailHealthPage) rows() (list []perHour) {
	var all [][]int64
	for _, figure := range plotFigures {
		all = append(all, p.series(figure))
	}
	for i, hour := range p.hours() {
		row, some := perHour{At: hour}, false
		for _, counts := range all {
			row.Counts = append(row.Counts, counts[i])
			some = some || counts[i] > 0
		}
		if some {
			list = append(list, row)
		}
	}
	slices.Reverse(list)
	return list
}

// answers are what push providers did with wakes, as parts of a bar.
func (p mailHealthPage) answers(ctx context.Context) (parts []segment) {
	for _, figure := range answerFigures {
		if n := p.sum(figure); n > 0 {
			parts = append(parts, segment{mailColours[figure], tf(ctx, "mailpush.figure", figure), n})
		}
	}
	return parts
}

// because lists why something happened to wakes, or to posts; most frequent first.
func (p mailHealthPage) because(figures []string) (list []mailbox.HealthReason) {
	for _, r := range p.Reasons {
		if slices.Contains(figures, r.What.String()) {
			list = append(list, r)
		}
	}
	return list
}

// counted are the figures of a list that are not zero.
func (p mailHealthPage) counted(figures []string) (list []string) {
	for _, figure := range figures {
		if p.sum(figure) > 0 {
			list = append(list, figure)
		}
	}
	return list
}

// registrations counts those of a state; of any when it is 0.
func (p mailHealthPage) registrations(state mailbox.State) (n int64) {
	for _, r := range p.Registrations {
		if r.State == state || state == 0 {
			n += r.N
		}
	}
	return n
}

// alarms are the mail servers that lost most of their subscriptions.
func (p mailHealthPage) alarms() (list []mailbox.HealthServer) {
	for _, s := range p.Servers {
		if !s.Alarm.IsZero() {
			list = append(list, s)
		}
	}
	return list
}

func (p mailHealthPage) registrationsMore(ctx context.Context) string {
	if n := p.registrations(mailbox.TokenRejected); n > 0 {
		return tn(ctx, "mailpush.registrations.rejected", n)
	}
	return t(ctx, "mailpush.registrations.more")
}

func (p mailHealthPage) pendingMore(ctx context.Context) string {
	if p.Pending == 0 || p.PendingSince.IsZero() {
		return t(ctx, "mailpush.pending.none")
	}
	return t(ctx, "mailpush.pending.since", ago(ctx, p.PendingSince))
}

func (p mailHealthPage) pendingKind() string {
	if p.Pending == 0 {
		return ""
	}
	return "bad"
}

func (p mailHealthPage) spanWords(ctx context.Context) string {
	return tf(ctx, "mailpush.within", strconv.Itoa(p.Span))
}

// silentAfter is how long no node may have said that it listens, before the page says that none does.
const silentAfter = time.Minute

// deaf reports whether nobody listens.
func (p mailHealthPage) deaf() bool { return p.HeardAt.IsZero() || p.At.Sub(p.HeardAt) > silentAfter }

// column is one bucket of a histogram.
type column struct {
	mailbox.HealthBucket
	Part float64 // of the largest, in percent
}

// histogram is how long one leg of the way took, without the empty buckets at both ends.
func (p mailHealthPage) histogram(leg mailbox.Leg) (list []column) {
	counts, most := map[int]int64{}, int64(0)
	for _, b := range p.Latency {
		if b.Leg == leg {
			counts[b.Bound] += b.N
			most = max(most, counts[b.Bound])
		}
	}
	if most == 0 {
		return nil
	}
	for _, bound := range mailbox.LatencyBounds {
		n := counts[bound]
		list = append(list, column{mailbox.HealthBucket{Leg: leg, Bound: bound, N: n}, 100 * float64(n) / float64(most)})
	}
	for list[0].N == 0 {
		list = list[1:]
	}
	for list[len(list)-1].N == 0 {
		list = list[:len(list)-1]
	}
	return list
}

// width of a column's bar, as SVG wants it. What is there is seen.
func (c column) width() string {
	if c.N == 0 {
		return "0"
	}
	return strconv.FormatFloat(max(c.Part, 0.5), 'f', 2, 64) + "%"
}

// boundOf is the bound below which a part of all stayed, in milliseconds; ok is false when it is above all bounds.
func boundOf(list []column, percent int64) (bound int, ok bool) {
	var all, so int64
	for _, c := range list {
		all += c.N
	}
	for _, c := range list {
		if so += c.N; so*100 >= all*percent {
			return c.Bound, c.Bound > 0
		}
	}
	return 0, false
}

// boundWords writes the bound of a bucket.
func boundWords(ctx context.Context, ms int) string {
	if ms < 1000 {
		return t(ctx, "mailpush.ms", ms)
	}
	return t(ctx, "mailpush.s", ms/1000)
}

// bucketWords says how long what is in a bucket took.
func bucketWords(ctx context.Context, b mailbox.HealthBucket) string {
	if b.Bound == 0 {
		return t(ctx, "mailpush.above", boundWords(ctx, mailbox.LatencyBounds[len(mailbox.LatencyBounds)-2]))
	}
	return t(ctx, "mailpush.below", boundWords(ctx, b.Bound))
}

// shares are the parts of all that a histogram is summed up by, in percent.
var shares = []int64{50, 95, 99}

// shareWords says how long a part of all took.
func shareWords(ctx context.Context, list []column, share int64) string {
	bound, ok := boundOf(list, share)
	if !ok {
		return bucketWords(ctx, mailbox.HealthBucket{})
	}
	return bucketWords(ctx, mailbox.HealthBucket{Bound: bound})
}

// releaseBrake is what an administrator says of an app that is braked: its devices are gone, or they live.
func (c *console) releaseBrake(dead bool) func(http.ResponseWriter, *http.Request) error {
	said := map[bool]string{true: "mailpush.brake.confirmed", false: "mailpush.brake.dismissed"}[dead]
	return func(w http.ResponseWriter, r *http.Request) error {
		app := r.FormValue("app")
		held, err := c.MailPush.ReleaseBrake(r.Context(), actor(r), app, dead)
		switch {
		case errors.Is(err, mailbox.ErrNoBrake):
			c.say(r, "info", t(r.Context(), "mailpush.brake.none"))
		case err != nil:
			return err
		default:
			c.say(r, "success", tn(r.Context(), said, held, app))
		}
		return goTo(w, r, mailPath)
	}
}

// brakePath is where the answer about a braked app goes.
func brakePath(answer, app string) string {
	return mailPath + "/brakes/" + answer + "?app=" + url.QueryEscape(app)
}

// credential is a certificate or a key that mail push works with.
type credential struct {
	Name, Kind string
	Path       string           // of the server that has it; empty = none
	Expiries   []channel.Expiry // none = it does not end by itself
	Served     Certificate      // of a listener; zero = it is none
}

// Certificate is one of those that a listener of this process serves.
type Certificate struct {
	Listener string    // console, registration, mailbox
	Name     string    // that it is for
	Ends     time.Time // NotAfter; zero = there is none yet

	Automatic    bool      // it comes by ACME, and is renewed by itself
	FailingSince time.Time // since when it does not come; zero = it does
	Reason       string    // why, in the authority's words
}

// Failing reports whether an authority does not give it.
func (c Certificate) Failing() bool { return !c.FailingSince.IsZero() }

// expiries is when it ends, if there is one.
func (c Certificate) expiries() []channel.Expiry {
	if c.Ends.IsZero() {
		return nil
	}
	return []channel.Expiry{{At: c.Ends, Whose: c.Name}}
}

// failing lists the certificates that authorities do not give, each once.
func (c *console) failing() (list []Certificate) {
	if c.Certificates == nil {
		return nil
	}
	for _, one := range c.Certificates() {
		known := slices.ContainsFunc(list, func(other Certificate) bool { return other.Name == one.Name })
		if one.Failing() && !known {
			list = append(list, one)
		}
	}
	return list
}

// pillOf is the colour of its end. One that is renewed by itself ends soon all the time, and is well.
func (c credential) pillOf(ctx context.Context, e channel.Expiry) string {
	if c.Served.Automatic && !c.Served.Failing() && !e.Over(viewOf(ctx).now) {
		return "still"
	}
	return expiryKind(ctx, e)
}

// mailListeners are those that mail push has.
var mailListeners = []string{"registration", "mailbox"}

// credentials lists what wakes leave by, and what the listeners serve.
func (c *console) credentials(ctx context.Context) (list []credential, err error) {
	family := pushFamily()
	servers, err := c.Servers.Servers(ctx, string(fleet.APNs), string(fleet.FCM), string(fleet.WebPush))
	if err != nil {
		return nil, err
	}
	for _, s := range servers {
		list = append(list, credential{Name: s.Name, Kind: s.Kind, Path: serverPath(family, s.ID), Expiries: expiriesOf(ctx, s)})
	}
	if c.Certificates == nil {
		return list, nil
	}
	for _, one := range c.Certificates() {
		if slices.Contains(mailListeners, one.Listener) {
			list = append(list, credential{Name: one.Name, Kind: one.Listener, Expiries: one.expiries(), Served: one})
		}
	}
	return list, nil
}

// pushFamily is that of the push providers.
func pushFamily() serverFamily {
	return serverFamilies[slices.IndexFunc(serverFamilies, func(f serverFamily) bool { return f.name == "push" })]
}
