package webpush

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/message"
	"heliograph/sim/authority"
	"heliograph/sim/control"
	"heliograph/sim/webpush"
)

func startSimulator(t *testing.T) (*webpush.Server, *Settings) {
	t.Helper()
	ca, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	server, err := webpush.Start(webpush.Options{Authority: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	return server, settings(string(ca.PEM()))
}

// at is the token of a browser.
func at(server *webpush.Server, name string) string {
	s := server.Subscription(name)
	token, _ := json.Marshal(map[string]string{"endpoint": s.Endpoint, "p256dh": s.Keys.P256dh, "auth": s.Keys.Auth}) // texts always encode
	return string(token)
}

func TestSimulatorAccepts(t *testing.T) {
	server, s := startSimulator(t)
	m := hello
	m.Subject, m.Expires = "Notice — äöü 日本", time.Now().Add(time.Hour)
	batch := channeltest.Batch(m, 200, func(i int) string { return at(server, fmt.Sprint("browser-", i)) })
	for i, o := range send(t, s, options{}, batch...) {
		if !o.Accepted || o.ProviderID != batch[i].ID.Topic() {
			t.Fatalf("message %d: %+v", i, o.Failure)
		}
	}
	for _, item := range server.History() {
		var read struct{ Title, Body string }
		if err := json.Unmarshal(item.Payload, &read); err != nil || read.Title != m.Subject || read.Body != m.Text {
			t.Fatalf("a browser reads %s, %v", item.Payload, err)
		}
	}
	if n := server.Count(); n != 200 {
		t.Errorf("the service has %d messages", n)
	}
}

// TestSimulatorFailures: trouble of a whole push service is the recipient's for now, as it is one of many.
func TestSimulatorFailures(t *testing.T) {
	cases := []struct {
		name   string
		rule   control.Rule
		scope  message.Scope
		reason message.Reason
	}{
		{"gone", control.Rule{Status: http.StatusGone}, message.RecipientFinal, message.TokenDead},
		{"unknown", control.Rule{Status: http.StatusNotFound}, message.RecipientFinal, message.TokenDead},
		{"refused", control.Rule{Status: http.StatusForbidden}, message.RecipientForNow, message.Credentials},
		{"throttled", control.Rule{Status: http.StatusTooManyRequests}, message.RecipientForNow, message.Throttled},
		{"a fault", control.Rule{Status: http.StatusInternalServerError}, message.RecipientForNow, message.ServerError},
		{"lost", control.Rule{Action: control.Lose}, message.RecipientForNow, message.LostAnswerReason},
		{"reset", control.Rule{Action: control.Reset}, message.RecipientForNow, message.LostAnswerReason},
		{"garbage", control.Rule{Action: control.Garbage, Body: "220 mail.example.com ESMTP\r\n"}, message.RecipientForNow, message.LostAnswerReason},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server, s := startSimulator(t)
			c.rule.Times = 1
			if err := server.Fail(c.rule); err != nil {
				t.Fatal(err)
			}
			m := hello
			m.Address = at(server, "ana")
			f := send(t, s, options{}, m)[0].Failure
			if f == nil || f.Scope != c.scope || f.Reason != c.reason {
				t.Errorf("got %+v", f)
			}
			if o := send(t, s, options{}, m)[0]; !o.Accepted {
				t.Errorf("the next message: %+v", o.Failure)
			}
		})
	}
}

// TestSimulatorIsTested: Test Configuration against a service that is there.
func TestSimulatorIsTested(t *testing.T) {
	server, s := startSimulator(t)
	m := hello
	m.Address = at(server, "ana")
	if report := s.Test(t.Context(), channel.Env{}, m); !report.OK {
		t.Errorf("%+v", report)
	}
}
