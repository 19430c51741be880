package fleet

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// jsonRows reads one device as JSON a line. Empty lines are passed over.
type jsonRows struct{ lines *lineReader }

func (r *jsonRows) next() (ImportRow, error) {
	for {
		row := ImportRow{Line: r.lines.line}
		text, n, tooLong, err := r.lines.physical()
		switch {
		case err != nil:
			return row, err
		case tooLong:
			row.reject("", "%s", errLong)
			return row, r.lines.skip()
		case len(bytes.TrimSpace(text)) == 0:
			r.lines.take(n)
			continue
		case !utf8.Valid(text):
			row.reject("", "%s", errUTF8)
		default:
			row.parse(text)
		}
		r.lines.take(n)
		return row, nil
	}
}

// parse reads a device. What it takes from text is copied.
func (r *ImportRow) parse(text []byte) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		r.reject("", "is not a JSON object")
		return
	}
	var id string
	if err := json.Unmarshal(object["id"], &id); err != nil || id == "" {
		r.reject("id", "is required, as a text")
	}
	r.ID = DeviceID(id)
	for _, name := range sortedNames(object) {
		if name != "id" {
			r.member(name, object[name])
		}
	}
}

func sortedNames(object map[string]json.RawMessage) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *ImportRow) member(name string, raw json.RawMessage) {
	f, known := fields[name]
	switch {
	case name == "groups":
		r.groups(raw)
	case name == "properties":
		r.properties(raw)
	case name == "push":
		r.push(raw)
	case !known || strings.Contains(name, "."):
		r.reject(shownName(name), "is not a field of a device")
	case f.truth:
		r.truth(name, f, raw)
	default:
		r.text(name, f, raw)
	}
}

// shownName is a field's name in an error, when it looks like one.
func shownName(name string) string {
	if propertyName.MatchString(name) {
		return name
	}
	return ""
}

// text takes a text or null, which clears.
func (r *ImportRow) text(column string, f field, raw json.RawMessage) {
	var value string
	if err := json.Unmarshal(raw, &value); err != nil {
		r.reject(column, "must be a text")
		return
	}
	r.set(column, f, value)
}

func (r *ImportRow) truth(column string, f field, raw json.RawMessage) {
	var value *bool
	if err := json.Unmarshal(raw, &value); err != nil {
		r.reject(column, "must be true or false")
		return
	}
	text := ""
	if value != nil {
		text = map[bool]string{true: "true", false: "false"}[*value]
	}
	r.set(column, f, text)
}

func (r *ImportRow) groups(raw json.RawMessage) {
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		r.reject("groups", "must be a list of names")
		return
	}
	names = cleanGroups(names)
	r.device = append(r.device, func(d *Device) { d.Groups = names })
}

// properties replaces all of them, like the field it is; null clears.
func (r *ImportRow) properties(raw json.RawMessage) {
	var values map[string]string
	if err := json.Unmarshal(raw, &values); err != nil {
		r.reject("properties", "must be an object of texts")
		return
	}
	for name, value := range values {
		if value == "" {
			delete(values, name)
		}
	}
	r.device = append(r.device, func(d *Device) { d.Properties = values })
}

// push takes the words about the token; null, and a token that is null, take it away.
func (r *ImportRow) push(raw json.RawMessage) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		r.reject("push", "must be an object")
		return
	}
	if object == nil {
		r.set("push.token", fields["push.token"], "")
		return
	}
	for _, name := range sortedNames(object) {
		f, known := fields["push."+name]
		if !known {
			r.reject("push."+shownName(name), "is not a field of a device")
			continue
		}
		r.text("push."+name, f, object[name])
	}
}
