package api

import (
	"fmt"
	"testing"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/fleet"
)

const unknownID = "/0199d0a0-0000-7000-8000-000000000000"

// carried is a device that names a carrier.
func (h *house) carried(id fleet.DeviceID, name string) {
	h.Helper()
	d := fleet.NewDevice(id)
	d.Carrier = name
	_, err := h.store.PutDevice(h.Context(), access.Everything, d)
	h.must(err)
}

func TestCarrierGateways(t *testing.T) {
	h := newHouse(t)
	made := h.post(carriersPath, object{"carrier": " Contoso ", "domain": "SMS.contoso.example", "country": "+351", "prefix": "sms.", "ends_on": "2026-03-05", "note": "Ask Ana"}).
		is(201).has("carrier", "Contoso", "domain", "sms.contoso.example", "country", "+351", "prefix", "sms.", "ends_on", "2026-03-05", "doubtful", false, "note", "Ask Ana", "status", "ending")
	id := made.at("id").(string)
	if where := made.header.Get("Location"); where != prefix+carriersPath+"/"+id {
		t.Errorf("Location %q", where)
	}
	got := h.get(carriersPath + "/" + id).is(200)
	if got.raw != made.raw {
		t.Errorf("POST answers\n%sand GET\n%s", made.raw, got.raw)
	}
	h.get(carriersPath).is(200).has("items.0.id", id)
	if again := h.put(carriersPath+"/"+id, got.raw).is(200); again.raw != got.raw {
		t.Errorf("what GET showed came back as %s", again.raw)
	}
	h.post(carriersPath, object{"carrier": "contoso", "domain": "sms.contoso.example", "country": "+351"}).is(409).pointsAt("/domain")
	h.put(carriersPath+"/"+id, object{"carrier": "Contoso", "domain": "x.example", "country": "+44"}).is(200).
		has("prefix", "", "ends_on", nil, "note", "", "status", "open", "country", "+44")
	h.put(carriersPath+"/"+id, object{"carrier": "Contoso", "domain": "x.example", "country": "+44", "doubtful": true, "ends_on": nil}).is(200).has("status", "doubtful")
	h.put(carriersPath+"/"+id, object{"carrier": "Contoso", "domain": "x.example", "country": "+44", "ends_on": "2026-03-04"}).is(200).has("status", "closed")

	first := h.get(carriersPath + "?limit=2").is(200)
	if rest := h.get(carriersPath+"?cursor="+first.at("next_cursor").(string)).is(200).has("next_cursor", nil); len(rest.ids()) != len(carrier.Known())-1 {
		t.Errorf("%d on the second page", len(rest.ids()))
	}
	h.del(carriersPath + "/" + id).is(204)
	h.del(carriersPath + "/" + id).is(404)
	h.get(carriersPath + "/" + id).is(404)
	h.put(carriersPath+unknownID, object{"carrier": "C", "domain": "x.example", "country": "+44"}).is(404)
}

func TestKnownCarrierGateways(t *testing.T) {
	h := newHouse(t)
	list := h.get(carriersPath + "?limit=1000").is(200)
	states := map[string]object{}
	for _, item := range list.at("items").([]any) {
		g := item.(object)
		states[fmt.Sprint(g["carrier"], " ", g["domain"])] = g
	}
	for key, want := range map[string]string{
		"AT&T txt.att.net": "closed 2025-06-17", "AT&T mms.att.net": "closed 2025-06-17", "Verizon vtext.com": "ending 2027-03-31",
		"T-Mobile tmomail.net": "doubtful <nil>", "Sprint ": "no_domain <nil>", "NONE ": "no_domain <nil>",
	} {
		if got := fmt.Sprint(states[key]["status"], " ", states[key]["ends_on"]); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	sprint := states["Sprint "]
	path := carriersPath + "/" + sprint["id"].(string)
	h.put(path, sprint).is(200).has("domain", "") // what GET shows can be sent back
	sprint["domain"] = "sms.sprint.example"
	h.put(path, sprint).is(200).has("status", "open")
	sprint["domain"] = ""
	h.put(path, sprint).refuses("/domain")
}

func TestRefusedCarrierGateways(t *testing.T) {
	h := newHouse(t)
	good := func(change ...any) object {
		body := object{"carrier": "Contoso", "domain": "sms.contoso.example", "country": "+351"}
		for i := 0; i < len(change); i += 2 {
			body[change[i].(string)] = change[i+1]
		}
		return body
	}
	h.post(carriersPath, object{}).refuses("/carrier")
	h.post(carriersPath, object{"carrier": "Contoso"}).refuses("/domain", "/country")
	h.post(carriersPath, `{`).is(400)
	for _, c := range []struct {
		field string
		value any
	}{
		{"carrier", "  "}, {"carrier", "a\nb"}, {"domain", "https://x.example"}, {"domain", "a b"}, {"domain", 5}, {"country", "351"}, {"country", "+999"},
		{"country", "+1 "}, {"prefix", "a@b"}, {"prefix", "a\r\nb"}, {"ends_on", "31 March 2027"}, {"ends_on", "2027-02-30"}, {"doubtful", "yes"}, {"active", true},
	} {
		if c.value == "+1 " { // blanks around are no mistake
			h.post(carriersPath, good(c.field, c.value)).is(201)
			continue
		}
		h.post(carriersPath, good(c.field, c.value)).refuses("/" + c.field)
	}
	id := h.get(carriersPath).at("items.0.id").(string)
	h.put(carriersPath+"/"+id, good("id", "another")).refuses("/id")
}

func TestDetectCarriers(t *testing.T) {
	h := newHouse(t)
	h.post(carriersPath+"/detect", nil).is(200).has("new", "[]")
	for i, name := range []string{"Contoso", "contoso", "Fabrikam", "Verizon", "Orange", ""} {
		h.carried(fleet.DeviceID(fmt.Sprint("d", i)), name)
	}
	h.post(carriersPath+"/detect", "{}").is(200).has("new", "[map[carrier:Contoso devices:2] map[carrier:Fabrikam devices:1]]")
	for _, item := range h.get(carriersPath + "?limit=1000").at("items").([]any) {
		if item.(object)["carrier"] == "Verizon" {
			h.del(carriersPath + "/" + item.(object)["id"].(string)).is(204)
		}
	}
	h.post(carriersPath+"/detect", "{}").is(200).has("new.2.carrier", "Verizon", "new.2.domain", "vtext.com", "new.2.country", "+1", "new.2.devices", 1)
	for _, name := range []string{"contoso", "Fabrikam", "VERIZON"} {
		h.post(carriersPath, object{"carrier": name, "domain": "x.example", "country": "+1"}).is(201)
	}
	h.post(carriersPath+"/detect", "{}").is(200).has("new", "[]")
}

func TestCarrierGatewayUse(t *testing.T) {
	h := newHouse(t)
	h.get(carriersPath+"/use").is(200).has("carrier_gateway_use", "never")
	for _, use := range carrier.Uses {
		h.put(carriersPath+"/use", object{"carrier_gateway_use": use}).is(200).has("carrier_gateway_use", use)
		h.get(carriersPath+"/use").is(200).has("carrier_gateway_use", use)
	}
	h.put(carriersPath+"/use", object{"carrier_gateway_use": "always"}).refuses("/carrier_gateway_use")
	h.put(carriersPath+"/use", object{}).refuses("/carrier_gateway_use")
	h.get(carriersPath+"/use").has("carrier_gateway_use", carrier.Preferred)
}
