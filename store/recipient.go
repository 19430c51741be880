package store

import (
	"slices"
	"strings"

	"heliograph/fleet"
)

// recipientRow is where the columns of a recipient are scanned into. It serves row after row.
type recipientRow struct {
	device                           fleet.Device
	user                             fleet.User
	token                            fleet.TokenRoute
	deviceProperties, userProperties string
	seen, arrived, since             int64
	push                             fleet.PushToken
}

// recipientColumn is one column of a recipient, and where it goes.
type recipientColumn struct {
	name string // of the API; empty = always read
	text string
	into func(*recipientRow) any
}

// routeColumns are always read with a device.
var routeColumns = []recipientColumn{
	{"", "d.key", func(r *recipientRow) any { return &r.device.Key }},
	{"", "d.platform", func(r *recipientRow) any { return &r.device.Platform }},
	{"", "COALESCE(t.provider, '')", func(r *recipientRow) any { return &r.token.Provider }},
	{"", "COALESCE(t.app, '')", func(r *recipientRow) any { return &r.token.App }},
	{"", "COALESCE(t.environment, '')", func(r *recipientRow) any { return &r.token.Environment }},
	{"", "COALESCE(t.state, '')", func(r *recipientRow) any { return &r.token.State }},
	{"", "COALESCE(u.key, 0)", func(r *recipientRow) any { return &r.user.Key }},
}

var deviceDetails = []recipientColumn{
	{"id", "d.id", func(r *recipientRow) any { return &r.device.ID }},
	{"name", "d.name", func(r *recipientRow) any { return &r.device.Name }},
	{"os_version", "d.os_version", func(r *recipientRow) any { return &r.device.OSVersion }},
	{"model", "d.model", func(r *recipientRow) any { return &r.device.Model }},
	{"serial_number", "d.serial_number", func(r *recipientRow) any { return &r.device.SerialNumber }},
	{"imei", "d.imei", func(r *recipientRow) any { return &r.device.IMEI }},
	{"phone_number", "d.phone_number", func(r *recipientRow) any { return &r.device.PhoneNumber }},
	{"carrier", "d.carrier", func(r *recipientRow) any { return &r.device.Carrier }},
	{"ownership", "d.ownership", func(r *recipientRow) any { return &r.device.Ownership }},
	{"managed", "d.managed", func(r *recipientRow) any { return &r.device.Managed }},
	{"compliant", "d.compliant", func(r *recipientRow) any { return &r.device.Compliant }},
	{"jailbroken", "d.jailbroken", func(r *recipientRow) any { return &r.device.Jailbroken }},
	{"last_seen", "d.last_seen", func(r *recipientRow) any { return &r.seen }},
	{"user", "COALESCE(u.id, '')", func(r *recipientRow) any { return &r.device.User }},
	{"user_name", deviceUserName, func(r *recipientRow) any { return &r.device.UserName }},
	{"push", "COALESCE(t.arrived_at, 0)", func(r *recipientRow) any { return &r.arrived }},
	{"push", "COALESCE(t.reason, '')", func(r *recipientRow) any { return &r.push.Reason }},
	{"push", "COALESCE(t.since, 0)", func(r *recipientRow) any { return &r.since }},
}

var userDetails = []recipientColumn{
	{"id", "COALESCE(u.id, '')", func(r *recipientRow) any { return &r.user.ID }},
	{"username", "COALESCE(u.username, '')", func(r *recipientRow) any { return &r.user.Username }},
	{"domain", "COALESCE(u.domain, '')", func(r *recipientRow) any { return &r.user.Domain }},
	{"display_name", "COALESCE(u.display_name, '')", func(r *recipientRow) any { return &r.user.DisplayName }},
	{"given_name", "COALESCE(u.given_name, '')", func(r *recipientRow) any { return &r.user.GivenName }},
	{"surname", "COALESCE(u.surname, '')", func(r *recipientRow) any { return &r.user.Surname }},
	{"mail", "COALESCE(u.mail, '')", func(r *recipientRow) any { return &r.user.Mail }},
	{"mobile", "COALESCE(u.mobile, '')", func(r *recipientRow) any { return &r.user.Mobile }},
	{"language", "COALESCE(u.language, '')", func(r *recipientRow) any { return &r.user.Language }},
}

