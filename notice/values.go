package notice

import (
	"heliograph/fleet"
	"heliograph/macro"
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
