package courier

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/message"
	"heliograph/notice"
)

const (
	pageSize  = 1000 // of an audience, per job
	batchSize = 500  // deliveries of one server, per job
)

// Expand works one page of an audience: deliveries, their batches, and the job for the next page, in one write.
// It knows three phases: devices, then people, then addresses that were typed by hand.
func (c *Courier) Expand(ctx context.Context, args ExpandArgs, running Running) error {
	p, args, err := c.begin(ctx, args)
	if err != nil {
		return err
	}
	if p.State == message.CancelledByRequest || p.State == message.Done {
		return c.store.Complete(ctx, running)
	}
	routes, err := c.routes(ctx)
	if err != nil {
		return err
	}
	list, next, err := c.page(ctx, p, args, routes)
	if err != nil {
		return fmt.Errorf("expanding notification %s: %w", p.ID, err)
	}
	return c.savePage(ctx, p, routes, list, p.unlessEmpty(next), running)
}

// begin reads the notification anew, for it may have been cancelled since the last page.
func (c *Courier) begin(ctx context.Context, args ExpandArgs) (planned, ExpandArgs, error) {
	n, maxDevice, maxUser, err := c.store.Begin(ctx, args.Notification)
	if err != nil {
		return planned{}, args, err
	}
	if args.Phase == Starting {
		args.Phase, args.MaxDevice, args.MaxUser = Devices, maxDevice, maxUser
	}
	p, err := c.keepPlan(n)
	return p, args, err
}

// scope is the part of the fleet that a notification may reach: all of it, unless whoever sent it is limited to groups. Who
// is in them counts now, not when it was asked for.
func (p planned) scope() access.Scope {
	if p.Limited {
		return access.Limited(p.Groups...)
	}
	return access.Everything
}

// unlessEmpty leaves out phases that nothing comes of: each is a job of its own, and most notifications are small.
func (p planned) unlessEmpty(next *ExpandArgs) *ExpandArgs {
	if next == nil || next.After > 0 {
		return next
	}
	if next.Phase == People {
		if slices.ContainsFunc(written, p.plan.Uses) {
			return next
		}
		next = next.phase(Addresses)
	}
	if next.Phase == Addresses && !slices.ContainsFunc(written, func(ch message.Channel) bool { return p.plan.Uses(ch) && len(p.addresses(ch)) > 0 }) {
		return nil
	}
	return next
}

// page composes the deliveries of one page and says which comes next; nil at the end of the audience.
func (c *Courier) page(ctx context.Context, p planned, args ExpandArgs, routes notice.Routes) ([]message.Delivery, *ExpandArgs, error) {
	switch args.Phase {
	case Devices:
		return c.devices(ctx, p, args, routes)
	case People:
		return c.people(ctx, p, args, routes)
	default:
		return c.addresses(ctx, p, args, routes)
	}
}

func (c *Courier) devices(ctx context.Context, p planned, args ExpandArgs, routes notice.Routes) ([]message.Delivery, *ExpandArgs, error) {
	if !p.plan.Uses(message.Push) && !slices.ContainsFunc(written, func(ch message.Channel) bool { return p.plan.Uses(ch) && p.plan.PerDevice(ch) }) {
		return c.people(ctx, p, *args.phase(People), routes)
	}
	page, err := c.store.AudienceDevices(ctx, p.scope(), p.Audience, p.plan.Details(), args.After, args.MaxDevice, pageSize)
	if err != nil {
		return nil, nil, err
	}
	if len(page) == 0 {
		return nil, args.phase(People), nil
	}
	var list []message.Delivery
	if p.plan.Uses(message.Push) {
		list = p.plan.Push(page, routes)
	}
	for _, channel := range written {
		if !p.plan.Uses(channel) || !p.plan.PerDevice(channel) {
			continue
		}
		more, err := c.merge(ctx, p, channel, p.plan.Written(channel, page, routes))
		if err == nil {
			more, err = c.sharedNumbers(ctx, p, channel, more)
		}
		if err != nil {
			return nil, nil, err
		}
		list = append(list, more...)
	}
	return list, args.after(page[len(page)-1].Device.Key, len(page), People), nil
}

// written are the channels whose messages go to people.
var written = []message.Channel{message.SMTP, message.SMS}

