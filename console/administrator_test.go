package console

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/fleet"
)

func TestAdministrators(t *testing.T) {
	f := signedIn(t)
	f.access.groups = []fleet.Group{{Key: 1, Name: "Sales"}, {Key: 2, Name: "<b>Paris</b>"}}
	form := f.get(administratorsPath+"/new", http.StatusOK)
	if n := len(form.find("input[name=role]")); n != len(access.Roles) {
		t.Errorf("%d roles to choose from", n)
	}
	bad := f.post(administratorsPath+"/new", http.StatusUnprocessableEntity, "name", "maria", "limited", "true", "mail", "maria@example.com")
	if got := bad.one(t, "#name").attr["value"]; got != "maria" {
		t.Errorf("what was typed is %q", got)
	}
	for _, field := range []string{"#role-problem", "#groups-problem"} {
		bad.one(t, field)
	}
	made := f.post(administratorsPath+"/new", http.StatusOK, "name", "maria", "role", "support", "limited", "true", "groups", "Sales", "groups", "<b>Paris</b>", "mail", "maria@example.com", "receives_alerts", "true")
	if got := made.one(t, "#link").words(); got != "https://here/welcome/secret-of-maria" {
		t.Errorf("the link is %q", got)
	}
	f.post(administratorsPath+"/new", http.StatusConflict, "name", "maria", "role", "auditor")

	list := f.get(administratorsPath, http.StatusOK).words()
	for _, want := range []string{"maria", "Support", "Sales, <b>Paris</b>", "maria@example.com", "Receives alerts"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list does not say %q", want)
		}
	}
	page := f.get(administratorPath("id-maria"), http.StatusOK)
	page.one(t, "input[value=support][checked]")
	if n := len(page.find("input[name=groups][checked]")); n != 2 {
		t.Errorf("%d groups are chosen", n)
	}
	f.post(administratorPath("id-maria"), http.StatusOK, "role", "auditor", "limited", "false")
	if a, _ := f.access.Account(t.Context(), "id-maria"); a.Role != access.Auditor || !a.Scope.All() || a.Name != "maria" || a.Mail != "" {
		t.Errorf("saved %+v", a)
	}
	if again := f.post(administratorPath("id-maria")+"/link", http.StatusOK); !strings.Contains(again.words(), "again-id-maria") {
		t.Error("no new link")
	}
	f.post(administratorPath("id-maria")+"/delete", http.StatusOK)
	f.get(administratorPath("id-maria"), http.StatusNotFound)
}

func TestLastAdministratorStays(t *testing.T) {
	f := signedIn(t)
	last := f.accounts.list[0].ID
	page := f.post(administratorPath(last), http.StatusConflict, "role", "auditor", "limited", "false")
	page.one(t, "#role-problem")
	if words := f.post(administratorPath(last)+"/delete", http.StatusOK).words(); !strings.Contains(words, "last administrator") {
		t.Error("nothing is said")
	}
}

func TestAPITokens(t *testing.T) {
	f := signedIn(t)
	f.get(apiTokensPath, http.StatusOK).one(t, ".nothing")
	f.post(apiTokensPath+"/new", http.StatusUnprocessableEntity, "role", "auditor", "days", "30").one(t, "#name-problem")
	made := f.post(apiTokensPath+"/new", http.StatusOK, "name", "nightly", "role", "auditor", "days", "30", "limited", "false")
	if got := made.one(t, "#token").words(); got != "hel_shown-once" {
		t.Errorf("the token is %q", got)
	}
	if got := f.access.tokens[0].ExpiresAt; !got.Equal(testTime.AddDate(0, 0, 30)) {
		t.Errorf("it ends at %s", got)
	}
	list := f.get(apiTokensPath, http.StatusOK)
	if words := list.words(); strings.Contains(words, "shown-once") || !strings.Contains(words, "nightly") || !strings.Contains(words, "Auditor") {
		t.Errorf("the list says %q", words)
	}
	f.post(apiTokensPath+"/id-nightly/delete", http.StatusOK)
	f.post(apiTokensPath+"/id-nightly/delete", http.StatusNotFound)
	if len(f.access.tokens) != 0 {
		t.Error("it is still there")
	}
}

// Who may not do something is not offered it.
func TestOnlyWhatTheyMay(t *testing.T) {
	type offered struct{ path, selector string }
	all := []offered{
		{"/", ".side a[href=/notify]"}, {"/", ".side a[href=/settings/servers]"}, {"/", "#deliveries"},
		{"/settings", "a[href=/settings/audit]"}, {"/settings", "a[href=/settings/about]"},
		{administratorsPath, "a[href=/settings/administrators/new]"}, {apiTokensPath, "a[href=/settings/api-tokens/new]"}, {auditPath, "form[action=/settings/audit/days] button"},
	}
	for name, c := range map[string]struct {
		role  access.Role
		scope access.Scope
		want  []int // of all
		no    []int // pages that are forbidden
	}{
		"administrator":    {access.Administrator, access.Everything, []int{0, 1, 2, 3, 4, 5, 6, 7}, nil},
		"operator":         {access.Operator, access.Everything, []int{0, 2, 4}, []int{5, 6, 7}},
		"support":          {access.Support, access.Everything, []int{2, 4}, []int{5, 6, 7}},
		"auditor":          {access.Auditor, access.Everything, []int{1, 2, 3, 4}, nil},
		"limited operator": {access.Operator, access.Limited(1), []int{0, 4}, []int{5, 6, 7}},
		"limited auditor":  {access.Auditor, access.Limited(1), []int{4}, []int{5, 6, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			f := signedIn(t)
			f.accounts.list[0].Role, f.accounts.list[0].Scope = c.role, c.scope
			for i, one := range all {
				if slices.Contains(c.no, i) {
					f.get(one.path, http.StatusForbidden)
					continue
				}
				if has := len(f.get(one.path, http.StatusOK).find(one.selector)) > 0; has != slices.Contains(c.want, i) {
					t.Errorf("%s offers %s: %v", one.path, one.selector, has)
				}
			}
		})
	}
}

