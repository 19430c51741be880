package api

import (
	"strings"
	"testing"

	"heliograph/channel/vonage"
	"heliograph/sim/control"
	simulated "heliograph/sim/vonage"
)

func (h *house) gateway(id string) *vonage.Settings {
	h.Helper()
	v, err := h.store.Server(h.Context(), id)
	h.must(err)
	return v.Settings.(*vonage.Settings)
}

func TestSMSGateways(t *testing.T) {
	h := newHouse(t)
	h.smtp()
	body := object{"kind": "sms", "name": "Vonage", "key": "abcd1234", "secret": "geheim-4711", "virtual_number": "12025550100", "country": "+33"}
	made := h.post(serversPath, body).is(201).has("kind", "sms", "key", "abcd1234", "secret_set", true, "virtual_number", "12025550100",
		"https", true, "country", "+33", "sender", "", "rate_per_second", 30, "rate_per_second_us", 1, "signature_secret_set", false,
		"signature_method", "md5", "retries", 5, "timeout_seconds", 30, "endpoint", "", "active", true)
	id := made.at("id").(string)
	path := serversPath + "/" + id
	if list := h.get(serversPath).is(200); strings.Contains(made.raw+list.raw, "geheim") || len(list.ids()) != 2 {
		t.Errorf("list: %s", list.raw)
	}
	h.put(path, made.raw).is(200).has("secret_set", true)
	if got := h.gateway(id).Secret; got != "geheim-4711" {
		t.Errorf("the secret is %q after what GET showed was put", got)
	}
	body["secret"] = nil
	h.put(path, body).refuses("/secret")
	body["signature_secret"] = "sign-me"
	h.put(path, body).is(200).has("secret_set", false, "signature_secret_set", true)
	h.put(path, object{"kind": "smtp", "name": "Vonage"}).refuses("/kind")

	second := h.post(serversPath, object{"kind": "sms", "name": "Spare", "key": "k", "secret": "s"}).is(201).has("active", false, "country", "+93").at("id").(string)
	h.post(serversPath+"/"+second+"/activate", nil).is(200).has("active", true)
	h.get(path).has("active", false)
	h.post(path+"/resume", nil).is(200).has("paused", false)
	h.get(providersPath + "/" + id).is(404)
	h.del(path).is(204)
	h.get(path).is(404)
}

func TestRefusedSMSGateways(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		field string
		value any
	}{
		{"key", "a b"}, {"secret", ""}, {"virtual_number", "+1 202"}, {"https", "on"}, {"country", "93"}, {"country", "+999"}, {"sender", "a name that is too long"},
		{"rate_per_second", 0}, {"rate_per_second_us", 10001}, {"signature_method", "rot13"}, {"retries", 21}, {"timeout_seconds", 0},
		{"endpoint", "https://sms.example.com/path"}, {"trusted_ca", "x"}, {"host", "h"},
	} {
		body := object{"kind": "sms", "name": "x", "key": "k", "secret": "s"}
		body[c.field] = c.value
		h.post(serversPath, body).refuses("/" + c.field)
	}
}

// A test sends one text message, to a number as somebody wrote it.
func TestTestingAnSMSGateway(t *testing.T) {
	h := newHouse(t)
	sim, err := simulated.Start(simulated.Options{})
	h.must(err)
	t.Cleanup(func() { _ = sim.Stop(t.Context()) })
	account := sim.Credentials()
	unsaved := object{"kind": "sms", "key": account.Key, "secret": account.Secret, "endpoint": sim.URL(), "country": "+33", "to": "06 12 34 56 78"}
	h.post(serversPath+"/test", unsaved).is(200).has("ok", true, "reason", nil)
	if got := sim.History(); len(got) != 1 || got[0].To != "33612345678" || got[0].Text == "" {
		t.Errorf("sent: %+v", got)
	}
	unsaved["secret"] = "wrong"
	answer := h.post(serversPath+"/test", unsaved).is(200).has("ok", false, "reason", "credentials")
	steps := answer.at("steps").([]any)
	if last := steps[len(steps)-1].(object); last["name"] != "authenticate" || last["ok"] != false {
		t.Errorf("steps %v", steps)
	}
	for _, to := range []any{"", nil, "nobody", "1", "me@example.com", "0612345678901234567"} {
		unsaved["to"] = to
		h.post(serversPath+"/test", unsaved).refuses("/to")
	}

	delete(unsaved, "to")
	unsaved["secret"], unsaved["name"] = account.Secret, "Vonage"
	path := serversPath + "/" + h.post(serversPath, unsaved).is(201).at("id").(string)
	h.post(path+"/test", object{"to": "+1 202 555 0123"}).is(200).has("ok", false, "reason", "refused_policy") // without a virtual number
	h.must(sim.Fail(control.Rule{Status: 9}))
	h.post(path+"/test", object{"to": "+33612345678"}).is(200).has("ok", false, "reason", "quota")
}
