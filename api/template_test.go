package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"heliograph/template"
)

func TestTemplateTypes(t *testing.T) {
	h := newHouse(t)
	types := h.get("/template-types?limit=1000").is(200)
	if n := len(types.at("items").([]any)); n != len(template.Types()) {
		t.Errorf("%d types", n)
	}
	types.has("items.0.type", "ad_hoc", "items.0.manual_sending", true, "items.0.addable", true, "items.0.to", "typed",
		"items.1.type", "enrollment_invitation", "items.1.channels", "[smtp sms]", "items.1.manual_sending", false,
		"items.1.recipients.sms", "${user.mobile}", "items.1.recipients.smtp", "${user.mail}")
	h.post("/template-types", object{}).is(405)
}

// TestTemplates: the whole life of one of our own, and what is refused on the way.
func TestTemplates(t *testing.T) {
	h := newHouse(t)
	own := object{"name": "Ours", "type": "ad_hoc", "smtp": object{"active": true, "subject": "Hi ${FLOOR}", "message": "Hello"}}
	h.post("/templates", own).refuses("/smtp/active")
	h.smtp()
	h.post("/templates", object{"name": "", "type": "party", "sms": object{"active": true}}).refuses("/type", "/name", "/sms/active", "/sms/message")
	h.post("/templates", object{"name": "x", "type": "apns_cert_expiration"}).refuses("/type")
	h.post("/templates", object{"name": "x", "type": "enrollment_pin", "push": object{"message": "p"}}).refuses("/push")
	h.post("/templates", object{"name": "x", "type": "ad_hoc", "colour": 1}).refuses("/colour")
	h.post("/templates", object{"type": "ad_hoc"}).refuses("/name")
	made := h.post("/templates", own).is(201)
	id := made.at("id").(string)
	if made.header.Get("Location") != prefix+"/templates/"+id {
		t.Errorf("it is at %q", made.header.Get("Location"))
	}
	made.has("manual_sending", true, "manual_sending_refused_by", nil, "predefined", false, "language", "en", "push.sound", "Default",
		"push.active", false, "warnings.0.pointer", "/smtp/subject", "channels.0.channel", "smtp", "channels.0.active", true, "channels.0.configured", true,
		"channels.1.channel", "sms", "channels.1.missing", "[no_sms_gateway no_message]", "used_by", "[]")
	h.post("/templates", own).is(409).pointsAt("/name")

	got := h.get("/templates/" + id).is(200)
	h.put("/templates/"+id, got.raw).is(200) // what GET shows can be sent back
	if again := h.get("/templates/" + id).is(200); again.raw != got.raw {
		t.Errorf("sent back, it became %s", again.raw)
	}
	changed := got.json()
	changed["variants"] = object{"fr": object{"smtp": object{"subject": "Salut", "message": "Bonjour"}, "push": object{"message": "Coucou"}}}
	h.put("/templates/"+id, changed).is(200).has("variants.fr.smtp.subject", "Salut", "variants.fr.push.message", "Coucou", "variants.fr.sms", nil)
	changed["type"] = "jailbroken"
	h.put("/templates/"+id, changed).refuses("/type")
	changed["id"] = "another"
	h.put("/templates/"+id, changed).refuses("/id")
	h.put("/templates/Ours", object{"name": "Ours"}).is(404)
	h.get("/templates/Ours").is(404)
	h.call("POST", prefix+"/templates/"+id+"/restore", nil).is(409)

	copied := h.call("POST", prefix+"/templates/"+id+"/duplicate", nil).is(201).has("name", "Ours (2)", "variants.fr.smtp.subject", "Salut")
	h.post("/templates/"+id+"/duplicate", object{"name": "Ours"}).is(409).pointsAt("/name")
	h.del("/templates/" + copied.at("id").(string)).is(204)
	h.get("/templates/" + copied.at("id").(string)).is(404)
	h.del("/templates/" + copied.at("id").(string)).is(404)
}

func TestPredefinedTemplates(t *testing.T) {
	h := newHouse(t)
	list := h.get("/templates?limit=1000").is(200)
	if n := len(list.at("items").([]any)); n != len(template.Types())-1 {
		t.Errorf("%d templates", n)
	}
	v := h.get("/templates/out_of_compliance").is(200).has("predefined", true, "changed", false, "manual_sending", true, "smtp.active", true,
		"channels.0.configured", false, "channels.0.missing", "[no_smtp_server]")
	edited := v.json()
	edited["smtp"].(object)["subject"] = "Look"
	h.put("/templates/out_of_compliance", edited).is(200).has("changed", true, "smtp.subject", "Look")
	edited["sms"].(object)["active"] = true
	h.put("/templates/out_of_compliance", edited).refuses("/sms/active")
	h.del("/templates/out_of_compliance").is(409)
	h.call("POST", prefix+"/templates/out_of_compliance/restore", nil).is(200).has("changed", false, "smtp.subject", v.at("smtp.subject"))
	h.get("/templates/blocked_by_mail_gateway").is(200).has("manual_sending", false, "manual_sending_refused_by", "macro")
	h.get("/templates/enrollment_pin").is(200).has("manual_sending", false, "manual_sending_refused_by", "type", "push", nil)
}

