package api

import (
	"context"

	"heliograph/access"
	"heliograph/fleet"
)

// Audience names a set of devices, and people: all devices, or the union of the lists. A filter alone takes all devices
// that match; with lists it narrows them.
type Audience struct {
	All       bool       `json:"all,omitempty" doc:"Every device. Stands alone, or beside addresses."`
	DeviceIDs []string   `json:"device_ids,omitempty" maxItems:"10000" example:"d-1001,d-1002"`
	UserIDs   []string   `json:"user_ids,omitempty" maxItems:"10000" doc:"People, and their devices. A person without a device is reached only so, or by a group."`
	Groups    []string   `json:"groups,omitempty" maxItems:"10000" doc:"Names or ids: their people and devices."`
	Filter    *Filter    `json:"filter,omitempty"`
	Addresses *Addresses `json:"addresses,omitempty" doc:"Added as they are, outside the filter."`
}

// Filter narrows devices. Within a list: one of. Between conditions: and.
type Filter struct {
	Platform        []string            `json:"platform,omitempty" enum:"ios,ipados,macos,android,windows,other"`
	Ownership       []string            `json:"ownership,omitempty" enum:"corporate,byod,unknown"`
	Compliant       *bool               `json:"compliant,omitempty"`
	Jailbroken      *bool               `json:"jailbroken,omitempty"`
	Managed         *bool               `json:"managed,omitempty"`
	InactiveDaysMin *int                `json:"inactive_days_min,omitempty" minimum:"0" maximum:"36500" doc:"Last seen more than so many days ago, or never."`
	OSVersion       *VersionCondition   `json:"os_version,omitempty" doc:"Compared by dotted numbers."`
	Group           []string            `json:"group,omitempty" maxItems:"10000" doc:"Names or ids."`
	Property        []PropertyCondition `json:"property,omitempty" maxItems:"100" doc:"Compared as text, or as numbers when both are."`
}

// VersionCondition compares the operating system's version.
type VersionCondition struct {
	Op    string `json:"op" required:"true" enum:"eq,ne,contains,starts_with,lt,le,gt,ge,exists,missing"`
	Value string `json:"value,omitempty" example:"17.4"`
}

// PropertyCondition compares one property.
type PropertyCondition struct {
	Name  string `json:"name" required:"true" example:"SITE"`
	Op    string `json:"op" required:"true" enum:"eq,ne,contains,starts_with,lt,le,gt,ge,exists,missing"`
	Value string `json:"value,omitempty" example:"Paris"`
}

// Addresses belong to nobody in the fleet.
type Addresses struct {
	Mail   []string `json:"mail,omitempty" maxItems:"10000" example:"ada@example.com"`
	Mobile []string `json:"mobile,omitempty" maxItems:"10000" doc:"E.164."`
}

// Reach says what an audience comes to.
type Reach struct {
	Devices        int64    `json:"devices"`
	Users          int64    `json:"users" doc:"Distinct people."`
	Push           int64    `json:"push" doc:"Live push tokens."`
	SMTP           int64    `json:"smtp" doc:"Distinct mail addresses."`
	SMS            int64    `json:"sms" doc:"Distinct numbers."`
	WithoutAddress int64    `json:"without_address" doc:"People and devices that no channel can reach."`
	Sample         []Sample `json:"sample" doc:"At most 10."`
}

// Sample is one of the audience.
type Sample struct {
	DeviceID *string `json:"device_id"`
	UserID   *string `json:"user_id"`
	Name     string  `json:"name"`
}

// audience is the noun of what a body says; nil is the empty one.
func (a *Audience) audience() fleet.Audience {
	if a == nil {
		return fleet.Audience{}
	}
	noun := fleet.Audience{
		All: a.All, DeviceIDs: renamed[fleet.DeviceID](a.DeviceIDs), UserIDs: renamed[fleet.UserID](a.UserIDs), Groups: a.Groups,
	}
	if a.Filter != nil {
		f := a.Filter.filter()
		noun.Filter = &f
	}
	if a.Addresses != nil {
		noun.Addresses = &fleet.Addresses{Mail: a.Addresses.Mail, Mobile: a.Addresses.Mobile}
	}
	return noun
}

func (f *Filter) filter() fleet.Filter {
	noun := fleet.Filter{
		Platform: renamed[fleet.Platform](f.Platform), Ownership: renamed[fleet.Ownership](f.Ownership),
		Compliant: f.Compliant, Jailbroken: f.Jailbroken, Managed: f.Managed,
		InactiveDaysMin: f.InactiveDaysMin, Group: f.Group,
	}
	if f.OSVersion != nil {
		noun.OSVersion = &fleet.VersionCondition{Op: fleet.Op(f.OSVersion.Op), Value: f.OSVersion.Value}
	}
	for _, p := range f.Property {
		noun.Property = append(noun.Property, fleet.PropertyCondition{Name: p.Name, Op: fleet.Op(p.Op), Value: p.Value})
	}
	return noun
}

func showAudience(a fleet.Audience) Audience {
	shown := Audience{All: a.All, DeviceIDs: renamed[string](a.DeviceIDs), UserIDs: renamed[string](a.UserIDs), Groups: a.Groups}
	if f := a.Filter; f != nil {
		shown.Filter = &Filter{
			Platform: renamed[string](f.Platform), Ownership: renamed[string](f.Ownership),
			Compliant: f.Compliant, Jailbroken: f.Jailbroken, Managed: f.Managed, InactiveDaysMin: f.InactiveDaysMin, Group: f.Group,
		}
		if v := f.OSVersion; v != nil {
			shown.Filter.OSVersion = &VersionCondition{string(v.Op), v.Value}
		}
		for _, p := range f.Property {
			shown.Filter.Property = append(shown.Filter.Property, PropertyCondition{p.Name, string(p.Op), p.Value})
		}
	}
	if a.Addresses != nil {
		shown.Addresses = &Addresses{Mail: a.Addresses.Mail, Mobile: a.Addresses.Mobile}
	}
	return shown
}

// renamed gives the texts of a list another name.
func renamed[To, From ~string](list []From) []To {
	if list == nil {
		return nil
	}
	out := make([]To, len(list))
	for i, text := range list {
		out[i] = To(text)
	}
	return out
}

func showReach(r fleet.Reach) Reach {
	shown := Reach{
		Devices: r.Devices, Users: r.Users, Push: r.Push, SMTP: r.SMTP, SMS: r.SMS, WithoutAddress: r.WithoutAddress,
		Sample: []Sample{},
	}
	for _, s := range r.Sample {
		shown.Sample = append(shown.Sample, Sample{orNull(s.DeviceID), orNull(s.UserID), s.Name})
	}
	return shown
}

// AudienceRequest asks what an audience comes to.
type AudienceRequest struct {
	Audience *Audience `json:"audience" required:"true"`
}

type previewAudienceInput struct{ payload[AudienceRequest] }

func (s *server) previewAudience(ctx context.Context, actor access.Actor, in *previewAudienceInput) (*found[Reach], error) {
	reach, err := s.door.Preview(ctx, actor, in.body.Audience.audience())
	return find(showReach(reach), err)
}
