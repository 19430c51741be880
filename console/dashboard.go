package console

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/message"
	"heliograph/store"
)

// Figures are what the dashboard counts.
type Figures interface {
	// RecentFigures says what the fleet is made of, of a large one as it was when somebody last looked.
	RecentFigures(ctx context.Context, scope access.Scope) (fleet.Figures, error)
	ListNotifications(ctx context.Context, scope access.Scope, f store.NotificationFilter, p store.Page) ([]message.Notification, string, error)
	// DeliveriesPerHour counts the deliveries that became final, oldest hour first. Hours without any are absent.
	DeliveriesPerHour(ctx context.Context, since time.Time) ([]store.HourCount, error)
	// AnythingAccepted reports whether any message was ever accepted by a provider.
	AnythingAccepted(ctx context.Context) (bool, error)
}

// dashboardPage is the first page: how the fleet and its messages are, and what needs a hand.
type dashboardPage struct {
	Trouble []trouble
	Ending  []expiring
	Failing []Certificate // that do not come
	Setup   []setupStep   // nil = the first message was delivered
	Fleet   fleet.Figures
	Whole   bool       // of all deliveries; who is limited to groups sees no part of their counts
	Day     dayFigures // nothing unless Whole
	Recent  []message.Notification
	Ready   []sendable // templates that can be sent by hand
}

// trouble is a server that is paused, or behind which some hosts are.
type trouble struct {
	Family serverFamily
	Server channel.Server
}

// setupStep is one line of the checklist that leads to the first message.
type setupStep struct {
	Name, Path string
	Done       bool
}

func (p dashboardPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "dashboard.title"), Nav: "dashboard"}
}

// liveEvery is how often the dashboard looks again, in seconds.
const liveEvery = 5

// recentNotifications is how many of them the dashboard shows.
const recentNotifications = 7