// TestTemplateList: pages, newest first, and what is asked for.
func TestTemplateList(t *testing.T) {
	h := newHouse(t)
	h.post("/templates", object{"name": "Newest", "type": "ad_hoc"}).is(201)
	var names []string
	for address := "/templates?limit=5"; ; {
		page := h.get(address).is(200)
		for _, item := range page.at("items").([]any) {
			names = append(names, item.(object)["name"].(string))
		}
		next := page.at("next_cursor")
		if next == nil {
			break
		}
		address = "/templates?limit=5&cursor=" + next.(string)
	}
	if len(names) != len(template.Types()) || names[0] != "Newest" || len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Errorf("%d: %v", len(names), names)
	}
	h.get("/templates?type=jailbroken,roaming").is(200).has("items.0.type", "roaming", "items.1.type", "jailbroken", "next_cursor", nil)
	for _, item := range h.get("/templates?manual_sending=true&limit=1000").is(200).at("items").([]any) {
		if item.(object)["manual_sending"] != true {
			t.Errorf("%v cannot be sent by hand", item.(object)["name"])
		}
	}
	h.get("/templates?cursor=x").refuses("cursor")
}

func TestPreviewTemplate(t *testing.T) {
	h := newHouse(t)
	h.people(1)
	h.post("/templates/preview", object{"id": "jailbroken", "device_id": "d0"}).is(200).has(
		"items.0.language", "en", "items.1.language", "fr", "items.2.language", "pt", "items.0.smtp.recipient", "u0@example.com", "items.0.sms.parts", 1,
		"items.0.push.sound", "Default", "items.2.sms.alphabet", "gsm7")
	one := h.post("/templates/preview", object{"id": "Block Pending", "device_id": "d0", "language": "fr", "channel": "sms"}).is(200).
		has("items.0.smtp", nil, "items.0.samples", "[action.deadline action.trigger]")
	if text := one.at("items.0.sms.message").(string); !strings.HasPrefix(text, "Blocage de votre") {
		t.Error(text)
	}
	unsaved := object{"type": "ad_hoc", "name": "", "sms": object{"message": "Hi ${user.displayname} ${user.sn}"}}
	h.post("/templates/preview", object{"template": unsaved, "user_id": "u0"}).is(200).has("items.0.sms.message", "Hi Person 0 ", "items.0.missing", "[user.sn]")
	h.post("/templates/preview", object{"id": "jailbroken", "template": unsaved, "user_id": "u0"}).is(200).has("items.0.sms.message", "Hi Person 0 ", "items.0.smtp", nil)
	h.post("/templates/preview", object{"template": object{"type": "ad_hoc", "name": "x", "push": object{"message": "${"}}}).refuses("/push/message")
	h.post("/templates/preview", object{}).refuses("/id")
	h.post("/templates/preview", object{"id": "jailbroken", "language": "de"}).refuses("/language")
	h.post("/templates/preview", object{"id": "nope"}).is(404)
	h.post("/templates/preview", object{"id": "jailbroken", "device_id": "nope"}).is(404)
}

// TestTestTemplate: the report says how far it came.
func TestTestTemplate(t *testing.T) {
	h := newHouse(t)
	h.post("/templates/jailbroken/test", object{"channel": "smtp", "to": "me@example.com"}).refuses("/channel")
	h.smtp()
	h.post("/templates/jailbroken/test", object{"channel": "smtp", "to": "me@example.com"}).is(200).has("ok", false, "reason", "unreachable")
	h.post("/templates/jailbroken/test", object{"channel": "smtp", "to": "me"}).refuses("/to")
	h.post("/templates/jailbroken/test", object{"channel": "fax", "to": "me"}).refuses("/channel")
	h.post("/templates/nope/test", object{"channel": "smtp", "to": "me@example.com"}).is(404)
}

func TestSounds(t *testing.T) {
	h := newHouse(t)
	h.get("/sounds").is(200).has("items.0.id", "default", "items.0.name", "Default", "items.0.built_in", true)
	made := h.post("/sounds", object{"name": "Casino.wav"}).is(201).has("name", "Casino.wav", "built_in", false)
	at := strings.TrimPrefix(made.header.Get("Location"), prefix)
	h.post("/sounds", object{"name": "Casino.wav"}).is(409).pointsAt("/name")
	h.post("/sounds", object{"name": "a/b"}).refuses("/name")
	h.post("/templates", object{"name": "Loud", "type": "ad_hoc", "push": object{"sound": "Nope"}}).refuses("/push/sound")
	loud := h.post("/templates", object{"name": "Loud", "type": "ad_hoc", "push": object{"sound": "Casino.wav"}}).is(201)
	h.put(at, object{"name": "Alert"}).is(200)
	h.get(at).is(200).has("name", "Alert")
	h.get("/templates/"+loud.at("id").(string)).is(200).has("push.sound", "Alert")
	h.del(at).is(409)
	h.del("/templates/" + loud.at("id").(string)).is(204)
	h.del(at).is(204)
	h.get(at).is(404)
	h.put("/sounds/default", object{"name": "x"}).refuses("/name")
	h.get("/sounds/default").is(200)
	h.del("/sounds/default").is(422)
}

