package api

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/fleet"
)

// Device is one phone, tablet or computer.
type Device struct {
	ID           string            `json:"id" maxLength:"128" doc:"1 to 128 of A-Z a-z 0-9 . _ : @ - as whoever feeds the fleet chose it. In PUT it may be left out." example:"d-1001"`
	Name         string            `json:"name" example:"iPhone of Ada"`
	Platform     string            `json:"platform" enum:"ios,ipados,macos,android,windows,other" default:"other"`
	OSVersion    string            `json:"os_version" example:"18.1.1"`
	Model        string            `json:"model" example:"iPhone16,1"`
	SerialNumber string            `json:"serial_number" example:"C39XK0AAN72J"`
	IMEI         string            `json:"imei" example:"356938035643809"`
	PhoneNumber  string            `json:"phone_number" doc:"E.164." example:"+33612345678"`
	Carrier      string            `json:"carrier" example:"Orange"`
	Ownership    string            `json:"ownership" enum:"corporate,byod,unknown" default:"unknown"`
	Managed      *bool             `json:"managed" nullable:"false" default:"true"`
	Compliant    *bool             `json:"compliant" nullable:"false" default:"true"`
	Jailbroken   bool              `json:"jailbroken" default:"false"`
	LastSeen     *time.Time        `json:"last_seen" doc:"null = never."`
	User         *string           `json:"user" doc:"Id of the person who carries it; null = nobody." example:"u-17"`
	Groups       []string          `json:"groups" doc:"Names. A group that does not exist comes into being." example:"Sales,Paris"`
	Properties   map[string]string `json:"properties" doc:"Anything else, by name. Macros and filters use it."`
	Push         optional[Push]    `json:"push,omitzero" doc:"The device's address for push. In PUT: absent keeps it, null removes it."`
}

// Push is a device's address for push.
type Push struct {
	Provider    string           `json:"provider" required:"true" enum:"apns,fcm,webpush"`
	Token       optional[string] `json:"token,omitzero" writeOnly:"true" maxLength:"4096" doc:"Never shown. Absent keeps the stored one, null removes the whole address." example:"8f4c…"`
	App         string           `json:"app" required:"true" doc:"Bundle id, Firebase app or web origin." example:"com.example.device"`
	Environment string           `json:"environment" enum:"production,sandbox" default:"production"`
	TokenSet    bool             `json:"token_set" readOnly:"true" doc:"A token is stored."`
	State       string           `json:"state,omitempty" readOnly:"true" enum:"live,dead,suspended" doc:"Dead: the app is gone. Suspended: app or environment do not fit, until it is uploaded again or the provider's settings change."`
	Reason      string           `json:"reason,omitempty" readOnly:"true" doc:"Why it is dead or suspended."`
	Since       time.Time        `json:"since,omitzero" readOnly:"true" doc:"When that was found out; absent while it is live."`
}

func showDevice(d fleet.Device) Device {
	shown := Device{
		ID: string(d.ID), Name: d.Name, Platform: string(d.Platform), OSVersion: d.OSVersion, Model: d.Model,
		SerialNumber: d.SerialNumber, IMEI: d.IMEI, PhoneNumber: d.PhoneNumber, Carrier: d.Carrier,
		Ownership: string(d.Ownership), Managed: &d.Managed, Compliant: &d.Compliant, Jailbroken: d.Jailbroken,
		LastSeen: timeOrNull(d.LastSeen), User: orNull(d.User),
		Groups: listOf(d.Groups), Properties: named(d.Properties), Push: optional[Push]{Null: true},
	}
	if d.Push != nil {
		shown.Push = some(showPush(*d.Push))
	}
	return shown
}

func showPush(t fleet.PushToken) Push {
	shown := Push{
		Provider: string(t.Provider), App: t.App, Environment: string(t.Environment),
		TokenSet: true, State: string(t.State),
	}
	if t.State != fleet.TokenLive {
		shown.Reason, shown.Since = t.Reason, t.Since.UTC()
	}
	return shown
}

