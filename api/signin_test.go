package api

import (
	"net/http"
	"strings"
	"testing"

	"heliograph/access"
	"heliograph/fleet"
)

func TestSignInPolicy(t *testing.T) {
	h := newHouse(t)
	h.get("/sign-in").is(200).has("local", "everybody", "second_factor", "optional")
	h.put("/sign-in", object{"local": "administrators", "second_factor": "everybody"}).is(200).has("local", "administrators")
	h.get("/sign-in").is(200).has("local", "administrators", "second_factor", "everybody")
	h.put("/sign-in", object{"local": "nobody", "second_factor": "x"}).refuses("/local", "/second_factor")
	h.put("/sign-in", object{"local": "everybody"}).refuses("/second_factor")
	h.get("/audit?kind=setting&action=update").is(200).has("items.0.object.name", "sign-in", "items.0.before.local", "everybody", "items.0.after.local", "administrators")
}

func openIDBody(change ...any) object {
	body := object{
		"name": "Contoso", "issuer": "https://login.example.com", "client_id": "heliograph", "secret": "s3cret",
		"rules": []object{{"group": "Admins", "role": "administrator"}, {"group": "Desk", "role": "support", "groups": []string{"Sales"}}},
	}
	for i := 0; i < len(change); i += 2 {
		body[change[i].(string)] = change[i+1]
		if change[i+1] == "absent" {
			delete(body, change[i].(string))
		}
	}
	return body
}

func TestOpenIDProvider(t *testing.T) {
	h := newHouse(t)
	_, err := h.store.PutGroup(t.Context(), access.Everything, fleet.Group{ID: "sales", Name: "Sales"})
	h.must(err)
	h.get(openIDPath).is(404)
	h.del(openIDPath).is(404)
	made := h.put(openIDPath, openIDBody()).is(201).has("name", "Contoso", "active", true, "secret_set", true, "group_claim", "groups", "scopes.0", "profile", "rules.1.groups.0", "Sales")
	h.put(openIDPath, made.raw).is(200).has("secret_set", true) // as it was shown
	h.put(openIDPath, openIDBody("secret", "absent", "name", "Fabrikam")).is(200).has("secret_set", true, "name", "Fabrikam")
	h.put(openIDPath, openIDBody("secret", nil)).is(200).has("secret_set", false)
	h.put(openIDPath, openIDBody()).is(200).has("secret_set", true)
	h.post(openIDPath+"/test", openIDBody("secret", "absent")).is(200).has("ok", true, "steps.0.name", "discovery")
	h.post(openIDPath+"/test", openIDBody("secret", "absent", "issuer", "https://evil.example.com")).refuses("/secret")
	h.put(openIDPath, openIDBody("secret", "absent", "issuer", "https://other.example.com")).refuses("/secret")
	h.get(openIDPath).has("issuer", "https://login.example.com", "secret_set", true)
	h.put(openIDPath, openIDBody("secret", nil, "issuer", "https://other.example.com")).is(200).has("secret_set", false)
	h.put(openIDPath, openIDBody("secret", "absent", "issuer", "https://another.example.com")).is(200) // there is none to lose
	for _, bad := range []struct {
		pointer string
		body    object
	}{
		{"/issuer", openIDBody("issuer", "http://login.example.com")},
		{"/issuer", openIDBody("issuer", "https://169.254.169.254")},
		{"/scopes", openIDBody("scopes", []string{"a\"b"})},
		{"/rules", openIDBody("rules", []object{{"group": "a", "role": "administrator", "groups": []string{"Sales"}}})},
		{"/rules", openIDBody("rules", []object{{"group": "a", "role": "support", "groups": []string{"Nowhere"}}})},
		{"/rules/0/role", openIDBody("rules", []object{{"group": "a", "role": "root"}})},
		{"/trusted_ca", openIDBody("trusted_ca", "x")},
		{"/name", openIDBody("name", " ")},
		{"/owner", openIDBody("owner", "x")},
	} {
		h.put(openIDPath, bad.body).refuses(bad.pointer)
		h.post(openIDPath+"/test", bad.body).refuses(bad.pointer)
	}
	h.del(openIDPath).is(204)
	h.get(openIDPath).is(404)
	log := h.get("/audit?kind=setting").is(200)
	if strings.Contains(log.raw, "s3cret") || !strings.Contains(log.raw, `"secret_set":true`) {
		t.Errorf("the audit log says %s", log.raw)
	}
}

func TestSignInSettingsAreAdministrators(t *testing.T) {
	h := newHouse(t)
	h.put(openIDPath, openIDBody("rules", "absent")).is(201)
	for role, may := range map[access.Role]int{access.Operator: 403, access.Support: 403, access.Auditor: 200} {
		token, _, err := h.store.AddToken(t.Context(), access.Token{Name: "x", Role: role, Scope: access.Everything})
		h.must(err)
		as := []string{"Authorization", "Bearer " + token}
		if shown := h.call(http.MethodGet, prefix+openIDPath, nil, as...).is(may); strings.Contains(shown.raw, "s3cret") {
			t.Errorf("%s sees the secret", role)
		}
		h.call(http.MethodPut, prefix+openIDPath, openIDBody(), as...).is(403)
		h.call(http.MethodPut, prefix+"/sign-in", object{"local": "everybody", "second_factor": "optional"}, as...).is(403)
		h.call(http.MethodDelete, prefix+openIDPath, nil, as...).is(403)
	}
}
