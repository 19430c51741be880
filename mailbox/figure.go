package mailbox

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Figure is something that is counted. The numbers are the database's.
type Figure uint8

// What is counted, by app. Some have a reason too, a word of a closed set.
const (
	whatEvent       Figure = 1 + iota // a post that says that something changed
	whatHeartbeat                     // one that says that the mail server is alive
	whatAccepted                      // a wake that a provider took
	whatPending                       // one that waits as a pending row; the reason is the provider's, or ours
	whatRejected                      // a token that a provider does not take; its reason
	whatDead                          // an app that is gone, by a provider's word
	whatExpired                       // a wake that was too old
	whatSuperseded                    // a wake that a newer one made needless
	whatUnsubscribe                   // Unsubscribe was answered
	whatUnknown                       // no such address; without app
	whatBarred                        // not from this network
	whatRefused                       // a post that was none; the reason says why; without app
	whatBusy                          // 503: nothing could be stored
	whatGap                           // a notification went missing
	whatLost                          // a subscription that the mail server forgot; the reason is the server's short hash
	whatRecovered                     // one that is heard again; likewise
	whatReminded                      // the app was asked to subscribe anew
	figures         = iota
)

var figureNames = words[Figure]{
	whatEvent: "event", whatHeartbeat: "heartbeat", whatAccepted: "accepted", whatPending: "pending", whatRejected: "rejected",
	whatDead: "dead", whatExpired: "expired", whatSuperseded: "superseded", whatUnsubscribe: "unsubscribe", whatUnknown: "unknown",
	whatBarred: "barred", whatRefused: "refused", whatBusy: "busy", whatGap: "gap", whatLost: "lost", whatRecovered: "recovered",
	whatReminded: "reminded",
}

// String is the figure's word, in metrics and in the API.
func (f Figure) String() string { return figureNames[f] }

// Reasons of ours why a wake waits, beside those of providers (message.Reason).
const (
	reasonGap      = "gap"    // it was found missing
	reasonBudget   = "budget" // the device has had its share for now
	reasonBusy     = "busy"   // too many replies or pushes at once
	reasonDown     = "down"   // the provider is left alone for a while
	reasonNobody   = "nobody" // no provider serves the app
	reasonReminder = "resubscribe"
)

// Leg is a part of the way from a change in a mailbox to the device. The numbers are the database's.
type Leg uint8

// Legs.
const (
	Arrival  Leg = 1 + iota // from the mail server's time of the change until it is told here
	Carriage                // from there until a provider has accepted the wake
)

var legs = words[Leg]{Arrival: "arrival", Carriage: "carriage"}

// String is the leg's word, in metrics and in the API.
func (l Leg) String() string { return legs[l] }

// LatencyBounds are the upper bounds of the buckets in which times are counted, in milliseconds; 0 = above all.
var LatencyBounds = [...]int{1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 5000, 15000, 60000, 0}

// bucketOf finds the bucket of a time. Clocks differ: a change from the future took no time.
func bucketOf(took time.Duration) int {
	ms := int(max(took, 0) / time.Millisecond)
	for i, bound := range LatencyBounds {
		if ms < bound {
			return i
		}
	}
	return len(LatencyBounds) - 1
}

// HourFigure is a count to add to an hour.
type HourFigure struct {
	App    string
	What   Figure
	Reason string
	N      int64
}

// HourLatency is a bucket to add to an hour.
type HourLatency struct {
	Leg   Leg
	Bound int // of LatencyBounds
	N     int64
}

// counts are this node's, since it started.
type counts struct {
	apps    sync.Map // app → *[figures]atomic.Int64, for what has no reason
	latency [2][len(LatencyBounds)]atomic.Int64

	mu       sync.Mutex
	reasons  map[HourFigure]int64 // with N = 0
	saved    map[HourFigure]int64 // of all, what the store has
	savedLat [2][len(LatencyBounds)]int64
}

func newCounts() *counts {
	return &counts{reasons: map[HourFigure]int64{}, saved: map[HourFigure]int64{}}
}

// mostReasons bounds the map: reasons are closed sets, but for servers' hashes.
const mostReasons = 4096

func (c *counts) event(t *Target, what Figure) { c.one(t.App, what) }

func (c *counts) one(app string, what Figure) {
	list, ok := c.apps.Load(app)
	if !ok {
		list, _ = c.apps.LoadOrStore(app, new([figures]atomic.Int64))
	}
	list.(*[figures]atomic.Int64)[what-1].Add(1) //nolint:forcetypeassert // nothing else is stored
}

func (c *counts) reason(app string, what Figure, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := HourFigure{App: app, What: what, Reason: reason}
	if _, known := c.reasons[key]; !known && len(c.reasons) >= mostReasons {
		key.Reason = "other"
	}
	c.reasons[key]++
}

// Refused counts a post that was no event. why is a word of a closed set.
func (w *Waker) Refused(why string) { w.count.reason("", whatRefused, why) }