// device is what a body says about the device of an id. Absent fields take their defaults: PUT replaces.
func (d Device) device(id string) fleet.Device {
	noun := fleet.NewDevice(fleet.DeviceID(id))
	noun.Name, noun.OSVersion, noun.Model, noun.SerialNumber = d.Name, d.OSVersion, d.Model, d.SerialNumber
	noun.IMEI, noun.PhoneNumber, noun.Carrier = d.IMEI, d.PhoneNumber, d.Carrier
	noun.Jailbroken, noun.Groups, noun.Properties = d.Jailbroken, d.Groups, d.Properties
	if d.Platform != "" {
		noun.Platform = fleet.Platform(d.Platform)
	}
	if d.Ownership != "" {
		noun.Ownership = fleet.Ownership(d.Ownership)
	}
	if d.Managed != nil {
		noun.Managed = *d.Managed
	}
	if d.Compliant != nil {
		noun.Compliant = *d.Compliant
	}
	if d.LastSeen != nil {
		noun.LastSeen = d.LastSeen.UTC()
	}
	if d.User != nil {
		noun.User = fleet.UserID(*d.User)
	}
	noun.Push = pushOf(d.Push)
	return noun
}

// pushOf is the address that a body asks for: nil and an empty token keep what is stored.
func pushOf(p optional[Push]) *fleet.PushToken {
	switch {
	case p.Null, p.Value.Token.Null:
		return &fleet.PushToken{Removed: true}
	case !p.Set:
		return nil
	}
	t := &fleet.PushToken{
		Provider: fleet.PushProvider(p.Value.Provider), Token: p.Value.Token.Value,
		App: p.Value.App, Environment: fleet.Environment(p.Value.Environment),
	}
	if t.Environment == "" {
		t.Environment = fleet.Production
	}
	return t
}

// Fleet is the way in of devices, people and groups.
type Fleet interface {
	PutDevice(ctx context.Context, actor access.Actor, d fleet.Device) (created bool, err error)
	DeleteDevice(ctx context.Context, actor access.Actor, id fleet.DeviceID) error
	PutPushToken(ctx context.Context, actor access.Actor, known fleet.Device, t fleet.PushToken) error
	PutUser(ctx context.Context, actor access.Actor, u fleet.User) (created bool, err error)
	DeleteUser(ctx context.Context, actor access.Actor, id fleet.UserID) error
	PutGroup(ctx context.Context, actor access.Actor, g fleet.Group) (created bool, err error)
	DeleteGroup(ctx context.Context, actor access.Actor, id fleet.GroupID) error
	ImportDevices(ctx context.Context, actor access.Actor, r io.Reader, format fleet.Format, dryRun bool) (fleet.ImportReport, error)
}

type listDevicesInput struct {
	Paged
	Platform        []string    `query:"platform,explode" enum:"ios,ipados,macos,android,windows,other" doc:"One of these. Repeat it, or separate with commas."`
	Ownership       []string    `query:"ownership,explode" enum:"corporate,byod,unknown" doc:"One of these. Repeat it, or separate with commas."`
	Compliant       maybe[bool] `query:"compliant"`
	Jailbroken      maybe[bool] `query:"jailbroken"`
	Managed         maybe[bool] `query:"managed"`
	InactiveDaysMin maybe[int]  `query:"inactive_days_min" doc:"Last seen more than so many days ago, or never."`
	Group           []string    `query:"group,explode" doc:"Name or id of a group. Repeat it for one of several."`
	OSVersion       string      `query:"os_version" maxLength:"256" doc:"Compared with os_version_op, by dotted numbers." example:"17.4"`
	OSVersionOp     string      `query:"os_version_op" enum:"eq,ne,contains,starts_with,lt,le,gt,ge,exists,missing" doc:"How os_version is compared; eq when it is left out."`
	Property        []string    `query:"property,explode" doc:"NAME:OP:VALUE, such as SITE:eq:Paris; NAME:exists and NAME:missing take no value. Repeat it for several that must all hold." example:"SITE:eq:Paris"`
	Search          string      `query:"search" maxLength:"256" doc:"A fragment of name, id, serial number, phone number or person."`
}