func (c *console) dashboard(w http.ResponseWriter, r *http.Request) error {
	p, err := c.lookAround(r.Context(), actor(r))
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

// dashboardLive is the parts of the dashboard that change.
func (c *console) dashboardLive(w http.ResponseWriter, r *http.Request) error {
	p, err := c.lookAround(r.Context(), actor(r))
	if err != nil {
		return err
	}
	return c.showPart(w, r, p.changes())
}

func (c *console) lookAround(ctx context.Context, a access.Actor) (p dashboardPage, err error) {
	if p.Fleet, err = c.Figures.RecentFigures(ctx, a.Scope); err != nil {
		return p, err
	}
	if p.Recent, _, err = c.Figures.ListNotifications(ctx, a.Scope, store.NotificationFilter{}, store.Page{Limit: recentNotifications}); err != nil {
		return p, err
	}
	if p.Ready, err = c.sendables(ctx); err != nil {
		return p, err
	}
	if p.Whole = a.Scope.All(); !p.Whole {
		return p, nil
	}
	return p, c.lookFurther(ctx, a, &p)
}

// lookFurther adds what belongs to nobody's groups: the deliveries of everybody, and how the installation does.
func (c *console) lookFurther(ctx context.Context, a access.Actor, p *dashboardPage) error {
	hours, err := c.Figures.DeliveriesPerHour(ctx, c.Now().Add(-23*time.Hour))
	if err != nil {
		return err
	}
	p.Day = dayOf(hours, c.Now())
	if p.Trouble, err = c.trouble(ctx); err != nil {
		return err
	}
	if !a.May(access.SeeSettings) {
		return nil
	}
	p.Failing = c.failing()
	if p.Ending, err = c.expiring(ctx); err != nil || !a.May(access.Configure) {
		return err
	}
	p.Setup, err = c.setup(ctx, p.Fleet.Devices)
	return err
}

func (c *console) trouble(ctx context.Context) (list []trouble, err error) {
	for _, f := range serverFamilies {
		servers, err := c.serversOf(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, s := range servers {
			if s.Pause != nil || len(s.Resting) > 0 {
				list = append(list, trouble{f, s})
			}
		}
	}
	return list, nil
}

// setup is the way to the first message; nil once one was accepted.
func (c *console) setup(ctx context.Context, devices int64) ([]setupStep, error) {
	done, err := c.Figures.AnythingAccepted(ctx)
	if done || err != nil {
		return nil, err
	}
	var steps []setupStep
	for _, f := range serverFamilies {
		servers, err := c.serversOf(ctx, f)
		if err != nil {
			return nil, err
		}
		active := slices.ContainsFunc(servers, func(s channel.Server) bool { return s.Active })
		steps = append(steps, setupStep{f.name, f.path, active})
	}
	return append(steps, setupStep{"devices", "/devices", devices > 0}, setupStep{"message", "/notify", false}), nil
}

// doneSteps counts what is behind.
func doneSteps(steps []setupStep) (n int64) {
	for _, s := range steps {
		if s.Done {
			n++
		}
	}
	return n
}

// dayFigures are the deliveries of the last 24 hours, by hour.
type dayFigures struct {
	Hours  []time.Time
	counts map[message.Channel]map[message.State][]int64 // one number for each hour
}

func dayOf(list []store.HourCount, now time.Time) dayFigures {
	d := dayFigures{counts: map[message.Channel]map[message.State][]int64{}}
	first := now.UTC().Truncate(time.Hour).Add(-23 * time.Hour)
	for i := range 24 {
		d.Hours = append(d.Hours, first.Add(time.Duration(i)*time.Hour))
	}
	for _, one := range list {
		i := int(one.Hour.Sub(first) / time.Hour)
		if i < 0 || i >= len(d.Hours) {
			continue
		}
		if d.counts[one.Channel] == nil {
			d.counts[one.Channel] = map[message.State][]int64{}
		}
		if d.counts[one.Channel][one.State] == nil {
			d.counts[one.Channel][one.State] = make([]int64, len(d.Hours))
		}
		d.counts[one.Channel][one.State][i] += one.N
	}
	return d
}

// In is the number of deliveries that came to one of the states.
func (d dayFigures) In(states ...message.State) (n int64) {
	for _, byState := range d.counts {
		for _, s := range states {
			for _, count := range byState[s] {
				n += count
			}
		}
	}
	return n
}

// At is the number of deliveries of a channel in a state within one hour.
func (d dayFigures) At(c message.Channel, s message.State, hour int) int64 {
	if list := d.counts[c][s]; list != nil {
		return list[hour]
	}
	return 0
}

// Channels are those that anything was sent by.
func (d dayFigures) Channels() (list []message.Channel) {
	for _, c := range message.Channels {
		if d.counts[c] != nil {
			list = append(list, c)
		}
	}
	return list
}

// plotStates are the states of the plot, from the bottom up.
var plotStates = []message.State{message.Delivered, message.Sent, message.Skipped, message.Cancelled, message.Unknown, message.Failed}

// States are those that occurred, in the order of the plot.
func (d dayFigures) States() (list []message.State) {
	for _, s := range plotStates {
		if d.In(s) > 0 {
			list = append(list, s)
		}
	}
	return list
}

// plotData is what plot.js draws: for each channel, and for all, one list of numbers for each state.
type plotData struct {
	Times  []int64              `json:"times"` // seconds since 1970
	States []plotState          `json:"states"`
	Values map[string][][]int64 `json:"values"`          // by channel, "all" = their sum
	Lines  bool                 `json:"lines,omitempty"` // beside each other, and not on top
}

type plotState struct {
	Name  string `json:"name"`
	Label string `json:"label"`
}

func (d dayFigures) plot(ctx context.Context) (string, error) {
	data := plotData{States: []plotState{}, Values: map[string][][]int64{"all": {}}}
	for _, hour := range d.Hours {
		data.Times = append(data.Times, hour.Unix())
	}
	for _, s := range d.States() {
		data.States = append(data.States, plotState{s.String(), tf(ctx, "state", s.String())})
		sum := make([]int64, len(d.Hours))
		for _, c := range d.Channels() {
			list := slices.Clone(d.counts[c][s])
			if list == nil {
				list = make([]int64, len(d.Hours))
			}
			for i, n := range list {
				sum[i] += n
			}
			data.Values[c.String()] = append(data.Values[c.String()], list)
		}
		data.Values["all"] = append(data.Values["all"], sum)
	}
	text, err := json.Marshal(data)
	return string(text), err
}

// waiting is the number of deliveries that are still to go.
func waiting(list []message.Notification) (n int64) {
	for _, one := range list {
		n += one.Counts.Open()
	}
	return n
}

// outcome is a notification's deliveries as parts of a bar.
func outcome(ctx context.Context, c message.Counts) (parts []segment) {
	for _, s := range []message.State{message.Delivered, message.Sent, message.Failed, message.Unknown, message.Skipped, message.Cancelled, message.Sending, message.Queued} {
		if n := c.In(s); n > 0 {
			parts = append(parts, segment{s.String(), tf(ctx, "state", s.String()), n})
		}
	}
	return parts
}

// progressKind is the colour of a notification's state.
func progressKind(p message.Progress) string {
	switch p {
	case message.Done:
		return "good"
	case message.Scheduled, message.CancelledByRequest:
		return "still"
	}
	return "busy"
}

// any reports whether anything of a channel became final within an hour.
func (d dayFigures) any(c message.Channel, hour int) bool {
	return slices.ContainsFunc(d.States(), func(s message.State) bool { return d.At(c, s, hour) > 0 })
}

func (p dashboardPage) failedMore(ctx context.Context) string {
	accepted, failed := p.Day.In(message.Sent, message.Delivered), p.Day.In(message.Failed)
	if failed == 0 {
		return t(ctx, "dashboard.day")
	}
	return t(ctx, "dashboard.failed.more", percent(ctx, failed, accepted+failed))
}

func (p dashboardPage) devicesMore(ctx context.Context) string {
	if p.Fleet.Devices == 0 {
		return t(ctx, "dashboard.devices.none")
	}
	return t(ctx, "dashboard.devices.more", percent(ctx, p.Fleet.Compliant, p.Fleet.Devices))
}

func (p dashboardPage) failedKind() string {
	if p.Day.In(message.Failed) == 0 {
		return ""
	}
	return "bad"
}

// outOfBand lets a part that was fetched again find its place by its id.
func outOfBand(again bool) templ.Attributes {
	if again {
		return templ.Attributes{"hx-swap-oob": "true"}
	}
	return nil
}

// outcomeShort is how far a notification has come, in a few words.
func outcomeShort(ctx context.Context, c message.Counts) string {
	all, failed := c.Total(), c.In(message.Failed)
	words := t(ctx, "dashboard.recent.accepted", c.In(message.Sent)+c.In(message.Delivered), all)
	if failed > 0 {
		words += " · " + tn(ctx, "dashboard.recent.failed", failed)
	}
	return words
}

// outcomeWords is a notification's bar for a screen reader.
func outcomeWords(ctx context.Context, c message.Counts) string {
	var words []string
	for _, s := range outcome(ctx, c) {
		words = append(words, s.Label+" "+number(ctx, s.N))
	}
	return strings.Join(words, ", ")
}

func jailbrokenWords(ctx context.Context, n int64) string {
	if n == 0 {
		return ""
	}
	return tn(ctx, "dashboard.jailbroken", n)
}
