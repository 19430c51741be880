package intake

import (
	"context"
	"errors"
	"io"
	"slices"

	"heliograph/access"
	"heliograph/fleet"
)

// Fleet is the store's side that keeps devices, people and groups. Within the scope that it is given it changes what is
// there; outside of it there is nothing.
type Fleet interface {
	ImportStore
	Group(ctx context.Context, scope access.Scope, id fleet.GroupID) (fleet.Group, error)
	PutDevice(ctx context.Context, scope access.Scope, d fleet.Device, entries ...access.Entry) (created bool, err error)
	DeleteDevice(ctx context.Context, scope access.Scope, id fleet.DeviceID, entries ...access.Entry) error
	PutPushToken(ctx context.Context, scope access.Scope, id fleet.DeviceID, t fleet.PushToken, entries ...access.Entry) error
	PutUser(ctx context.Context, scope access.Scope, u fleet.User, entries ...access.Entry) (created bool, err error)
	DeleteUser(ctx context.Context, scope access.Scope, id fleet.UserID, entries ...access.Entry) error
	PutGroup(ctx context.Context, scope access.Scope, g fleet.Group, entries ...access.Entry) (created bool, err error)
	DeleteGroup(ctx context.Context, scope access.Scope, id fleet.GroupID, entries ...access.Entry) error
}

// put is the entry of an upsert, or none when nothing is different: a system that feeds the fleet says the same each night.
func put(actor access.Actor, object access.Object, before, after any) []access.Entry {
	action := access.Update
	if before == nil {
		action = access.Create
	}
	entry := actor.Did(action, object, before, after)
	if !entry.Changed() {
		return nil
	}
	return []access.Entry{entry}
}

// before reads what is there; nil when there is nothing.
func before[T any](d *Door, value T, err error, view func(T) any) (any, error) {
	if err != nil && d.options.NotFound != nil && errors.Is(err, d.options.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return view(value), nil
}

// PutDevice creates or replaces a device; see store.
func (d *Door) PutDevice(ctx context.Context, actor access.Actor, device fleet.Device) (created bool, err error) {
	known, err := d.store.Device(ctx, actor.Scope, device.ID)
	was, err := before(d, known, err, deviceFields)
	if err != nil {
		return false, err
	}
	after := device
	if device.Push == nil {
		after.Push = known.Push
	}
	return d.store.PutDevice(ctx, actor.Scope, device, put(actor, deviceObject(device.ID, device.Name), was, deviceFields(after))...)
}

// DeleteDevice forgets a device and its token.
func (d *Door) DeleteDevice(ctx context.Context, actor access.Actor, id fleet.DeviceID) error {
	known, err := d.store.Device(ctx, actor.Scope, id)
	if err != nil {
		return err
	}
	return d.store.DeleteDevice(ctx, actor.Scope, id, actor.Did(access.Delete, deviceObject(id, known.Name), deviceFields(known), nil))
}

// PutPushToken gives a device its address for push, or takes it away. A token that comes again is not news.
func (d *Door) PutPushToken(ctx context.Context, actor access.Actor, known fleet.Device, t fleet.PushToken) error {
	object := deviceObject(known.ID, known.Name)
	object.Kind = access.APushToken
	return d.store.PutPushToken(ctx, actor.Scope, known.ID, t, put(actor, object, pushFields(known.Push), pushFields(&t))...)
}

// PutUser creates or replaces a person.
func (d *Door) PutUser(ctx context.Context, actor access.Actor, u fleet.User) (created bool, err error) {
	known, err := d.store.User(ctx, actor.Scope, u.ID)
	was, err := before(d, known, err, userFields)
	if err != nil {
		return false, err
	}
	return d.store.PutUser(ctx, actor.Scope, u, put(actor, userObject(u), was, userFields(u))...)
}

// DeleteUser forgets a person. Their devices stay, as nobody's.
func (d *Door) DeleteUser(ctx context.Context, actor access.Actor, id fleet.UserID) error {
	known, err := d.store.User(ctx, actor.Scope, id)
	if err != nil {
		return err
	}
	return d.store.DeleteUser(ctx, actor.Scope, id, actor.Did(access.Delete, userObject(known), userFields(known), nil))
}

// PutGroup creates or replaces a group; its members stay.
func (d *Door) PutGroup(ctx context.Context, actor access.Actor, g fleet.Group) (created bool, err error) {
	known, err := d.store.Group(ctx, actor.Scope, g.ID)
	was, err := before(d, known, err, groupFields)
	if err != nil {
		return false, err
	}
	return d.store.PutGroup(ctx, actor.Scope, g, put(actor, groupObject(g), was, groupFields(g))...)
}

// DeleteGroup forgets a group, not its members.
func (d *Door) DeleteGroup(ctx context.Context, actor access.Actor, id fleet.GroupID) error {
	known, err := d.store.Group(ctx, actor.Scope, id)
	if err != nil {
		return err
	}
	return d.store.DeleteGroup(ctx, actor.Scope, id, actor.Did(access.Delete, groupObject(known), groupFields(known), nil))
}

// ImportDevices is ImportDevices with what came of it in the audit log, also when it broke off: what was committed before
// stays. A dry run changes nothing, and is not in it.
func (d *Door) ImportDevices(ctx context.Context, actor access.Actor, r io.Reader, format fleet.Format, dryRun bool) (fleet.ImportReport, error) {
	report, err := ImportDevices(ctx, d.store, actor.Scope, r, format, dryRun, nil)
	if dryRun || err != nil && report.Rows == 0 {
		return report, err
	}
	what := fields{"rows": report.Rows, "created": report.Created, "updated": report.Updated, "unchanged": report.Unchanged, "rejected": report.Rejected}
	entry := actor.Did(access.Import, access.Object{Kind: access.ADevice}, nil, what)
	return report, errors.Join(err, d.store.Audit(context.WithoutCancel(ctx), entry))
}

func sorted(words []string) []string {
	list := slices.Clone(words)
	slices.Sort(list)
	return slices.Compact(list)
}
