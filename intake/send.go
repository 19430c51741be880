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

// Request is what somebody wants said to an audience: in words of their own, or in those of a template.
type Request struct {
	Audience  fleet.Audience
	Content   template.Content   // ad hoc; empty when a template says it
	Template  string             // name or id of a template; empty = ad hoc
	Channels  []message.Channel  // of the template's, use these; nil = those that are switched on and set up
	Overrides template.Overrides // texts in place of the template's
	SendAt    time.Time          // zero or past = at once
	ExpiresIn time.Duration      // 0 = the channel's lifetime
}

// Limits of a request.
const (
	furthest = 366 * 24 * time.Hour // a notification can be scheduled within a year
	longest  = 30 * 24 * time.Hour  // lifetime
)

// Summary is what a request would come to.
type Summary struct {
	Reach    fleet.Reach
	Warnings []Problem        // unknown properties, which an import may still bring
	Content  template.Content // what will be said
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
	a, err := d.ask(ctx, r)
	if err != nil {
		return n, false, err
	}
	summary, err := d.summary(ctx, actor, a, d.size)
	if err != nil {
		return n, false, err
	}
	n, err = d.notification(actor, a, summary.Reach)
	if err != nil {
		return n, false, err
	}
	n, replayed, err = d.store.PutNotification(ctx, n, beginning(n), once, actor.Did(access.Sent, notificationObject(n), nil, sentFields(n, summary.Reach)))
	if err == nil && !replayed {
		d.options.Logger.Info("notification accepted", "notification", n.ID, "by", actor.Name, "lane", n.Lane, "devices", summary.Reach.Devices)
	}
	return n, replayed, err
}

// beginning is the first job of a notification.
func beginning(n message.Notification) func(key int64) []courier.Job {
	return func(key int64) []courier.Job {
		return []courier.Job{{Args: courier.ExpandArgs{Notification: key}, Queue: courier.Control, Lane: n.Lane, At: n.SendAt}}
	}
}

func (d *Door) notification(actor access.Actor, a asked, reach fleet.Reach) (message.Notification, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return message.Notification{}, err
	}
	n := message.Notification{
		ID: message.NotificationID(id.String()), State: message.Expanding, Audience: a.Audience, Content: a.Content,
		ExpiresIn: a.ExpiresIn, RequestedBy: actor.Name,
		Lane: courier.LaneOf(max(reach.Devices, reach.Users) + int64(typed(a.Audience))),
	}
	if !actor.Scope.All() {
		n.Limited, n.Groups = true, actor.Scope.Groups()
	}
	if a.from != nil {
		n.Template, n.TemplateID = a.from.Name, a.from.ID
	}
	if a.SendAt.After(d.options.Now()) {
		n.State, n.SendAt = message.Scheduled, a.SendAt
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
	a, err := d.ask(ctx, r)
	if err != nil {
		return Summary{}, err
	}
	return d.summary(ctx, actor, a, d.reach)
}

// counting says what an audience comes to.
type counting func(context.Context, access.Actor, fleet.Audience) (fleet.Reach, error)

func (d *Door) summary(ctx context.Context, actor access.Actor, a asked, count counting) (Summary, error) {
	found, doubtful := a.check()
	problems := append(a.problems, a.place(found)...)
	problems = append(problems, checkAudience(actor, a.Audience)...)
	problems = append(problems, d.checkTimes(a.Request)...)
	if problems = append(problems, a.checkServers()...); len(problems) > 0 {
		return Summary{}, refuse(problems)
	}
	plan, err := notice.NewPlan(a.Content)
	if err != nil {
		return Summary{}, err
	}
	if err := a.checkTyped(actor, plan); err != nil {
		return Summary{}, err
	}
	s := Summary{Warnings: a.place(doubtful), Content: a.Content}
	if a.from != nil && a.Audience.Empty() && plan.Literal() {
		return s, nil // it goes to addresses of its own
	}
	if s.Reach, err = count(ctx, actor, a.Audience); err != nil {
		return Summary{}, err
	}
	if s.Reach.Devices+s.Reach.Users == 0 && typed(a.Audience) == 0 {
		return Summary{}, wrong("/audience", "matches nobody: nothing was sent")
	}
	return s, nil
}

func place(root string, list []template.Problem) (out []Problem) {
	for _, p := range list {
		out = append(out, Problem{root + p.Pointer, p.Detail})
	}
	return out
}

// checkAudience finds what is wrong with an audience in itself. Addresses that are typed belong to nobody's groups.
func checkAudience(actor access.Actor, a fleet.Audience) (problems []Problem) {
	for _, p := range a.Check() {
		problems = append(problems, Problem{"/audience" + p.Field, p.Detail})
	}
	if typed(a) > 0 && !actor.Scope.All() {
		problems = append(problems, Problem{"/audience/addresses", "must not be given: your role is limited to groups"})
	}
	return problems
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
	if err := refuse(checkAudience(actor, a)); err != nil {
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

// size is a reach of which only devices and people are counted: all that sending needs, in a fraction of the time.
func (d *Door) size(ctx context.Context, actor access.Actor, a fleet.Audience) (r fleet.Reach, err error) {
	r.Devices, r.Users, err = d.store.AudienceSize(ctx, actor.Scope, a)
	return r, err
}

// Cancel stops what has not left yet. It returns when nothing waits any more, or after a moment when there is so much of
// it that cancelling goes on by itself: whoever asked then sees counts that say what happened.
func (d *Door) Cancel(ctx context.Context, actor access.Actor, id message.NotificationID) error {
	n, err := d.store.Notification(ctx, actor.Scope, id)
	if err != nil {
		return err
	}
	entry := actor.Did(access.Cancel, notificationObject(n), fields{"state": n.State}, fields{"state": message.CancelledByRequest})
	if err := d.store.CancelNotification(ctx, actor.Scope, id, entry); err != nil {
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

// Retry queues failed or unknown deliveries again and returns how many there are. channel nil = all. once nil = the request
// does not come again; else its answer is kept with what it did, and a conflict means that another node kept one first.
func (d *Door) Retry(ctx context.Context, actor access.Actor, id message.NotificationID, states []message.State, c *message.Channel, once *Idempotency) (int64, error) {
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
	about, err := d.store.Notification(ctx, actor.Scope, id)
	if err != nil {
		return 0, err
	}
	entry := actor.Did(access.Retry, notificationObject(about), nil, retryFields(states, only))
	n, err := d.store.RetryNotification(ctx, actor.Scope, id, states, only, once, entry)
	if err == nil {
		d.options.Logger.Info("deliveries to be tried again", "notification", id, "by", actor.Name, "deliveries", n)
	}
	return n, err
}
