package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/sim/control"
	"heliograph/sim/vonage"
)

// office is an App that sends text messages to the simulator, as seen by a script with a token.
type office struct {
	*testing.T
	app     *App
	sim     *vonage.Server
	token   string
	gateway string // its path
}

func newOffice(t *testing.T, signature string) *office {
	sim, err := vonage.Start(vonage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Stop(context.Background()) }) // after the App, which it reports to
	o := &office{T: t, sim: sim, app: running(t, options(t))}
	if o.token, _, err = o.app.Store().CreateToken(t.Context(), "test", access.Administrator, time.Time{}); err != nil {
		t.Fatal(err)
	}
	account := sim.Credentials()
	settings := map[string]any{
		"kind": "sms", "name": "Vonage", "key": account.Key, "secret": account.Secret, "endpoint": sim.URL(), "virtual_number": "12025550100",
		"country": "+49", "rate_per_second": 1000, "rate_per_second_us": 1000,
	}
	if signature != "" {
		settings["signature_method"], settings["signature_secret"] = signature, account.SignatureSecret
	}
	o.gateway = "/notification-servers/" + o.call("POST", "/notification-servers", settings)["id"].(string)
	return o
}

// call asks the API, and wants it to be content. A nil body is none.
func (o *office) call(method, path string, body any) map[string]any {
	o.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			o.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(o.Context(), method, o.app.Addr().API()+path, bytes.NewReader(text))
	if err != nil {
		o.Fatal(err)
	}
	r.Close = true
	r.Header.Set("Authorization", "Bearer "+o.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		o.Fatal(err)
	}
	defer answer.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil || answer.StatusCode >= 400 {
		o.Fatalf("%s %s: %d %v %v", method, path, answer.StatusCode, out, err)
	}
	return out
}

// text sends one text to numbers, each of which belongs to a person; it gives the notification's path.
func (o *office) text(words string, numbers ...string) string {
	o.Helper()
	var users []string
	for _, number := range numbers {
		id := "u" + number[1:]
		o.call("PUT", "/users/"+id, map[string]any{"username": id, "mobile": number})
		users = append(users, id)
	}
	n := o.call("POST", "/notifications", map[string]any{
		"audience": map[string]any{"user_ids": users}, "ad_hoc": map[string]any{"sms": map[string]any{"message": words}},
	})
	return "/notifications/" + n["id"].(string)
}

// delivery is the one to a number.
func (o *office) delivery(notification, number string) map[string]any {
	o.Helper()
	for _, item := range o.call("GET", notification+"/deliveries", nil)["items"].([]any) {
		if d := item.(map[string]any); d["address"] == number {
			return d
		}
	}
	return map[string]any{}
}