// merge leaves out a message to a person at an address that an earlier device of theirs already got, unless the text
// speaks of the device.
func (c *Courier) merge(ctx context.Context, p planned, channel message.Channel, list []message.Delivery) ([]message.Delivery, error) {
	if p.plan.About(channel) == notice.Device {
		return list, nil
	}
	before, err := c.store.Addressed(ctx, p.Key, channel, userKeys(list))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(d message.Delivery) bool {
		address := strings.ToLower(d.Address)
		if d.User == 0 || address == "" {
			return false
		}
		seen := slices.Contains(before[d.User], address)
		before[d.User] = append(before[d.User], address)
		return seen
	}), nil
}

// sharedNumbers leaves out a text message that says nothing of its recipient, to a telephone that gets it already: people
// share one, and each message costs money.
func (c *Courier) sharedNumbers(ctx context.Context, p planned, channel message.Channel, list []message.Delivery) ([]message.Delivery, error) {
	if channel != message.SMS || !p.plan.Shared(channel) {
		return list, nil
	}
	seen := map[string]bool{}
	list = slices.DeleteFunc(list, func(d message.Delivery) bool {
		again := d.State == message.Queued && seen[d.Address]
		seen[d.Address] = true
		return again
	})
	return c.notYet(ctx, p, channel, list)
}