// lost counts a subscription under its server.
func (c *counts) lost(l Lost, what Figure) { c.reason(l.App, what, ServerName(l.Server)) }

// ServerName is what administrators see of a mail server: enough of its keyed hash to tell a few hundred apart.
func ServerName(hash []byte) string {
	if len(hash) < 4 {
		return ""
	}
	return hex.EncodeToString(hash[:4])
}

func (c *counts) took(leg Leg, took time.Duration) { c.latency[leg-1][bucketOf(took)].Add(1) }

// all is every count that is not zero.
func (c *counts) all() map[HourFigure]int64 {
	all := map[HourFigure]int64{}
	c.apps.Range(func(app, list any) bool {
		for i := range figures {
			if n := list.(*[figures]atomic.Int64)[i].Load(); n > 0 { //nolint:forcetypeassert // nothing else is stored
				all[HourFigure{App: app.(string), What: Figure(i + 1)}] = n //nolint:forcetypeassert,gosec // likewise; a handful
			}
		}
		return true
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, n := range c.reasons {
		all[key] = n
	}
	return all
}

// WriteFigures adds what was counted since the last time to the hour.
func (w *Waker) WriteFigures(ctx context.Context) error {
	w.count.mu.Lock()
	saved, savedLat := w.count.saved, w.count.savedLat
	w.count.mu.Unlock()
	all := w.count.all()
	var list []HourFigure
	for key, n := range all {
		if more := n - saved[key]; more > 0 {
			key.N = more
			list = append(list, key)
		}
	}
	slices.SortFunc(list, func(a, b HourFigure) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.What, b.What), cmp.Compare(a.Reason, b.Reason))
	})
	var times []HourLatency
	for leg := range w.count.latency {
		for i, bound := range LatencyBounds {
			now := w.count.latency[leg][i].Load()
			if more := now - savedLat[leg][i]; more > 0 {
				times = append(times, HourLatency{Leg(leg + 1), bound, more}) //nolint:gosec // two
			}
			savedLat[leg][i] = now
		}
	}
	if len(list) == 0 && len(times) == 0 {
		return nil
	}
	if err := w.store.AddFigures(ctx, list, times); err != nil {
		return err
	}
	w.count.mu.Lock()
	w.count.saved, w.count.savedLat = all, savedLat
	w.count.mu.Unlock()
	return nil
}

// Metrics of mail push. Labels come from closed sets.
var (
	figuresDesc = prometheus.NewDesc("heliograph_mail_push_total", "What happened in mail push on this node, by figure and reason.", []string{"what", "reason"}, nil)
	latencyDesc = prometheus.NewDesc("heliograph_mail_push_seconds", "From a change in a mailbox until it is told here (arrival), and from there until a push provider accepted the wake (carriage).", []string{"leg"}, nil)
	heldDesc    = prometheus.NewDesc("heliograph_mail_push_held", "Replies that wait to share a push with others.", nil, nil)
	flightDesc  = prometheus.NewDesc("heliograph_mail_push_in_flight", "Pushes that are on the wire.", nil, nil)
	desksDesc   = prometheus.NewDesc("heliograph_mail_push_desks", "Registrations that this node knows something of now.", nil, nil)
)

// Describe implements prometheus.Collector.
func (w *Waker) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{figuresDesc, latencyDesc, heldDesc, flightDesc, desksDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Apps are no label, and neither are servers: nobody bounds how many there are.
func (w *Waker) Collect(ch chan<- prometheus.Metric) {
	type label struct{ what, reason string }
	sums := map[label]int64{}
	for key, n := range w.count.all() {
		l := label{key.What.String(), key.Reason}
		if key.What == whatLost || key.What == whatRecovered {
			l.reason = ""
		}
		sums[l] += n
	}
	for l, n := range sums {
		ch <- prometheus.MustNewConstMetric(figuresDesc, prometheus.CounterValue, float64(n), l.what, l.reason)
	}
	for leg, name := range []string{"arrival", "carriage"} {
		ch <- w.histogram(leg, name)
	}
	ch <- prometheus.MustNewConstMetric(heldDesc, prometheus.GaugeValue, float64(w.held.Load()))
	ch <- prometheus.MustNewConstMetric(flightDesc, prometheus.GaugeValue, float64(w.inFlight.Load()))
	ch <- prometheus.MustNewConstMetric(desksDesc, prometheus.GaugeValue, float64(w.desks.len()))
}

func (w *Waker) histogram(leg int, name string) prometheus.Metric {
	buckets, total, sum := map[float64]uint64{}, uint64(0), 0.0
	for i, bound := range LatencyBounds {
		n := uint64(w.count.latency[leg][i].Load()) //nolint:gosec // never negative
		total += n
		if bound > 0 {
			buckets[float64(bound)/1000] = total
			sum += float64(n) * float64(bound) / 1000
		}
	}
	return prometheus.MustNewConstHistogram(latencyDesc, total, sum, buckets, name)
}
