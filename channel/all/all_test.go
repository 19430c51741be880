package all

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"heliograph/channel"
)

var fieldTypes = []string{"text", "number", "switch", "choice", "country", "secret", "multiline", "secret_multiline"}

// TestProvidersAreWhole: the form and the settings of each provider speak of the same things.
func TestProvidersAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Providers {
		t.Run(p.Kind, func(t *testing.T) {
			if p.Kind == "" || seen[p.Kind] || p.Title == "" || p.Channel == 0 || p.Batch <= 0 || p.Workers <= 0 {
				t.Errorf("%+v", p)
			}
			seen[p.Kind] = true
			if found, ok := Find(p.Kind); !ok || found.Title != p.Title {
				t.Error("not found by its kind")
			}
			text, err := json.Marshal(p.Default())
			if err != nil {
				t.Fatal(err)
			}
			if err := channel.Decode(p.Default(), text); err != nil {
				t.Errorf("its own settings are not read back: %v", err)
			}
			var settings map[string]json.RawMessage
			if err := json.Unmarshal(text, &settings); err != nil {
				t.Fatal(err)
			}
			checkFields(t, p, channel.Flat(p.Fields, settings))
		})
	}
	if _, ok := Find("pigeon"); ok {
		t.Error("pigeons are found")
	}
}

func checkFields(t *testing.T, p channel.Provider, settings channel.Values) {
	t.Helper()
	names := map[string]bool{}
	for _, f := range p.Fields {
		if _, ok := settings[f.Name]; !ok || names[f.Name] {
			t.Errorf("field %q is not one setting", f.Name)
		}
		names[f.Name] = true
		if !slices.Contains(fieldTypes, f.Type) || (f.Type == "choice") != (len(f.Choices) > 0) {
			t.Errorf("field %q is of type %q with choices %q", f.Name, f.Type, f.Choices)
		}
		if f.Secret != strings.HasPrefix(f.Type, "secret") {
			t.Errorf("field %q: secret %v, but its type is %q", f.Name, f.Secret, f.Type)
		}
		if other, _, ok := strings.Cut(f.ShownIf, "="); f.ShownIf != "" && (!ok || settings[other] == nil) {
			t.Errorf("field %q is shown if %q", f.Name, f.ShownIf)
		}
	}
	for name := range settings {
		if !names[name] {
			t.Errorf("setting %q has no field in the form", name)
		}
	}
	for _, problem := range p.Default().Check() {
		if !names[problem.Field] || problem.Detail == "" {
			t.Errorf("a problem with no field: %+v", problem)
		}
	}
}
