package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"heliograph/channel"
	"heliograph/message"
	"heliograph/store"
	"heliograph/web"
)

// metrics are what Prometheus reads. Labels come from closed sets; the names of servers are not among them.
type metrics struct {
	registry   *prometheus.Registry
	web        *web.Metrics
	deliveries *prometheus.CounterVec
	messages   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	pauses     *prometheus.CounterVec
}

func newMetrics(s *store.Store) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliograph_deliveries_total",
			Help: "Deliveries that came to a state, by channel, state and reason. A delivery that is queued again counts as queued.",
		}, []string{"channel", "state", "reason"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliograph_messages_handed_total",
			Help: "Messages handed to a server, by its kind, whatever it answered.",
		}, []string{"kind"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "heliograph_send_duration_seconds",
			Help:    "Time that a server took for a batch, by its kind.",
			Buckets: prometheus.ExponentialBuckets(.005, 2.5, 11), // 5 ms to 48 s
		}, []string{"kind"}),
		pauses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliograph_server_troubles_total",
			Help: "Batches after which a server was paused or stayed so, by its kind and the reason.",
		}, []string{"kind", "reason"}),
	}
	m.registry.MustRegister(m.deliveries, m.messages, m.seconds, m.pauses, &backlog{store: s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.web = web.NewMetrics(m.registry)
	return m
}

// Outcome counts a delivery; see courier.Observer.
func (m *metrics) Outcome(c message.Channel, s message.State, r message.Reason) {
	m.deliveries.WithLabelValues(c.String(), s.String(), string(r)).Inc()
}

// Sent measures a batch; see courier.Observer.
func (m *metrics) Sent(kind string, messages int, took time.Duration) {
	m.messages.WithLabelValues(kind).Add(float64(messages))
	m.seconds.WithLabelValues(kind).Observe(took.Seconds())
}

// Trouble counts a batch that paused its server; see courier.Observer.
func (m *metrics) Trouble(kind string, r message.Reason) {
	m.pauses.WithLabelValues(kind, string(r)).Inc()
}

// backlog reads the database when Prometheus asks: every node shows the same figures, of the whole installation.
type backlog struct{ store *store.Store }

var (
	jobsWaiting = prometheus.NewDesc("heliograph_queue_jobs", "Jobs that could run now and wait, by queue.", []string{"queue"}, nil)
	jobsAge     = prometheus.NewDesc("heliograph_queue_age_seconds", "Since when the oldest of these jobs waits.", []string{"queue"}, nil)
	openNow     = prometheus.NewDesc("heliograph_deliveries_open", "Deliveries that are queued.", nil, nil)
	paused      = prometheus.NewDesc("heliograph_servers_paused", "Active servers that are paused, by kind.", []string{"kind"}, nil)
	expiry      = prometheus.NewDesc("heliograph_credential_expiry_timestamp_seconds", "When the first credential of the active servers of a kind ends, by the setting that holds it; of kind acme, the listeners' certificates by ACME. Those that do not say when they end are absent.", []string{"kind", "credential"}, nil)
	scrapeOK    = prometheus.NewDesc("heliograph_database_up", "Whether the figures of the database could be read.", nil, nil)
)

// Describe implements prometheus.Collector.
func (b *backlog) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{jobsWaiting, jobsAge, openNow, paused, expiry, scrapeOK} {
		ch <- d
	}
}

// scrapeTime bounds what one scrape may cost.
const scrapeTime = 5 * time.Second

// Collect implements prometheus.Collector. A database that does not answer is a figure too.
func (b *backlog) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	up := 1.0
	if err := b.collect(ctx, ch); err != nil {
		up = 0
	}
	ch <- prometheus.MustNewConstMetric(scrapeOK, prometheus.GaugeValue, up)
}

func (b *backlog) collect(ctx context.Context, ch chan<- prometheus.Metric) error {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	backlog, err := b.store.Backlog(ctx)
	if err != nil {
		return err
	}
	gauge(openNow, float64(backlog.Open))
	for _, q := range backlog.Queues {
		gauge(jobsWaiting, float64(q.Jobs), q.Name)
		gauge(jobsAge, q.Age.Seconds(), q.Name)
	}
	for kind, n := range backlog.Paused {
		gauge(paused, float64(n), kind)
	}
	servers, err := b.store.Servers(ctx)
	if err != nil {
		return ctx.Err() // settings that cannot be opened say nothing about the database; the courier's log names them
	}
	for credential, at := range firstExpiries(servers, time.Now()) {
		gauge(expiry, float64(at.Unix()), credential.kind, credential.field)
	}
	kept, err := b.store.Certificates(ctx)
	if err != nil {
		return err
	}
	if at := firstEnd(kept); !at.IsZero() {
		gauge(expiry, float64(at.Unix()), "acme", "certificate")
	}
	return nil
}

// firstEnd is when the first of the certificates by ACME ends; zero = there is none.
func firstEnd(kept []store.Certificate) (first time.Time) {
	for _, c := range kept {
		if !c.Ends.IsZero() && (first.IsZero() || c.Ends.Before(first)) {
			first = c.Ends
		}
	}
	return first
}

// credential is a setting that holds something that ends.
type credential struct{ kind, field string }

// firstExpiries is when the first credential of each kind ends, of the servers that messages leave by.
func firstExpiries(servers []channel.Server, now time.Time) map[credential]time.Time {
	first := map[credential]time.Time{}
	for _, s := range servers {
		if !s.Active {
			continue
		}
		for _, e := range channel.Expiries(s.Settings, now) {
			at := credential{s.Kind, e.Field}
			if before, has := first[at]; !has || e.At.Before(before) {
				first[at] = e.At
			}
		}
	}
	return first
}