// filter is what the parameters ask for; the noun checks its words.
func (in *listDevicesInput) filter() (f fleet.Filter, faults []Fault) {
	f = fleet.Filter{
		Compliant: in.Compliant.pointer(), Jailbroken: in.Jailbroken.pointer(), Managed: in.Managed.pointer(),
		InactiveDaysMin: in.InactiveDaysMin.pointer(), Group: in.Group, Search: in.Search,
	}
	for _, word := range in.Platform {
		f.Platform = append(f.Platform, fleet.Platform(word))
	}
	for _, word := range in.Ownership {
		f.Ownership = append(f.Ownership, fleet.Ownership(word))
	}
	if in.OSVersion != "" || in.OSVersionOp != "" {
		f.OSVersion = &fleet.VersionCondition{Op: orEq(in.OSVersionOp), Value: in.OSVersion}
	}
	for _, text := range in.Property {
		condition, ok := parseProperty(text)
		if !ok {
			faults = append(faults, Fault{"property", "must be NAME:OP:VALUE, such as SITE:eq:Paris"})
			continue
		}
		f.Property = append(f.Property, condition)
	}
	for _, p := range (fleet.Audience{Filter: &f}).Check() {
		faults = append(faults, Fault{parameterOf(p.Field), p.Detail})
	}
	return f, faults
}

func orEq(op string) fleet.Op {
	if op == "" {
		return fleet.Eq
	}
	return fleet.Op(op)
}

// parseProperty reads NAME:OP:VALUE. Names and values may hold colons, so the first known comparison divides them.
func parseProperty(text string) (c fleet.PropertyCondition, ok bool) {
	parts := strings.Split(text, ":")
	for i := 1; i < len(parts); i++ {
		if op := fleet.Op(parts[i]); slices.Contains(fleet.Ops, op) {
			return fleet.PropertyCondition{Name: strings.Join(parts[:i], ":"), Op: op, Value: strings.Join(parts[i+1:], ":")}, true
		}
	}
	return c, false
}

// parameterOf turns /filter/platform/0 into platform.
func parameterOf(field string) string {
	name := strings.TrimPrefix(field, "/filter/")
	name, _, _ = strings.Cut(name, "/")
	return name
}

func (s *server) listDevices(ctx context.Context, actor access.Actor, in *listDevicesInput) (*found[page[Device]], error) {
	f, faults := in.filter()
	if len(faults) > 0 {
		return nil, refused(faults...)
	}
	list, next, err := s.store.ListDevices(ctx, actor.Scope, f, in.page())
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, showDevice), nil
}

func (s *server) getDevice(ctx context.Context, actor access.Actor, in *ByID) (*found[Device], error) {
	d, err := s.store.Device(ctx, actor.Scope, fleet.DeviceID(in.ID))
	return find(showDevice(d), err)
}

type putDeviceInput struct {
	ByID
	payload[Device]
}

func (s *server) putDevice(ctx context.Context, actor access.Actor, in *putDeviceInput) (*stored[Device], error) {
	if err := sameID(in.ID, in.body.ID); err != nil {
		return nil, err
	}
	created, err := s.door.PutDevice(ctx, actor, in.body.device(in.ID))
	if err != nil {
		return nil, err
	}
	d, err := s.store.Device(ctx, actor.Scope, fleet.DeviceID(in.ID))
	if err != nil {
		return nil, err
	}
	return storedAs(showDevice(d), created), nil
}

func (s *server) deleteDevice(ctx context.Context, actor access.Actor, in *ByID) (*nothing, error) {
	return &nothing{}, s.door.DeleteDevice(ctx, actor, fleet.DeviceID(in.ID))
}

type putPushTokenInput struct {
	ByID
	payload[Push]
}

// putPushToken is what a device app or a device-management system calls each time the app has a new token.
func (s *server) putPushToken(ctx context.Context, actor access.Actor, in *putPushTokenInput) (*stored[Push], error) {
	before, err := s.store.Device(ctx, actor.Scope, fleet.DeviceID(in.ID))
	if err != nil {
		return nil, err
	}
	token := pushOf(some(in.body))
	if err := s.door.PutPushToken(ctx, actor, before, *token); err != nil {
		return nil, belowPush(err)
	}
	after, err := s.store.Device(ctx, actor.Scope, before.ID)
	switch {
	case err != nil:
		return nil, err
	case after.Push == nil:
		return storedAs(Push{Provider: in.body.Provider, App: in.body.App, Environment: in.body.Environment}, false), nil
	}
	return storedAs(showPush(*after.Push), before.Push == nil), nil
}

// belowPush places problems of a device's token in a body that is the token.
func belowPush(err error) error {
	var invalid *fleet.Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	faults := fieldFaults(invalid.Problems)
	for i := range faults {
		faults[i].Pointer = strings.TrimPrefix(faults[i].Pointer, "/push")
	}
	return refused(faults...)
}
