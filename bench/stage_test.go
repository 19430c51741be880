package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/channel/all"
	"heliograph/courier"
	"heliograph/fleet"
	"heliograph/jobs"
	"heliograph/message"
	"heliograph/notice"
	"heliograph/seal"
	"heliograph/store"
)

// BenchmarkStages measures the parts of a delivery's way one by one, in this process and without a job engine: where
// the bench says how much, this says where.
func BenchmarkStages(b *testing.B) {
	for _, name := range []string{"push", "smtp"} {
		for _, c := range subjects[name].cases {
			b.Run(name+"/"+c.name, func(b *testing.B) { stages(b, c) })
		}
	}
}

// idle is a job engine that does nothing.
type idle struct{}

func (idle) Insert(context.Context, store.Tx, ...courier.Job) error    { return nil }
func (idle) Complete(context.Context, store.Tx, courier.Running) error { return nil }
func (idle) PauseQueue(context.Context, store.Tx, string) error        { return nil }
func (idle) ResumeQueue(context.Context, store.Tx, string) error       { return nil }

// way leads everything to one server.
type way string

func (w way) Push(fleet.TokenRoute) string           { return string(w) }
func (w way) Mail() string                           { return string(w) }
func (w way) SMS(fleet.Recipient, string) notice.Hop { return notice.Hop{} }

const stagePage = 1000

func stages(b *testing.B, c content) {
	ctx := b.Context()
	s, err := store.Open(ctx, filepath.Join(b.TempDir(), "stages.db"), store.Options{Providers: all.Providers})
	must(b, err)
	defer s.Close()
	must(b, s.Migrate(ctx))
	must(b, jobs.Migrate(ctx, s))
	must(b, s.UseKeys(ctx, seal.New()))
	s.UseJobs(idle{})
	must(b, fillFleet(ctx, s, 10*stagePage))
	plan, err := notice.NewPlan(c.Content)
	must(b, err)
	n, _, err := s.PutNotification(ctx, message.Notification{ID: "0190aaaa-0000-7000-8000-000000000002", State: message.Expanding, Content: c.Content},
		func(int64) []courier.Job { return nil }, nil)
	must(b, err)
	server := putStageServer(b, s)
	maxDevice, maxUser, err := s.HighestKeys(ctx)
	must(b, err)

	var page []fleet.Recipient
	b.Run("audience", func(b *testing.B) {
		before := used(b)
		for i := 0; b.Loop(); i++ {
			after := int64(i%10) * stagePage
			if c.Push != nil {
				page, err = s.AudienceDevices(ctx, access.Everything, fleet.Audience{All: true}, plan.Details(), after, maxDevice, stagePage)
			} else {
				page, err = s.AudiencePeople(ctx, access.Everything, fleet.Audience{All: true}, plan.Details(), after, maxUser, stagePage)
			}
			must(b, err)
		}
		perItem(b, before)
	})
	var list []message.Delivery
	b.Run("compose", func(b *testing.B) {
		before := used(b)
		for b.Loop() {
			if c.Push != nil {
				list = plan.Push(page, way(server.ID))
			} else {
				list = plan.Written(message.SMTP, page, way(server.ID))
			}
		}
		perItem(b, before)
	})
	var first message.DeliveryID
	insert := func(b *testing.B) {
		first, err = s.DeliveryKeys(ctx, len(list))
		must(b, err)
		for i := range list {
			list[i].ID, list[i].Notification = first+message.DeliveryID(i), n.Key
		}
		must(b, s.SavePage(ctx, courier.Page{Notification: n.Key, Deliveries: list}))
	}
	b.Run("insert", func(b *testing.B) {
		before := used(b)
		for b.Loop() {
			insert(b)
		}
		perItem(b, before)
	})
	var parcels []courier.Parcel
	read := func(b *testing.B) {
		parcels, err = s.Batch(ctx, courier.DispatchArgs{Notification: n.Key, Server: server.ID, First: first, Last: first + stagePage - 1})
		must(b, err)
	}
	b.Run("batch", func(b *testing.B) {
		before := used(b)
		for b.Loop() {
			read(b)
		}
		perItem(b, before)
	})
	b.Run("results", func(b *testing.B) {
		var total time.Duration
		for b.Loop() {
			insert(b) // those of the last round are no longer queued
			read(b)
			results := courier.Results{Server: server.Key, At: time.Now(), Answer: "accepted"}
			for i, p := range parcels {
				results.List = append(results.List, courier.Result{Delivery: p.Delivery, State: message.Sent, Attempts: 1, ProviderID: c.providerID(p.ID, i)})
			}
			before := used(b)
			must(b, s.SaveResults(ctx, results))
			total += used(b) - before
		}
		b.ReportMetric(float64(total.Nanoseconds())/float64(b.N)/stagePage, "cpu-ns/item")
	})
}

// providerID is what a provider calls a message.
func (c content) providerID(id message.DeliveryID, i int) string {
	if c.Push != nil {
		return id.UUID()
	}
	return fmt.Sprintf("Q%08X", i/c.group)
}

func putStageServer(b *testing.B, s *store.Store) channel.Server {
	p, _ := all.Find("smtp")
	made, err := s.PutServer(b.Context(), channel.Server{ID: "0190aaaa-0000-7000-8000-000000000001", Kind: "smtp", Name: "Stage", Settings: p.Default()})
	must(b, err)
	return made
}

// used is the processor's time, which does not depend on who else is on the machine.
func used(b *testing.B) time.Duration {
	t, err := processorTime()
	must(b, err)
	return t
}

func perItem(b *testing.B, before time.Duration) {
	b.ReportMetric(float64((used(b)-before).Nanoseconds())/float64(b.N)/stagePage, "cpu-ns/item")
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
