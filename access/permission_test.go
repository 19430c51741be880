package access

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The table in docs/access.md is the one of the code.
func TestDocumentedTable(t *testing.T) {
	raw, err := os.ReadFile("../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	columns := []struct {
		role    Role
		limited bool
	}{{Administrator, false}, {Operator, false}, {Support, false}, {Auditor, false}}
	seen := 0
	for line := range strings.Lines(string(raw)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		p := Permission(cells[0])
		if len(cells) != 6 || !slices.Contains(Permissions(), p) {
			continue
		}
		seen++
		for i, c := range columns {
			if documented := cells[i+1] == "yes"; documented != Grants(c.role, false, p) {
				t.Errorf("%s may %s: %v, the document says %v", c.role, p, !documented, documented)
			}
			limited := c.role.Limitable() && Grants(c.role, true, p)
			if want := cells[5] == "yes" && c.role.Limitable() && Grants(c.role, false, p); limited != want {
				t.Errorf("%s, limited, may %s: %v", c.role, p, limited)
			}
		}
	}
	if seen != len(Permissions()) {
		t.Errorf("the document has %d of %d permissions", seen, len(Permissions()))
	}
}

func TestGrants(t *testing.T) {
	for _, p := range append(Permissions(), SignedIn) {
		for _, role := range []Role{"", "emperor", "Administrator"} {
			if Grants(role, false, p) {
				t.Errorf("%q may %s", role, p)
			}
		}
	}
	if (Actor{Role: Operator}).May(Configure) || (Actor{Role: Operator}).May(SeeSettings) || !(Actor{Role: Operator}).May(Send) {
		t.Error("an operator who sees nothing may what it must not, or not what it may")
	}
	if Grants(Administrator, false, "fly") || Permission("fly").Known() {
		t.Error("what there is not is granted")
	}
}

func TestRolesWithin(t *testing.T) {
	within := map[Role][]Role{
		Administrator: {Administrator},
		Operator:      {Administrator, Operator},
		Support:       {Administrator, Operator, Support},
		Auditor:       {Administrator, Auditor},
	}
	for _, role := range Roles {
		for _, other := range append(Roles, "", "emperor") {
			if got := role.Within(other); got != slices.Contains(within[role], other) {
				t.Errorf("%s within %q: %v", role, other, got)
			}
		}
	}
	for _, c := range []struct{ a, b, want Role }{
		{Administrator, Support, Support}, {Support, Administrator, Support}, {Operator, Operator, Operator}, {Auditor, Operator, ""}, {"", Administrator, ""}, {"emperor", Administrator, ""},
	} {
		if got := Lesser(c.a, c.b); got != c.want {
			t.Errorf("the lesser of %q and %q is %q, want %q", c.a, c.b, got, c.want)
		}
	}
	for word, want := range map[string]Role{"Operator": Operator, " AUDITOR ": Auditor} {
		if got, ok := ParseRole(word); !ok || got != want {
			t.Errorf("%q is %q", word, got)
		}
	}
	if _, ok := ParseRole("king"); ok {
		t.Error("there is a king")
	}
}

func TestScopes(t *testing.T) {
	some, fewer := Limited(1, 2, 3), Limited(3, 1)
	for _, c := range []struct {
		a, b Scope
		want bool
	}{
		{fewer, some, true}, {some, fewer, false}, {some, Everything, true}, {Everything, some, false}, {Everything, Everything, true}, {Scope{}, some, true}, {some, Scope{}, false},
	} {
		if got := c.a.Within(c.b); got != c.want {
			t.Errorf("%v within %v: %v", c.a, c.b, got)
		}
	}
	if got := some.Intersect(Limited(3, 4, 2)); got.All() || !slices.Equal(got.Groups(), []int64{2, 3}) {
		t.Errorf("in both: %v", got)
	}
	if !Everything.Intersect(Everything).All() || Everything.Intersect(some).All() || some.Intersect(Everything).All() {
		t.Error("everything is not neutral")
	}
}

func TestEntries(t *testing.T) {
	a := Actor{Kind: ByToken, Name: "t"}
	object := Object{Kind: AServer, ID: "1"}
	for name, c := range map[string]struct {
		before, after any
		changed       bool
	}{
		"new": {nil, map[string]int{"a": 1}, true}, "gone": {map[string]int{"a": 1}, nil, true}, "nothing to say": {nil, nil, true},
		"as it was": {map[string]int{"a": 1, "b": 2}, map[string]int{"b": 2, "a": 1}, false}, "different": {map[string]int{"a": 1}, map[string]int{"a": 2}, true},
	} {
		if got := a.Did(Update, object, c.before, c.after).Changed(); got != c.changed {
			t.Errorf("%s: %v", name, got)
		}
	}
	if e := a.Did(Update, object, strings.Repeat("x", largestValue), func() {}); string(e.Before) != `{"too_large":true}` || string(e.After) != `{"too_large":true}` {
		t.Errorf("kept %.50s and %s", e.Before, e.After)
	}
	if e := a.Did(Update, object, (*int)(nil), nil); e.Before != nil {
		t.Errorf("nothing is %s", e.Before)
	}
	for i, action := range Actions {
		if !action.Known() || slices.Contains(Actions[:i], action) {
			t.Errorf("action %q", action)
		}
	}
	for i, kind := range ObjectKinds {
		if !kind.Known() || slices.Contains(ObjectKinds[:i], kind) {
			t.Errorf("kind %q", kind)
		}
	}
}
