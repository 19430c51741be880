package console

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/store"
)

// shownNames are what the rows of a table are called.
func shownNames(page *element) (list []string) {
	for _, link := range page.find(".table-name") {
		list = append(list, link.words())
	}
	return list
}

func TestUsers(t *testing.T) {
	h := newHouse(t)
	if page := h.get("/users", http.StatusOK); !strings.Contains(page.one(t, ".nothing").words(), "Nobody yet") {
		t.Error("an empty list does not help")
	}
	h.device("b")
	h.device("a", func(d *fleet.Device) { d.Groups = []string{"Sales"} })
	if got := shownNames(h.get("/users?sort=name&dir=asc", http.StatusOK)); len(got) != 2 || got[0] != "Person a" {
		t.Errorf("it shows %q", got)
	}
	if got := shownNames(h.get("/users?search=b@example", http.StatusOK)); len(got) != 1 || got[0] != "Person b" {
		t.Errorf("the search finds %q", got)
	}
	if page := h.get("/users?search=nobody", http.StatusOK); len(shownNames(page)) != 0 || page.one(t, "#search").attr["value"] != "nobody" {
		t.Error("a search that finds nobody does not say so")
	}
	h.get("/users/none", http.StatusNotFound)
	h.must(h.store.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO address_marks (channel, address, reason, detail, at) VALUES (2, 'a@example.com', 'mailbox_unknown', 'No such user.', 1767225600000)`)
		return err
	}))
	page := h.get("/users/u-a", http.StatusOK)
	if !strings.Contains(page.words(), "Address refused No such user. · ") {
		t.Error("that the address was refused is not said")
	}
	if got := shownNames(page); len(got) != 1 || got[0] != "Phone a" {
		t.Errorf("they carry %q", got)
	}
	page = h.post("/users/u-a/groups", http.StatusOK, "groups", "Nurses; Paris;\n Nurses")
	u, err := h.store.User(t.Context(), everything, "u-a")
	h.must(err)
	if len(u.Groups) != 2 || u.Mail != "a@example.com" || !strings.Contains(page.one(t, ".flash").words(), "changed") {
		t.Errorf("stored %+v", u)
	}
	long := strings.Repeat("x", 300)
	page = h.post("/users/u-a/groups", http.StatusUnprocessableEntity, "groups", long)
	if page.one(t, "#groups-problem").words() == "" || page.one(t, "#groups").words() != long {
		t.Error("what is wrong is not beside its field, or what was typed is gone")
	}
	h.post("/devices/a/groups", http.StatusOK, "groups", "Paris")
	d, err := h.store.Device(t.Context(), everything, "a")
	h.must(err)
	if len(d.Groups) != 1 || d.Groups[0] != "Paris" || d.Push == nil || d.Name != "Phone a" || d.User != "u-a" {
		t.Errorf("stored %+v", d)
	}
	h.post("/users/u-b/delete", http.StatusOK)
	h.get("/users/u-b", http.StatusNotFound)
}

func TestGroups(t *testing.T) {
	h := newHouse(t)
	h.get("/groups", http.StatusOK).one(t, ".nothing")
	page := h.post("/groups/new", http.StatusUnprocessableEntity, "name", " ", "description", "kept")
	if page.one(t, "#name-problem").words() != "Name is required." || page.one(t, "#description").words() != "kept" {
		t.Error("what is wrong is not beside its field, or what was typed is gone")
	}
	h.post("/groups/new", http.StatusOK, "name", "Sales", "description", "who travel")
	h.post("/groups/new", http.StatusConflict, "name", "Sales")
	h.device("a", func(d *fleet.Device) { d.Groups = []string{"Sales"} })
	path := h.get("/groups", http.StatusOK).one(t, ".table-name").attr["href"]
	page = h.get(path, http.StatusOK)
	if got := shownNames(page); len(got) != 1 || got[0] != "Phone a" || page.one(t, "#description").words() != "who travel" {
		t.Errorf("it shows %q", got)
	}
	h.post(path, http.StatusOK, "name", "Field sales", "description", "")
	if d, err := h.store.Device(t.Context(), everything, "a"); err != nil || d.Groups[0] != "Field sales" {
		t.Errorf("members are in %v, %v", d.Groups, err)
	}
	h.post(path+"/delete", http.StatusOK)
	h.get(path, http.StatusNotFound)
}

// Who is limited finds nothing of others, whatever they ask for.
func TestPeopleOutsideOfTheGroups(t *testing.T) {
	h := newHouse(t)
	h.device("in")
	h.device("out", func(d *fleet.Device) { d.Groups = []string{"Others"} })
	for id, group := range map[fleet.UserID]string{"u-in": "Own", "u-out": "Others"} {
		_, err := h.store.PutUser(t.Context(), everything, fleet.User{ID: id, DisplayName: "Person of " + group, Groups: []string{group}})
		h.must(err)
	}
	list, _, err := h.store.ListGroups(t.Context(), everything, newest)
	h.must(err)
	scope, _, _, err := h.store.ScopeOfGroups(t.Context(), everything, []string{"Own"})
	h.must(err)
	h.accounts.list[0].Role, h.accounts.list[0].Scope = access.Auditor, scope
	for _, path := range []string{"/users", "/users?search=Others", "/users?group=Others", "/groups", "/users.csv", "/devices"} {
		response, err := h.client.Get(h.url + path)
		h.must(err)
		var body bytes.Buffer
		_, err = body.ReadFrom(response.Body)
		h.must(err)
		response.Body.Close()
		if text := body.String(); strings.Contains(text, "Person of Others") || strings.Contains(text, "u-out") || path == "/groups" && strings.Contains(text, "Others") {
			t.Errorf("%s shows what is outside of the groups", path)
		}
	}
	h.get("/users/u-in", http.StatusOK)
	h.get("/users/u-out", http.StatusNotFound)
	for _, g := range list {
		status := http.StatusNotFound
		if g.Name == "Own" {
			status = http.StatusOK
		}
		h.get(groupPath(g.ID), status)
	}
	h.post("/users/u-in/groups", http.StatusForbidden, "groups", "Others")
	h.post("/users/u-in/delete", http.StatusForbidden)
	h.get(importPath, http.StatusForbidden)
}

// uploads sends a file as the form does.
func (h *house) uploads(query, name, content string, status int) *element {
	h.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", name)
	h.must(err)
	_, err = part.Write([]byte(content))
	h.must(err)
	h.must(form.Close())
	response, err := h.client.Post(h.url+importPath+query, form.FormDataContentType(), &body)
	h.must(err)
	return h.page(response, status)
}

func TestImportPage(t *testing.T) {
	h := newHouse(t)
	rows := "id,name,platform,user.id,user.mail\nd1,Phone,ios,u1,a@example.com\nd2,Other,amiga,,\n"
	page := h.uploads("?dry_run=true", "fleet.csv", rows, http.StatusOK)
	if got := page.one(t, "#report").words(); !strings.Contains(got, "Created 1") || !strings.Contains(got, "Rejected 1") || !strings.Contains(got, "platform") {
		t.Errorf("the report says %q", got)
	}
	h.get("/devices/d1", http.StatusNotFound)
	h.uploads("", "fleet.csv", rows, http.StatusOK)
	h.get("/devices/d1", http.StatusOK)
	h.get("/users/u1", http.StatusOK)
	h.uploads("", "fleet.ndjson", `{"id":"d3","name":"Third","platform":"android"}`, http.StatusOK)
	h.get("/devices/d3", http.StatusOK)
	big := "id,name,property.NOTE\n" + strings.Repeat("d1,Phone,x\n", 1) + "d4,Phone," + strings.Repeat("y", 900) + "\n" + strings.Repeat("\n", 2<<20) // more than a form may be
	h.uploads("", "fleet.csv", big, http.StatusOK)
	h.get("/devices/d4", http.StatusOK)
	for name, content := range map[string]string{"x.csv": "id;name\n", "empty.csv": "", "y.csv": "<script>,x\n"} {
		if page := h.uploads("", name, content, http.StatusUnprocessableEntity); page.one(t, "#file-problem").words() == "" {
			t.Errorf("%s: nothing says what is wrong", name)
		}
	}
	h.uploads("", "", "id\n", http.StatusUnprocessableEntity)
	if got := h.uploads("", "empty.csv", "", http.StatusUnprocessableEntity).one(t, "#file-problem").words(); got != "The file is empty: its first line must name the columns." {
		t.Errorf("of an empty file it says %q", got)
	}
	h.post(importPath, http.StatusUnprocessableEntity, "file", "id\n")
	entries, _, err := h.store.ListAudit(t.Context(), store.AuditFilter{Action: []access.Action{access.Import}}, newest)
	h.must(err)
	if len(entries) < 3 || entries[0].Actor.ID == "" {
		t.Errorf("the audit log says %+v", entries)
	}
}
