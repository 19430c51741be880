package fleet

import (
	"strings"
)

// cell is a value of a column, as it is to be set; detail says why it cannot.
type cell struct {
	device func(*Device)
	user   func(*User)
	detail string
}

// field is a column that an import may have: text or truth, and how its value is set.
type field struct {
	truth bool // true, false, 1, 0 in CSV; a boolean in JSON
	parse func(value string) cell
}

func deviceText(at func(*Device) *string) field {
	return field{parse: func(v string) cell { return cell{device: func(d *Device) { *at(d) = v }} }}
}

func userText(at func(*User) *string) field {
	return field{parse: func(v string) cell { return cell{user: func(u *User) { *at(u) = v }} }}
}

// truth sets a boolean; an empty value sets what a new device has.
func truth(at func(*Device) *bool) field {
	return field{truth: true, parse: func(v string) cell {
		fresh := NewDevice("")
		value := *at(&fresh)
		switch strings.ToLower(v) {
		case "":
		case "true", "1":
			value = true
		case "false", "0":
			value = false
		default:
			return cell{detail: "must be true, false, 1 or 0"}
		}
		return cell{device: func(d *Device) { *at(d) = value }}
	}}
}

// pushText sets a word about the token; an empty one says nothing new.
func pushText(set func(*PushToken, string)) field {
	return field{parse: func(v string) cell {
		return cell{device: func(d *Device) {
			if v != "" {
				set(d.Push, v)
			}
		}}
	}}
}

// fields is every column but property.NAME, user.property.NAME and id.
var fields = map[string]field{
	"name":          deviceText(func(d *Device) *string { return &d.Name }),
	"os_version":    deviceText(func(d *Device) *string { return &d.OSVersion }),
	"model":         deviceText(func(d *Device) *string { return &d.Model }),
	"serial_number": deviceText(func(d *Device) *string { return &d.SerialNumber }),
	"imei":          deviceText(func(d *Device) *string { return &d.IMEI }),
	"phone_number":  deviceText(func(d *Device) *string { return &d.PhoneNumber }),
	"carrier":       deviceText(func(d *Device) *string { return &d.Carrier }),
	"platform": {parse: func(v string) cell {
		if v == "" {
			v = string(OtherPlatform)
		}
		return cell{device: func(d *Device) { d.Platform = Platform(v) }}
	}},
	"ownership": {parse: func(v string) cell {
		if v == "" {
			v = string(UnknownOwner)
		}
		return cell{device: func(d *Device) { d.Ownership = Ownership(v) }}
	}},
	"managed":    truth(func(d *Device) *bool { return &d.Managed }),
	"compliant":  truth(func(d *Device) *bool { return &d.Compliant }),
	"jailbroken": truth(func(d *Device) *bool { return &d.Jailbroken }),
	"last_seen": {parse: func(v string) cell {
		t, ok := parseTime(v)
		if !ok {
			return cell{detail: "must be a time such as 2026-03-01T08:00:00Z (RFC 3339)"}
		}
		return cell{device: func(d *Device) { d.LastSeen = t }}
	}},
	"user": {parse: func(v string) cell { return cell{device: func(d *Device) { d.User = UserID(v) }} }},
	"groups": {parse: func(v string) cell {
		names := cleanGroups(strings.Split(v, ";"))
		return cell{device: func(d *Device) { d.Groups = names }}
	}},
	"push.provider":    pushText(func(p *PushToken, v string) { p.Provider = PushProvider(v) }),
	"push.app":         pushText(func(p *PushToken, v string) { p.App = v }),
	"push.environment": pushText(func(p *PushToken, v string) { p.Environment = Environment(v) }),
	"push.token": {parse: func(v string) cell {
		return cell{device: func(d *Device) { d.Push.Token, d.Push.Removed = v, v == "" }}
	}},

	"user.id":           {parse: func(string) cell { return cell{} }},
	"user.username":     userText(func(u *User) *string { return &u.Username }),
	"user.domain":       userText(func(u *User) *string { return &u.Domain }),
	"user.display_name": userText(func(u *User) *string { return &u.DisplayName }),
	"user.given_name":   userText(func(u *User) *string { return &u.GivenName }),
	"user.surname":      userText(func(u *User) *string { return &u.Surname }),
	"user.mail":         userText(func(u *User) *string { return &u.Mail }),
	"user.mobile":       userText(func(u *User) *string { return &u.Mobile }),
	"user.language":     userText(func(u *User) *string { return &u.Language }),
	"user.groups": {parse: func(v string) cell {
		names := cleanGroups(strings.Split(v, ";"))
		return cell{user: func(u *User) { u.Groups = names }}
	}},
}

// fieldOf finds a column by its name.
func fieldOf(column string) (field, bool) {
	if f, ok := fields[column]; ok {
		return f, true
	}
	if name, ok := strings.CutPrefix(column, "property."); ok && propertyName.MatchString(name) {
		return field{parse: func(v string) cell {
			return cell{device: func(d *Device) { setProperty(&d.Properties, name, v) }}
		}}, true
	}
	if name, ok := strings.CutPrefix(column, "user.property."); ok && propertyName.MatchString(name) {
		return field{parse: func(v string) cell {
			return cell{user: func(u *User) { setProperty(&u.Properties, name, v) }}
		}}, true
	}
	return field{}, false
}

func setProperty(properties *map[string]string, name, value string) {
	if value == "" {
		delete(*properties, name)
		return
	}
	if *properties == nil {
		*properties = map[string]string{}
	}
	(*properties)[name] = value
}

// set adds what a column says to a row.
func (r *ImportRow) set(column string, f field, value string) {
	c := f.parse(value)
	switch {
	case c.detail != "":
		r.reject(column, "%s", c.detail)
	case c.device != nil:
		r.device = append(r.device, c.device)
	case c.user != nil:
		r.user = append(r.user, c.user)
	}
	if column == "user" {
		r.owner = UserID(value)
	}
	if strings.HasPrefix(column, "user.") {
		r.refer(column, value)
	}
}

func (r *ImportRow) refer(column, value string) {
	r.person.named = true
	r.person.said = r.person.said || value != ""
	switch column {
	case "user.id":
		r.person.id = UserID(value)
	case "user.username":
		r.person.username = value
	case "user.domain":
		r.person.domain = value
	}
}
