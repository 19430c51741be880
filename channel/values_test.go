package channel_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
)

// TestFlat: fields within objects stand for themselves, and go back to where they were.
func TestFlat(t *testing.T) {
	fields := []channel.Field{{Name: "host"}, {Name: "oauth.client_id"}, {Name: "oauth.secret"}, {Name: "file"}}
	for _, tt := range []struct {
		name, settings string
		flat           map[string]string
		back           string // empty = as settings
	}{
		{"nothing", `{}`, map[string]string{}, ""},
		{"no object", `{"host": "a", "port": 1}`, map[string]string{"host": `"a"`, "port": "1"}, ""},
		{"an object", `{"host": "a", "oauth": {"client_id": "b", "secret": null}}`,
			map[string]string{"host": `"a"`, "oauth.client_id": `"b"`, "oauth.secret": "null"}, ""},
		{"a member that is no field", `{"oauth": {"colour": "red"}}`, map[string]string{"oauth.colour": `"red"`}, ""},
		{"null", `{"oauth": null}`, map[string]string{"oauth.client_id": "null", "oauth.secret": "null"}, `{"oauth": {"client_id": null, "secret": null}}`},
		{"an empty object", `{"oauth": {}}`, map[string]string{}, `{}`},
		{"not an object", `{"oauth": "x"}`, map[string]string{"oauth": `"x"`}, ""},
		{"an object that is one value", `{"file": {"a": {"b": 1}}}`, map[string]string{"file": `{"a": {"b": 1}}`}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			settings := map[string]json.RawMessage{}
			if err := json.Unmarshal([]byte(tt.settings), &settings); err != nil {
				t.Fatal(err)
			}
			flat := channel.Flat(fields, settings)
			got := map[string]string{}
			for name, value := range flat {
				got[name] = string(value)
			}
			if diff := cmp.Diff(tt.flat, got); diff != "" {
				t.Error(diff)
			}
			if tt.back == "" {
				tt.back = tt.settings
			}
			nested, err := flat.Nested()
			if diff := cmp.Diff(parsed(t, tt.back), reparsed(t, nested)); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestNestedOfWhatIsNotJSON(t *testing.T) {
	if nested, err := (channel.Values{"oauth.secret": json.RawMessage(`{`)}).Nested(); err == nil {
		t.Errorf("taken: %s", nested)
	}
}

func reparsed(t *testing.T, value any) any {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, string(raw))
}

func parsed(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
