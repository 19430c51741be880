package notice

import (
	"heliograph/fleet"
	"heliograph/macro"
	"heliograph/message"
	"heliograph/template"
)

// Values looks up the values of macros for a recipient. A property that was imported under a macro's own name is found
// when the field behind it is empty.
func Values(r fleet.Recipient) func(macro.Slot) (string, bool) {
	return func(s macro.Slot) (string, bool) {
		switch s.Namespace() {
		case "user":
			return userValue(r.User, s.Property())
		case "device":
			return deviceValue(r.Device, s.Property())
		case "custom":
			return customValue(r, s.Property())
		}
		return "", false
	}
}

// Administrators are the slots of the administrators who receive alerts: a content's facts hold their mail addresses
// under the macro's own name, and their numbers under the other, each separated by ";".
const (
	Administrators       = "organization.administrators"
	AdministratorNumbers = "organization.administrators(sms)"
)

// factsOf looks up values that are the same for everybody. The administrators' addresses are those of the channel.
func factsOf(c template.Content, channel message.Channel) func(macro.Slot) (string, bool) {
	return func(s macro.Slot) (string, bool) {
		if s == Administrators && channel == message.SMS {
			s = AdministratorNumbers
		}
		value := c.Facts[string(s)]
		return value, value != ""
	}
}

var userFields = map[string]func(*fleet.User) string{
	"username":    func(u *fleet.User) string { return u.Username },
	"loginname":   func(u *fleet.User) string { return u.LoginName() },
	"domainname":  func(u *fleet.User) string { return u.Domain },
	"displayname": func(u *fleet.User) string { return u.DisplayName },
	"givenname":   func(u *fleet.User) string { return u.GivenName },
	"sn":          func(u *fleet.User) string { return u.Surname },
	"mail":        func(u *fleet.User) string { return u.Mail },
	"mobile":      func(u *fleet.User) string { return u.Mobile },
}

func userValue(u *fleet.User, name string) (string, bool) {
	if u == nil {
		return "", false
	}
	if field := userFields[name]; field != nil {
		if value := field(u); value != "" {
			return value, true
		}
	}
	return property(u.Properties, name)
}

var deviceFields = map[string]func(*fleet.Device) string{
	"name":                    func(d *fleet.Device) string { return d.Name },
	"DEVICE_NAME":             func(d *fleet.Device) string { return d.Name },
	"serialNumber":            func(d *fleet.Device) string { return d.SerialNumber },
	"TEL_NUMBER":              func(d *fleet.Device) string { return d.PhoneNumber },
	"SYSTEM_OS_VERSION":       func(d *fleet.Device) string { return d.OSVersion },
	"SYSTEM_OEM":              func(d *fleet.Device) string { return d.Model },
	"IMEI":                    func(d *fleet.Device) string { return d.IMEI },
	"CURRENT_CARRIER_NETWORK": func(d *fleet.Device) string { return d.Carrier },
	"SYSTEM_PLATFORM":         func(d *fleet.Device) string { return d.Platform.Name() },
	"CORPORATE_OWNED":         corporateOwned,
	"ROOT_ACCESS":             func(d *fleet.Device) string { return flag(d.Jailbroken) },
	"OUT_OF_COMPLIANCE":       func(d *fleet.Device) string { return flag(!d.Compliant) },
}

// fieldsOf are the fields of the API that a macro reads; absent = it reads a property alone.
var fieldsOf = map[string]map[string][]string{
	"user": {
		"username": {"username"}, "loginname": {"username", "domain"}, "domainname": {"domain"}, "displayname": {"display_name"},
		"givenname": {"given_name"}, "sn": {"surname"}, "mail": {"mail"}, "mobile": {"mobile"},
	},
	"device": {
		"name": {"name"}, "DEVICE_NAME": {"name"}, "serialNumber": {"serial_number"}, "TEL_NUMBER": {"phone_number"},
		"SYSTEM_OS_VERSION": {"os_version"}, "SYSTEM_OEM": {"model"}, "IMEI": {"imei"}, "CURRENT_CARRIER_NETWORK": {"carrier"},
		"SYSTEM_PLATFORM": {"platform"}, "CORPORATE_OWNED": {"ownership"}, "ROOT_ACCESS": {"jailbroken"}, "OUT_OF_COMPLIANCE": {"compliant"},
	},
}

// Details are what the plan has to know of a recipient to compose its messages. Text messages look for their way in
// several places, so with them it is everything.
func (p *Plan) Details() *fleet.Details {
	if p.Uses(message.SMS) {
		return nil
	}
	d := new(fleet.Details)
	for _, part := range p.parts {
		for _, s := range part.program.Slots() {
			addSlot(d, s)
		}
		for _, entry := range part.personal {
			for _, s := range entry.Slots() {
				addSlot(d, s)
			}
		}
	}
	if len(p.Content.Variants) > 0 {
		d.User = append(d.User, "language")
	}
	if p.Uses(message.SMTP) { // a message that nobody gets says who was meant
		d.User = append(d.User, "display_name", "given_name", "surname", "username")
	}
	return d
}

func addSlot(d *fleet.Details, s macro.Slot) {
	name := s.Property()
	switch s.Namespace() {
	case "user":
		d.User = append(d.User, fieldsOf["user"][name]...)
		d.UserProperties = append(d.UserProperties, name)
	case "device":
		d.Device = append(d.Device, fieldsOf["device"][name]...)
		d.DeviceProperties = append(d.DeviceProperties, name)
	case "custom":
		d.DeviceProperties, d.UserProperties = append(d.DeviceProperties, name), append(d.UserProperties, name)
	}
}

func corporateOwned(d *fleet.Device) string {
	switch d.Ownership {
	case fleet.Corporate:
		return "1"
	case fleet.BYOD:
		return "0"
	}
	return ""
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

func deviceValue(d *fleet.Device, name string) (string, bool) {
	if d == nil {
		return "", false
	}
	if field := deviceFields[name]; field != nil {
		if value := field(d); value != "" {
			return value, true
		}
	}
	return property(d.Properties, name)
}

// customValue finds an administrator's own property: the device's, else its person's.
func customValue(r fleet.Recipient, name string) (string, bool) {
	if r.Device != nil {
		if value, ok := property(r.Device.Properties, name); ok {
			return value, true
		}
	}
	if r.User != nil {
		return property(r.User.Properties, name)
	}
	return "", false
}

func property(values map[string]string, name string) (string, bool) {
	value := values[name]
	return value, value != ""
}
