package channel

import (
	"context"
	"encoding/json"
	"testing"

	"heliograph/message"
)

// fields are settings of a provider that does not exist.
type fields struct {
	Host    string `json:"host"`
	Retried int    `json:"retries"`
}

func (*fields) Check() []Problem                                      { return nil }
func (*fields) Route() Route                                          { return Route{} }
func (*fields) Retries() int                                          { return 0 }
func (*fields) Open(Env) (Sender, error)                              { return nil, nil }
func (*fields) Test(context.Context, Env, message.Message) (r Report) { return r }

func TestDecode(t *testing.T) {
	cases := []struct {
		name, json string
		want       fields
		fails      bool
	}{
		{"over the defaults", `{"host":"b"}`, fields{"b", 5}, false},
		{"all", `{"host":"b","retries":0}`, fields{"b", 0}, false},
		{"nothing", `{}`, fields{"a", 5}, false},
		{"unknown field", `{"hosts":"b"}`, fields{}, true},
		{"wrong type", `{"retries":"many"}`, fields{}, true},
		{"broken", `{"host":`, fields{}, true},
		{"empty", ``, fields{}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := fields{"a", 5}
			err := Decode(&got, json.RawMessage(c.json))
			if (err != nil) != c.fails || err == nil && got != c.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