// until polls what another process would poll.
func (o *office) until(what string, seen func() (words string, ok bool)) {
	o.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		words, ok := seen()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			o.Fatalf("%s: %s", what, words)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// becomes waits for the state of a delivery, and compares its reason.
func (o *office) becomes(notification, number, state, reason string) {
	o.Helper()
	o.until(number+" is "+state, func() (string, bool) {
		d := o.delivery(notification, number)
		return fmt.Sprint(d), d["state"] == state
	})
	if d := o.delivery(notification, number); reason != "" && d["reason"] != reason || reason == "" && d["reason"] != nil {
		o.Errorf("%s is %s for %v, want %q", number, state, d["reason"], reason)
	}
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// TestReceiptsSettleTextMessages: whichever way the account sends them, and only when they are signed as agreed.
func TestReceiptsSettleTextMessages(t *testing.T) {
	o := newOffice(t, "sha256")
	for _, c := range []struct {
		number        string
		plan          vonage.Plan
		state, reason string
	}{
		{"+491713920000", vonage.Plan{Method: vonage.ByGET}, "delivered", ""},
		{"+491713920001", vonage.Plan{Method: vonage.ByForm}, "delivered", ""},
		{"+491713920002", vonage.Plan{Method: vonage.ByJSON}, "delivered", ""},
		{"+491713920003", vonage.Plan{Method: vonage.ByGET, Status: "failed", ErrCode: 4}, "failed", "number_barred"},
		{"+491713920004", vonage.Plan{Method: vonage.ByForm, Status: "rejected", ErrCode: 9}, "failed", "number_invalid"},
		{"+12025550123", vonage.Plan{Status: "expired", DelayMS: 300}, "failed", "expired"},
		{"+491713920006", vonage.Plan{Status: "buffered"}, "sent", ""},
		{"+491713920007", vonage.Plan{Status: vonage.Silent}, "sent", ""},
		{"+491713920008", vonage.Plan{Signature: "none"}, "sent", ""},
		{"+491713920009", vonage.Plan{Signature: "md5"}, "sent", ""},
		{"+491713920010", vonage.Plan{Reference: "4711"}, "sent", ""},
	} {
		if c.plan.Signature == "" {
			c.plan.Signature = "sha256"
		}
		c.plan.Match = c.number
		o.must(o.sim.Plan(c.plan))
		n := o.text("Hello", c.number)
		o.becomes(n, c.number, c.state, c.reason)
	}
	if got := o.call("GET", o.gateway, nil)["paused"]; got != false {
		t.Error("the gateway is paused")
	}
}

// TestWhatVonageAnswersDecidesWhatHappens: each status of the interface, from the wire to what the API shows.
func TestWhatVonageAnswersDecidesWhatHappens(t *testing.T) {
	o := newOffice(t, "")
	const number, other = "+491713920000", "+491713920001"
	fails := func(status int, times int) {
		o.must(o.sim.Fail(control.Rule{Match: number, Status: status, Times: times}))
	}
	paused := func(reason string, least, most time.Duration) {
		t.Helper()
		var server map[string]any
		o.until("paused for "+reason, func() (string, bool) {
			server = o.call("GET", o.gateway, nil)
			return fmt.Sprint(server["answer"]), server["paused"] == true
		})
		if server["pause_reason"] != reason {
			t.Errorf("paused for %v, want %s", server["pause_reason"], reason)
		}
		if lasts := instant(t, server["paused_until"]).Sub(instant(t, server["paused_since"])); lasts < least || lasts > most {
			t.Errorf("%s pauses for %v, want %v to %v", reason, lasts, least, most)
		}
	}

	fails(7, 1) // barred
	n := o.text("Hello", number, other)
	o.becomes(n, number, "failed", "number_barred")
	o.becomes(n, other, "delivered", "")

	fails(12, 1) // too long: the other, with the same words, is as long
	n = o.text("Hello", number)
	o.becomes(n, number, "failed", "too_large")

	fails(9, 1) // no credit
	n = o.text("Hello", number)
	paused("quota", 30*time.Second, 30*time.Second)
	if d := o.delivery(n, number); d["state"] != "queued" || d["attempts"] != 0.0 {
		t.Errorf("while the gateway is paused: %v", d)
	}
	o.call("POST", o.gateway+"/resume", nil)
	o.becomes(n, number, "delivered", "")

	fails(4, 1) // wrong secret
	n = o.text("Hello", number)
	paused("credentials", 15*time.Minute, 15*time.Minute)
	o.call("POST", o.gateway+"/resume", nil)
	o.becomes(n, number, "delivered", "")

	fails(5, 1) // a fault of its own: tried again in a while, and one is no reason to stop
	n = o.text("Hello", number)
	o.until("it waits for its second attempt", func() (string, bool) {
		d := o.delivery(n, number)
		return fmt.Sprint(d), d["state"] == "queued" && d["attempts"] == 1.0 && d["reason"] == "server_error"
	})
	if o.call("GET", o.gateway, nil)["paused"] == true {
		t.Error("one fault pauses the gateway")
	}
	o.call("POST", n+"/cancel", nil)

	o.must(o.sim.Fail(control.Rule{Status: 5})) // all of them
	n = o.text("Hello", number, other, "+491713920002", "+491713920003")
	paused("server_error", 30*time.Second, 30*time.Second)
	o.call("POST", n+"/cancel", nil)
}

// TestPleaseWaitIsHonoured: a gateway that names milliseconds is tried again after them, and not before.
func TestPleaseWaitIsHonoured(t *testing.T) {
	o := newOffice(t, "")
	const number = "+491713920000"
	o.must(o.sim.Fail(control.Rule{Match: number, Status: 1, Reason: "Throughput Rate Exceeded - please wait [ 2500 ] and retry", Times: 1}))
	n := o.text("Hello", number)
	o.becomes(n, number, "delivered", "")
	tries := o.sim.History()
	if len(tries) != 2 || tries[0].Status != 1 || tries[1].Status != http.StatusOK {
		t.Fatalf("%+v", tries)
	}
	if waited := tries[1].Time.Sub(tries[0].Time); waited < 2500*time.Millisecond || waited > 10*time.Second {
		t.Errorf("it waited %v", waited)
	}
	if d := o.delivery(n, number); d["attempts"] != 1.0 {
		t.Errorf("throttling counted as an attempt: %v", d)
	}
}

// TestALostAnswerIsUnknown: a second message would be paid for, so that somebody has to want it.
func TestALostAnswerIsUnknown(t *testing.T) {
	o := newOffice(t, "")
	const silent, reported = "+491713920000", "+491713920001"
	o.must(o.sim.Fail(control.Rule{Action: control.Lose, Times: 2}))
	o.must(o.sim.Plan(vonage.Plan{Match: silent, Status: vonage.Silent, Times: 1}))
	o.must(o.sim.Plan(vonage.Plan{Match: reported, DelayMS: 500}))
	n := o.text("Hello", silent, reported)
	o.becomes(n, silent, "unknown", "lost_answer")
	o.becomes(n, reported, "delivered", "") // the receipt knows
	if got := len(o.sim.History()); got != 2 {
		t.Errorf("%d messages on the wire, want 2", got)
	}
	if queued := o.call("POST", n+"/retry", map[string]any{"states": []string{"unknown"}})["queued"]; queued != 1.0 {
		t.Errorf("%v queued again", queued)
	}
	o.becomes(n, silent, "delivered", "")
	var references []string
	for _, item := range o.sim.History() {
		if "+"+item.To == silent {
			references = append(references, item.ClientRef)
		}
	}
	if len(references) != 2 || len(slices.Compact(references)) != 1 {
		t.Errorf("references %q, want one twice", references)
	}
}

func instant(t *testing.T, v any) time.Time {
	t.Helper()
	text, _ := v.(string)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