func userKeys(list []message.Delivery) (keys []int64) {
	for _, d := range list {
		if d.User != 0 {
			keys = append(keys, d.User)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func (c *Courier) people(ctx context.Context, p planned, args ExpandArgs, routes notice.Routes) ([]message.Delivery, *ExpandArgs, error) {
	if !slices.ContainsFunc(written, p.plan.Uses) {
		return nil, nil, nil
	}
	page, err := c.store.AudiencePeople(ctx, p.scope(), p.Audience, p.plan.Details(), args.After, args.MaxUser, pageSize)
	if err != nil || len(page) == 0 {
		return nil, args.phase(Addresses), err
	}
	var list []message.Delivery
	for _, channel := range written {
		if !p.plan.Uses(channel) {
			continue
		}
		reach, err := c.stillToReach(ctx, p, channel, page)
		if err != nil {
			return nil, nil, err
		}
		more, err := c.sharedNumbers(ctx, p, channel, p.plan.Written(channel, reach, routes))
		if err != nil {
			return nil, nil, err
		}
		list = append(list, more...)
	}
	return list, args.after(page[len(page)-1].User.Key, len(page), Addresses), nil
}

// stillToReach leaves out people who have a message by another way: by their devices when the text is made for
// devices, or by a person with the same address when the text names nobody.
func (c *Courier) stillToReach(ctx context.Context, p planned, channel message.Channel, page []fleet.Recipient) ([]fleet.Recipient, error) {
	out := map[int64]bool{}
	var err error
	switch {
	case p.plan.PerDevice(channel):
		var before map[int64][]string
		before, err = c.store.Addressed(ctx, p.Key, channel, personKeys(page))
		for key := range before {
			out[key] = true
		}
	case p.plan.Shared(channel) && p.plan.ToPerson(channel):
		out, err = c.store.EarlierWithMail(ctx, p.scope(), p.Audience, personMails(page))
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(page), func(r fleet.Recipient) bool { return out[r.User.Key] }), nil
}

func personKeys(page []fleet.Recipient) (keys []int64) {
	for _, r := range page {
		keys = append(keys, r.User.Key)
	}
	return keys
}

// personMails leaves out who has no address: each of them is told about.
func personMails(page []fleet.Recipient) (list []fleet.PersonMail) {
	for _, r := range page {
		if r.User.Mail != "" {
			list = append(list, fleet.PersonMail{Key: r.User.Key, Mail: r.User.Mail})
		}
	}
	return list
}

func (c *Courier) addresses(ctx context.Context, p planned, args ExpandArgs, routes notice.Routes) ([]message.Delivery, *ExpandArgs, error) {
	var list []message.Delivery
	more := false
	for _, channel := range written {
		if !p.plan.Uses(channel) {
			continue
		}
		addresses := p.addresses(channel)
		from := min(int(args.After), len(addresses))
		to := min(from+pageSize, len(addresses))
		typed, err := c.notYet(ctx, p, channel, p.plan.Typed(channel, addresses[from:to], routes))
		if err != nil {
			return nil, nil, err
		}
		list = append(list, typed...)
		more = more || to < len(addresses)
	}
	if !more {
		return list, nil, nil
	}
	args.After += pageSize
	return list, &args, nil
}

// notYet leaves out addresses at which a person of the audience gets the same text already.
func (c *Courier) notYet(ctx context.Context, p planned, channel message.Channel, list []message.Delivery) ([]message.Delivery, error) {
	if !p.plan.Shared(channel) || p.Audience.Empty() || len(list) == 0 {
		return list, nil
	}
	addresses := make([]string, len(list))
	for i, d := range list {
		addresses[i] = d.Address
	}
	owners, err := c.store.Owners(ctx, channel, addresses)
	if err != nil {
		return nil, err
	}
	before, err := c.store.Addressed(ctx, p.Key, channel, owners)
	if err != nil {
		return nil, err
	}
	reached := map[string]bool{}
	for _, theirs := range before {
		for _, address := range theirs {
			reached[address] = true
		}
	}
	return slices.DeleteFunc(list, func(d message.Delivery) bool {
		return d.State == message.Queued && reached[strings.ToLower(d.Address)]
	}), nil
}

// addresses are those that belong to nobody we know: the text's own, and those that were typed by hand.
func (p planned) addresses(c message.Channel) []string {
	list := p.plan.Fixed(c, !p.Audience.Empty())
	if p.Audience.Addresses == nil {
		return list
	}
	fixed := list
	typed := map[message.Channel][]string{message.SMTP: p.Audience.Addresses.Mail, message.SMS: p.Audience.Addresses.Mobile}
	for _, address := range typed[c] {
		if !slices.ContainsFunc(fixed, func(one string) bool { return strings.EqualFold(one, address) }) {
			list = append(list, address)
		}
	}
	return list
}

// after is the next page: behind a key, or the next phase when this page was not full.
func (a ExpandArgs) after(key int64, read int, next Phase) *ExpandArgs {
	if read < pageSize {
		return a.phase(next)
	}
	a.After = key
	return &a
}

func (a ExpandArgs) phase(next Phase) *ExpandArgs {
	a.Phase, a.After = next, 0
	return &a
}

// savePage gives the deliveries their keys, server by server, so that each batch is one range of keys.
func (c *Courier) savePage(ctx context.Context, p planned, r routes, list []message.Delivery, next *ExpandArgs, running Running) error {
	page := Page{Notification: p.Key, Deliveries: list, Last: next == nil, Running: running}
	if len(list) > 0 {
		first, err := c.store.DeliveryKeys(ctx, len(list))
		if err != nil {
			return err
		}
		page.Jobs = number(p, r, list, first)
	}
	if next != nil {
		page.Jobs = append(page.Jobs, Job{Args: *next, Queue: Control, Lane: p.Lane})
	}
	if err := c.store.SavePage(ctx, page); err != nil {
		return err
	}
	for _, d := range list {
		if d.State == message.Skipped {
			c.options.Observer.Outcome(d.Channel, d.State, d.Reason)
		}
	}
	return nil
}

// number orders deliveries by server and rate, gives them their keys, and cuts the batches.
func number(p planned, r routes, list []message.Delivery, first message.DeliveryID) (batches []Job) {
	slices.SortStableFunc(list, func(a, b message.Delivery) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(r.pace(a), r.pace(b)))
	})
	var batch *DispatchArgs
	var last pace
	for i := range list {
		d := &list[i]
		d.ID, d.Notification = first+message.DeliveryID(i), p.Key
		if d.State != message.Queued {
			continue
		}
		now := r.pace(*d)
		if batch == nil || batch.Server != d.Server || now != last || int(d.ID-batch.First) >= now.batch() {
			batches = append(batches, Job{Queue: QueueOf(d.Server), Lane: p.Lane})
			batch = &DispatchArgs{Notification: p.Key, Server: d.Server, First: d.ID}
		}
		batch.Last, last = d.ID, now
		batches[len(batches)-1].Args = *batch
	}
	return batches
}