var (
	personKey         = recipientColumn{"", "u.key", func(r *recipientRow) any { return &r.user.Key }}
	devicePropertyMap = recipientColumn{"", "d.properties", func(r *recipientRow) any { return &r.deviceProperties }}
	userPropertyMap   = recipientColumn{"", "COALESCE(u.properties, '{}')", func(r *recipientRow) any { return &r.userProperties }}
)

// recipientReader reads what is wanted of recipients, and nothing else.
type recipientReader struct {
	want *fleet.Details // nil = everything
	list []recipientColumn
	row  *recipientRow
	into []any
}

// deviceReader reads devices with their people.
func deviceReader(want *fleet.Details) *recipientReader {
	r := &recipientReader{want: want, list: slices.Clone(routeColumns)}
	if want == nil {
		r.list = slices.Concat(r.list, deviceDetails, userDetails, []recipientColumn{devicePropertyMap, userPropertyMap})
		return r.ready()
	}
	r.add(deviceDetails, want.Device)
	r.add(userDetails, want.User)
	if len(want.DeviceProperties) > 0 {
		r.list = append(r.list, devicePropertyMap)
	}
	return r.userProperties().ready()
}

// personReader reads people alone. Their mail address is always among it.
func personReader(want *fleet.Details) *recipientReader {
	r := &recipientReader{want: want, list: []recipientColumn{personKey}}
	if want == nil {
		r.list = slices.Concat(r.list, userDetails, []recipientColumn{userPropertyMap})
		return r.ready()
	}
	r.add(userDetails, append([]string{"mail"}, want.User...))
	return r.userProperties().ready()
}

func (r *recipientReader) userProperties() *recipientReader {
	if len(r.want.UserProperties) > 0 {
		r.list = append(r.list, userPropertyMap)
	}
	return r
}

func (r *recipientReader) add(details []recipientColumn, names []string) {
	for _, c := range details {
		if slices.Contains(names, c.name) {
			r.list = append(r.list, c)
		}
	}
}

func (r *recipientReader) ready() *recipientReader {
	r.row = new(recipientRow)
	for _, c := range r.list {
		r.into = append(r.into, c.into(r.row))
	}
	return r
}

func (r *recipientReader) columns() string {
	texts := make([]string, len(r.list))
	for i, c := range r.list {
		texts[i] = c.text
	}
	return strings.Join(texts, ", ")
}

func (r *recipientReader) scanDevice(row Row) (out fleet.Recipient, err error) {
	if err := row.Scan(r.into...); err != nil {
		return out, err
	}
	device := r.row.device
	device.LastSeen = at(r.row.seen)
	if device.Properties, err = r.properties(r.row.deviceProperties, func(d *fleet.Details) []string { return d.DeviceProperties }); err != nil {
		return out, err
	}
	out.Device = &device
	if t := r.row.token; t.Provider != "" {
		out.Token = &t
		if r.want == nil {
			p := r.row.push
			p.Provider, p.App, p.Environment, p.State = t.Provider, t.App, t.Environment, t.State
			p.Arrived, p.Since = at(r.row.arrived), at(r.row.since)
			device.Push = &p
		}
	}
	if r.row.user.Key != 0 {
		out.User, err = r.user()
	}
	return out, err
}

func (r *recipientReader) scanPerson(row Row) (out fleet.Recipient, err error) {
	if err := row.Scan(r.into...); err != nil {
		return out, err
	}
	out.User, err = r.user()
	return out, err
}

func (r *recipientReader) user() (*fleet.User, error) {
	user := r.row.user
	var err error
	user.Properties, err = r.properties(r.row.userProperties, func(d *fleet.Details) []string { return d.UserProperties })
	return &user, err
}

// properties reads the JSON of properties, when what is wanted may be among them.
func (r *recipientReader) properties(text string, names func(*fleet.Details) []string) (map[string]string, error) {
	if r.want != nil && !slices.ContainsFunc(names(r.want), func(name string) bool { return mayHold(text, name) }) {
		return nil, nil
	}
	return parseProperties(text)
}

// mayHold reports whether a JSON object can have a member: its name stands there in quotes, unless it is one that JSON
// may write in several ways.
func mayHold(text, name string) bool {
	plain := !strings.ContainsFunc(name, func(c rune) bool {
		return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.'
	})
	return !plain || strings.Contains(text, `"`+name+`"`)
}