// A role that changes counts from the next request, of a browser that is signed in already.
func TestRoleChangesAtOnce(t *testing.T) {
	f := signedIn(t)
	f.get(auditPath, http.StatusOK)
	f.accounts.list[0].Role = access.Support
	f.get(auditPath, http.StatusForbidden)
	f.accounts.list[0].Scope = access.Limited()
	f.get("/", http.StatusOK)
	f.accounts.list[0].Role = "emperor"
	f.get("/", http.StatusForbidden)
}

// csv downloads a file, and gives its name's header.
func (f *fixture) csv(path string) (name, text string) {
	f.Helper()
	response, err := f.client.Get(f.url + path)
	if err != nil {
		f.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		f.Fatalf("%s: %d, %v", path, response.StatusCode, err)
	}
	return response.Header.Get("Content-Disposition"), string(raw)
}

func TestAuditPage(t *testing.T) {
	f := signedIn(t)
	maria := access.Actor{Kind: access.ByAccount, Name: "maria", Role: access.Administrator, From: "192.0.2.17"}
	changed := maria.Did(access.Update, access.Object{Kind: access.AServer, ID: "s1", Name: "=cmd()"},
		map[string]any{"port": 25, "oauth": map[string]any{"scope": "a"}, "same": "x", "to": []string{"a", "b"}},
		map[string]any{"port": 465, "oauth": map[string]any{"scope": "<i>b</i>"}, "same": "x", "to": []string{"a"}})
	changed.ID, changed.At = 7, testTime.Add(-time.Hour)
	refused := access.Actor{Kind: access.ByNobody, From: "198.51.100.9"}.Did(access.SignInFailed, access.Object{Kind: access.AnAccount, Name: "maria"}, nil, nil)
	refused.ID, refused.At = 6, testTime.AddDate(0, 0, -2)
	f.access.entries = []access.Entry{changed, refused}

	list := f.get(auditPath, http.StatusOK)
	for _, want := range []string{"Changed: Server “=cmd()”", "Sign-in refused: Administrator “maria”", "not signed in", "192.0.2.17"} {
		if !strings.Contains(list.words(), want) {
			t.Errorf("the list does not say %q: %s", want, list.words())
		}
	}
	for query, want := range map[string]int{
		"?action=update": 1, "?actor=maria": 1, "?since=2026-03-21": 1, "?until=2026-03-19": 1, "?since=2026-03-19&until=2026-03-21": 2, "?actor=nobody": 0,
	} {
		if got := len(f.get(auditPath+query, http.StatusOK).find("tbody tr")); got != want {
			t.Errorf("%s shows %d, want %d", query, got, want)
		}
	}
	for _, query := range []string{"?action=conquer", "?kind=planet", "?since=yesterday"} {
		f.get(auditPath+query, http.StatusNotFound)
	}

	var rows []string
	for _, row := range f.get(auditEntryPath(7), http.StatusOK).find(".audit-changes tbody tr") {
		rows = append(rows, row.words())
	}
	if want := []string{"oauth.scope a <i>b</i>", "port 25 465", "to a, b a"}; !slices.Equal(rows, want) {
		t.Errorf("it says that %q changed, want %q", rows, want)
	}
	f.get(auditEntryPath(99), http.StatusNotFound)
	f.get(auditPath+"/x", http.StatusNotFound)

	header, text := f.csv(auditPath + ".csv?actor=maria")
	if !strings.Contains(text, `'=cmd()`) || strings.Contains(text, ",=cmd()") || strings.Contains(text, "sign_in_failed") {
		t.Errorf("exported %s", text)
	}
	if !strings.Contains(header, "audit.csv") || len(f.access.exported) != 1 || !strings.Contains(f.access.exported[0], "audit_log") || !strings.Contains(f.access.exported[0], "actor:maria") {
		t.Errorf("it was noted that %q was exported", f.access.exported)
	}

	for _, days := range []string{"", "many", "29", "4000"} {
		f.post(auditPath+"/days", http.StatusUnprocessableEntity, "days", days).one(t, "#days-problem")
	}
	f.post(auditPath+"/days", http.StatusOK, "days", "500")
	if f.access.days != 500 {
		t.Errorf("kept for %d days", f.access.days)
	}
}
