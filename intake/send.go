package intake

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/courier"
	"heliograph/fleet"
	"heliograph/message"
	"heliograph/notice"
	"heliograph/template"
)

// Request is what somebody wants said to an audience.
type Request struct {
	Audience  fleet.Audience
	Content   template.Content
	Template  string        // name of the template that the content comes from; empty = ad hoc
	SendAt    time.Time     // zero or past = at once
	ExpiresIn time.Duration // 0 = the channel's lifetime
}

// Limits of a request.
const (
	furthest = 366 * 24 * time.Hour // a notification can be scheduled within a year
	longest  = 30 * 24 * time.Hour  // lifetime
)

// Summary is what a request would come to.
type Summary struct {
	Reach    fleet.Reach
	Warnings []Problem // unknown properties, which an import may still bring
}

// Send checks a request whole and stores it with the job that begins it. replayed means that once was known already,
// and its answer is the one that was stored then.
func (d *Door) Send(ctx context.Context, actor access.Actor, r Request, once *Idempotency) (n message.Notification, replayed bool, err error) {
	if once != nil {
		known, err := d.store.Answered(ctx, *once)
		if err != nil || known {
			return n, known, err
		}
	}
	summary, err := d.Summary(ctx, actor, r)
	if err != nil {
		return n, false, err
	}
	n, err = d.notification(actor, r, summary.Reach)
	if err != nil {
		return n, false, err
	}
	begin := func(key int64) []courier.Job {
		return []courier.Job{{Args: courier.ExpandArgs{Notification: key}, Queue: courier.Control, Lane: n.Lane, At: n.SendAt}}
	}
	n, replayed, err = d.store.PutNotification(ctx, n, begin, once)
	if err == nil && !replayed {
		d.options.Logger.Info("notification accepted", "notification", n.ID, "by", actor.Name, "lane", n.Lane, "devices", summary.Reach.Devices)
	}
	return n, replayed, err
}

func (d *Door) notification(actor access.Actor, r Request, reach fleet.Reach) (message.Notification, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return message.Notification{}, err
	}
	n := message.Notification{
		ID: message.NotificationID(id.String()), State: message.Expanding, Audience: r.Audience, Content: r.Content,
		Template: r.Template, ExpiresIn: r.ExpiresIn, RequestedBy: actor.Name,
		Lane: courier.LaneOf(max(reach.Devices, reach.Users) + int64(typed(r.Audience))),
	}
	if r.SendAt.After(d.options.Now()) {
		n.State, n.SendAt = message.Scheduled, r.SendAt
	}
	return n, nil
}

func typed(a fleet.Audience) int {
	if a.Addresses == nil {
		return 0
	}
	return len(a.Addresses.Mail) + len(a.Addresses.Mobile)
}

// Summary checks everything that Send checks, and stores nothing.
func (d *Door) Summary(ctx context.Context, actor access.Actor, r Request) (Summary, error) {
	found, doubtful := notice.Check(r.Content, nil)
	problems := place("/ad_hoc", found)
	for _, p := range r.Audience.Check() {
		problems = append(problems, Problem{"/audience" + p.Field, p.Detail})
	}
	problems = append(problems, d.checkTimes(r)...)
	missing, err := d.checkServers(ctx, r.Content)
	if err != nil {
		return Summary{}, err
	}
	if problems = append(problems, missing...); len(problems) > 0 {
		return Summary{}, refuse(problems)
	}
	reach, err := d.reach(ctx, actor, r.Audience)
	if err != nil {
		return Summary{}, err
	}
	if reach.Devices+reach.Users == 0 && typed(r.Audience) == 0 {
		return Summary{}, wrong("/audience", "matches nobody: nothing was sent")
	}
	return Summary{reach, place("/ad_hoc", doubtful)}, nil
}

func place(root string, list []template.Problem) (out []Problem) {
	for _, p := range list {
		out = append(out, Problem{root + p.Pointer, p.Detail})
	}
	return out
}

func (d *Door) checkTimes(r Request) (list []Problem) {
	if r.SendAt.After(d.options.Now().Add(furthest)) {
		list = append(list, Problem{"/send_at", "is more than a year away"})
	}
	if r.ExpiresIn != 0 && (r.ExpiresIn < time.Second || r.ExpiresIn > longest) {
		list = append(list, Problem{"/expires_in_seconds", "must be 1 to 2592000 (30 days)"})
	}
	return list
}

