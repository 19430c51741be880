package store

import (
	"encoding/json"
	"testing"

	"heliograph/fleet"
)

func TestMayHold(t *testing.T) {
	text, err := json.Marshal(map[string]string{"FLOOR": "3", "a<b": "x", "Größe": "y", `q"q`: "z"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"FLOOR": true, "a<b": true, "Größe": true, `q"q`: true, "FLOO": false, "LOOR": false, "floor": false} {
		if got := mayHold(string(text), name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestReaderAsksForWhatIsWanted(t *testing.T) {
	all := deviceReader(nil)
	if got, want := len(all.list), len(routeColumns)+len(deviceDetails)+len(userDetails)+2; got != want {
		t.Errorf("everything is %d columns, want %d", got, want)
	}
	some := deviceReader(&fleet.Details{Device: []string{"name"}, User: []string{"given_name", "given_name"}, DeviceProperties: []string{"FLOOR"}})
	if got, want := some.columns(), deviceReader(&fleet.Details{}).columns()+", d.name, COALESCE(u.given_name, ''), d.properties"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	if got, want := personReader(&fleet.Details{}).columns(), "u.key, COALESCE(u.mail, '')"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
}
