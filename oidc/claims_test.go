package oidc

import (
	"encoding/json"
	"slices"
	"testing"
)

// FuzzClaims: whatever a provider says, a group is a text that stands in its claims, and an address was verified.
func FuzzClaims(f *testing.F) {
	f.Add(`{"groups": ["a", "b"], "email": "a@example.com", "email_verified": true}`, "groups")
	f.Add(`{"realm_access": {"roles": ["a"]}, "email": ["x"], "email_verified": "true"}`, "realm_access.roles")
	f.Add(`{"a.b": {"c": {"": "x"}}, "a": null}`, "a.b.c.")
	f.Fuzz(func(t *testing.T, raw, path string) {
		var claims map[string]any
		if json.Unmarshal([]byte(raw), &claims) != nil {
			return
		}
		all := everyText(claims)
		for _, group := range textsOf(claimAt(claims, path)) {
			if !slices.Contains(all, group) {
				t.Errorf("%q is in no claim of %q", group, raw)
			}
		}
		if mail := mailOf(claims); mail != "" && claims["email_verified"] != true {
			t.Errorf("%q was not verified", mail)
		}
		textOf(claimAt(claims, path))
	})
}

func everyText(value any) (list []string) {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		for _, one := range value {
			list = append(list, everyText(one)...)
		}
	case map[string]any:
		for _, one := range value {
			list = append(list, everyText(one)...)
		}
	}
	return list
}