// checkServers finds channels that nothing is set up for.
func (d *Door) checkServers(ctx context.Context, c template.Content) (list []Problem, err error) {
	active, err := d.Channels(ctx)
	if err != nil {
		return nil, err
	}
	if c.Push != nil && !active[message.Push] {
		list = append(list, Problem{"/ad_hoc/push", "no push provider is set up"})
	}
	if c.SMTP != nil && !active[message.SMTP] {
		list = append(list, Problem{"/ad_hoc/smtp", "no SMTP server is active"})
	}
	if c.SMS != nil && !active[message.SMS] {
		list = append(list, Problem{"/ad_hoc/sms", "no SMS gateway is set up"})
	}
	return list, nil
}

// Channels tells for which channels something is set up.
func (d *Door) Channels(ctx context.Context) (map[message.Channel]bool, error) {
	active := map[message.Channel]bool{}
	servers, err := d.store.Servers(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range servers {
		if p, ok := d.provider(s.Kind); ok && s.Active {
			active[p.Channel] = true
		}
	}
	active[message.SMS] = active[message.SMS] || d.byCarrier(ctx, active[message.SMTP])
	return active, nil
}

// byCarrier reports whether text messages can go by the carriers' mail gateways.
func (d *Door) byCarrier(ctx context.Context, mail bool) bool {
	use, err := d.store.Setting(ctx, carrier.Setting)
	return err == nil && mail && (carrier.Use(use) == carrier.NoSMSGateway || carrier.Use(use) == carrier.Preferred)
}

// Preview says what an audience comes to.
func (d *Door) Preview(ctx context.Context, actor access.Actor, a fleet.Audience) (fleet.Reach, error) {
	var problems []Problem
	for _, p := range a.Check() {
		problems = append(problems, Problem{"/audience" + p.Field, p.Detail})
	}
	if err := refuse(problems); err != nil {
		return fleet.Reach{}, err
	}
	return d.reach(ctx, actor, a)
}

func (d *Door) reach(ctx context.Context, actor access.Actor, a fleet.Audience) (fleet.Reach, error) {
	reach, err := d.store.AudienceReach(ctx, actor.Scope, a)
	if err != nil {
		return reach, fmt.Errorf("counting the audience: %w", err)
	}
	return reach, nil
}

// Cancel stops what has not left yet. It returns when nothing waits any more, or after a moment when there is so much of
// it that cancelling goes on by itself: whoever asked then sees counts that say what happened.
func (d *Door) Cancel(ctx context.Context, actor access.Actor, id message.NotificationID) error {
	if err := d.store.CancelNotification(ctx, actor.Scope, id); err != nil {
		return err
	}
	d.options.Logger.Info("notification cancelled", "notification", id, "by", actor.Name)
	ctx, stop := context.WithTimeout(ctx, cancelMoment)
	defer stop()
	look := time.NewTicker(cancelLook)
	defer look.Stop()
	for {
		n, err := d.store.Notification(ctx, actor.Scope, id)
		if err != nil || n.Counts.In(message.Queued) == 0 {
			return nil // it is cancelled, whatever can be seen of it now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

const (
	cancelMoment = 2 * time.Second
	cancelLook   = 20 * time.Millisecond
)

// Retry queues failed or unknown deliveries again and returns how many there are. channel nil = all.
func (d *Door) Retry(ctx context.Context, actor access.Actor, id message.NotificationID, states []message.State, c *message.Channel) (int64, error) {
	if len(states) == 0 {
		return 0, wrong("/states", "name failed, unknown or both")
	}
	for i, s := range states {
		if !slices.Contains([]message.State{message.Failed, message.Unknown}, s) {
			return 0, wrong(fmt.Sprintf("/states/%d", i), "must be failed or unknown: nothing else can be tried again")
		}
	}
	only := message.Channel(0)
	if c != nil {
		only = *c
	}
	n, err := d.store.RetryNotification(ctx, actor.Scope, id, states, only)
	if err == nil {
		d.options.Logger.Info("deliveries to be tried again", "notification", id, "by", actor.Name, "deliveries", n)
	}
	return n, err
}
