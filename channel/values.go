package channel

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Values are settings in JSON by the names of their fields. A member of an object goes by "object.member".
type Values map[string]json.RawMessage

// Flat opens the objects in settings that hold fields, so that each field stands for itself. null for such an object is
// null for all of its fields. What is no object where one is expected stays as it is, for Decode to refuse.
func Flat(fields []Field, settings map[string]json.RawMessage) Values {
	flat := Values{}
	for name, value := range settings {
		inside := membersOf(fields, name)
		var object map[string]json.RawMessage
		if len(inside) == 0 || json.Unmarshal(value, &object) != nil {
			flat[name] = value
			continue
		}
		if object == nil {
			for _, member := range inside {
				flat[member] = value
			}
		}
		for member, value := range object {
			flat[name+"."+member] = value
		}
	}
	return flat
}

// membersOf are the names of the fields within an object.
func membersOf(fields []Field, object string) (names []string) {
	for _, f := range fields {
		if strings.HasPrefix(f.Name, object+".") {
			names = append(names, f.Name)
		}
	}
	return names
}

// Nested is the reverse of Flat. Its error names a value that is not JSON.
func (v Values) Nested() (map[string]json.RawMessage, error) {
	nested, objects := map[string]json.RawMessage{}, map[string]Values{}
	for name, value := range v {
		object, member, within := strings.Cut(name, ".")
		switch {
		case !within:
			nested[name] = value
		case objects[object] == nil:
			objects[object] = Values{member: value}
		default:
			objects[object][member] = value
		}
	}
	for name, object := range objects {
		raw, err := json.Marshal(object)
		if err != nil {
			return nil, fmt.Errorf("settings of %s: %w", name, err)
		}
		nested[name] = raw
	}
	return nested, nil
}