func TestOrganization(t *testing.T) {
	h := newHouse(t)
	h.get("/organization").is(200).has("name", "", "trouble_minutes", 0)
	h.put("/organization", object{"name": "Contoso", "language": "fr", "time_zone": "Europe/Paris", "trouble_minutes": 5}).is(200).has("language", "fr")
	h.get("/organization").is(200).has("name", "Contoso", "time_zone", "Europe/Paris")
	h.put("/organization", object{"time_zone": "Moon", "language": "?", "mail": "x"}).refuses("/mail", "/time_zone", "/language")
	h.post("/templates", object{"name": "x", "type": "ad_hoc"}).is(201).has("language", "fr")
}

// TestSendTemplate: what POST /notifications makes of a template.
func TestSendTemplate(t *testing.T) {
	h := newHouse(t)
	h.smtp()
	h.people(1)
	n := h.post("/notifications", object{"audience": object{"all": true}, "template": "Roaming"}).is(202).
		has("template", "Roaming", "content.push", nil, "content.sms", nil, "content.smtp.recipient", "${user.mail}")
	if subject := n.at("content.smtp.subject").(string); !strings.HasSuffix(subject, "is roaming abroad") {
		t.Error(subject)
	}
	n.has("content.language", "en")
	if variants := n.at("content.variants").(object); len(variants) != 2 || !strings.Contains(fmt.Sprint(variants["fr"]), "itinérance") {
		t.Errorf("%v", variants)
	}
	n = h.post("/notifications", object{"audience": object{"all": true}, "template": "roaming", "channels": []string{"smtp"}, "overrides": object{"smtp": object{"subject": "Now"}}}).
		is(202).has("content.smtp.subject", "Now")
	if text := fmt.Sprint(n.at("content.variants.fr")); !strings.Contains(text, "Now") || !strings.Contains(text, "Bonjour") {
		t.Error(text)
	}
	own := h.post("/templates", object{"name": "On call", "type": "ad_hoc", "smtp": object{"active": true, "recipient": "ops@example.com", "subject": "Look"}}).is(201)
	h.post("/notifications", object{"template": own.at("id")}).is(202).has("content.smtp.message", "")
	for _, c := range []struct {
		body object
		want []string
	}{
		{object{"template": "roaming"}, []string{"/audience"}},
		{object{"audience": object{"all": true}, "template": "nope"}, []string{"/template"}},
		{object{"audience": object{"all": true}, "template": "enrollment_pin"}, []string{"/template"}},
		{object{"audience": object{"all": true}, "template": "forbidden_or_missing_apps"}, []string{"/template"}},
		{object{"audience": object{"all": true}, "template": "roaming", "ad_hoc": object{"push": object{"message": "x"}}}, []string{"/template"}},
		{object{"audience": object{"all": true}, "template": "roaming", "channels": []string{"sms"}}, []string{"/channels"}},
		{object{"audience": object{"all": true}, "template": "roaming", "channels": []string{}}, []string{"/channels"}},
		{object{"audience": object{"all": true}, "template": "roaming", "channels": []string{"fax"}}, []string{"/channels/0"}},
		{object{"audience": object{"all": true}, "template": "roaming", "overrides": object{"smtp": object{"subject": "${x"}}}, []string{"/overrides/smtp/subject"}},
		{object{"audience": object{"all": true}, "template": "roaming", "overrides": object{"smtp": object{"subject": ""}}}, []string{"/overrides/smtp/subject"}},
		{object{"audience": object{"all": true}, "template": "roaming", "overrides": object{"sms": object{"message": "x"}}}, []string{"/overrides/sms"}},
		{object{"audience": object{"all": true}, "ad_hoc": object{"push": object{"message": "x"}}, "channels": []string{"push"}}, []string{"/channels"}},
	} {
		h.post("/notifications", c.body).refuses(c.want...)
	}
}

// TestEveryWordOfTemplatesIsDocumented: the document lists the words that the nouns have.
func TestEveryWordOfTemplatesIsDocumented(t *testing.T) {
	h := newHouse(t)
	raw, err := json.Marshal(h.server.huma.OpenAPI().Components.Schemas.Map()["TemplateChannel"])
	h.must(err)
	for _, word := range []string{"no_smtp_server", "no_sms_gateway", "no_push_provider", "no_subject", "no_message"} {
		if !strings.Contains(string(raw), word) {
			t.Errorf("%s is not in the document", word)
		}
	}
}
