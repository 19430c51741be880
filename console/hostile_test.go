package console

import (
	"encoding/csv"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"heliograph/console/text"
	"heliograph/store"
)

// hostile breaks out of everything that a text can stand in when nobody takes care: elements, attributes in both kinds of
// quotes, titles, text areas, comments, templates.
const hostile = `=planted"'><planted onplanted=1></planted><svg onload=planted()></svg><img src=planted onerror=planted()>` +
	`</title></textarea></script><script>planted()</script>--><a href="javascript:planted()">x</a>`

// hostileColumns are those of texts that people, devices and scripts write, by table.
var hostileColumns = map[string][]string{
	"users":            {"username", "display_name", "given_name", "surname", "mail", "mobile", "language"},
	"devices":          {"name", "os_version", "model", "serial_number", "imei", "phone_number", "carrier"},
	"fleet_groups":     {"description"},
	"address_marks":    {"address", "detail"},
	"carrier_gateways": {"carrier", "prefix", "note"},
	"notifications":    {"requested_by", "template"},
	"deliveries":       {"address", "detail", "provider_id"},
	"attempts":         {"server", "answer", "detail"},
	"accounts":         {"mail", "mobile"},
	"account_sessions": {"agent", "address"},
	"api_tokens":       {"name", "made_by"},
	"templates":        {"name", "description"},
	"sounds":           {"name"},
	"app_keys":         {"name"},
	"registrations":    {"app"},
	"mail_timeline":    {"detail"},
}

// plant writes hostile into every text that can hold it. What a table does not have yet, or refuses, stays as it is.
func (e *everyPage) plant() {
	e.Helper()
	planted := 0
	for table, columns := range hostileColumns {
		for _, column := range columns {
			err := e.store.Write(e.Context(), func(tx store.Tx) error {
				n, err := tx.Exec(e.Context(), `UPDATE `+table+` SET `+column+` = $1`, hostile)
				planted += int(min(n, 1))
				return err
			})
			if err != nil && !strings.Contains(err.Error(), "no such") && !strings.Contains(err.Error(), "UNIQUE") {
				e.Fatalf("%s.%s: %v", table, column, err)
			}
		}
	}
	if planted < 15 {
		e.Fatalf("only %d columns hold something hostile: nothing is tried", planted)
	}
	e.sql(`UPDATE users SET properties = $1`, `{"A": "`+jsonText(hostile)+`", "`+jsonText(hostile)+`": "x"}`)
	e.sql(`UPDATE devices SET properties = $1`, `{"A": "`+jsonText(hostile)+`", "`+jsonText(hostile)+`": "x"}`)
	e.sql(`UPDATE fleet_groups SET name = name || $1`, hostile)
	for i := range e.full.servers.list {
		s := &e.full.servers.list[i]
		s.Name, s.Description, s.Answer = hostile, hostile, hostile
		s.Route.Host, s.Route.App = hostile, hostile
		if s.Pause != nil {
			s.Pause.Detail = hostile
		}
	}
	for i := range e.full.figures.recent {
		e.full.figures.recent[i].Content.SMTP.Subject = hostile
	}
}

func (e *everyPage) sql(query string, args ...any) {
	e.Helper()
	e.must(e.store.Write(e.Context(), func(tx store.Tx) error {
		_, err := tx.Exec(e.Context(), query, args...)
		return err
	}))
}

func jsonText(text string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) }

// fetch is what a path answers, and of what kind.
func (e *everyPage) fetch(method, path string, form url.Values) (kind, body string) {
	e.Helper()
	r, err := http.NewRequestWithContext(e.Context(), method, e.full.url+path, strings.NewReader(form.Encode()))
	e.must(err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := *e.full.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	e.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	e.must(err)
	kind, _, _ = strings.Cut(response.Header.Get("Content-Type"), ";")
	if response.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(response.Header.Get("Content-Security-Policy"), "script-src 'self'") {
		e.Errorf("%s %s goes without the headers that keep a page in bounds", method, path)
	}
	return kind, string(text)
}

var comesAlive = regexp.MustCompile(`(?i)<\s*(planted|svg[^>]*\sonload|img[^>]*\sonerror|script>)|=["']javascript:|</script>--`)

// dead reports what of hostile became more than text, on a page that people see.
func dead(t *testing.T, where, body string) *element {
	t.Helper()
	if found := comesAlive.FindStringIndex(body); found != nil {
		t.Errorf("%s: …%s…", where, body[max(0, found[0]-120):min(len(body), found[1]+40)])
	}
	page := parse(t, body)
	page.each(func(e *element) {
		for name, value := range e.attr {
			switch {
			case strings.HasPrefix(name, "on"), name == "style":
				t.Errorf("%s: %s has the attribute %s=%q", where, e.name, name, value)
			case (name == "href" || name == "src" || name == "action" || name == "formaction") && strings.Contains(value, ":") && !allowedAddress.MatchString(value):
				t.Errorf("%s: %s leads to %q", where, e.name, value)
			}
		}
		if e.name == "script" && (e.attr["src"] == "" || strings.TrimSpace(e.text.String()) != "") || e.name == "style" {
			t.Errorf("%s: a %s stands in the page", where, e.name)
		}
	})
	return page
}

var allowedAddress = regexp.MustCompile(`^(/|\?|#|https?://|mailto:|tel:|data:image/(png|svg\+xml);)`)

func (e *element) each(do func(*element)) {
	for _, child := range e.children {
		do(child)
		child.each(do)
	}
}

// Whatever is written into the fleet, a template or a form, a page shows it as text.
func TestNothingHostileComesAlive(t *testing.T) {
	if !comesAlive.MatchString(hostile) {
		t.Fatal("what is looked for is not what was planted")
	}
	e := newEveryPage(t, text.English)
	e.full.get("/enter/let-me-in", http.StatusOK)
	e.plant()
	forms, seen := map[string]url.Values{}, 0
	for _, path := range e.of(http.MethodGet) {
		kind, body := e.fetch(http.MethodGet, path, nil)
		switch kind {
		case "text/html":
			seen += strings.Count(body, "&lt;planted")
			for _, form := range dead(t, path, body).find("form") {
				gather(forms, form)
			}
		case "text/csv":
			seen += wantPlainCells(t, path, body)
		}
	}
	if seen < 50 {
		t.Errorf("what is hostile was shown %d times: too little was looked at", seen)
	}
	echoed := 0
	for _, path := range e.of(http.MethodPost) {
		for _, values := range []url.Values{hostileForm(forms[path]), {"name": {hostile}, "q": {hostile}, "back": {hostile}, "next": {hostile}}} {
			if kind, body := e.fetch(http.MethodPost, path, values); kind == "text/html" {
				dead(t, "POST "+path, body)
				echoed += strings.Count(body, "planted")
			}
		}
	}
	if echoed < 20 {
		t.Errorf("what was typed came back %d times: too little was looked at", echoed)
	}
	for _, path := range []string{"/devices", "/notifications", "/settings/servers/new", "/sign-in", "/notify", "/nowhere"} {
		query := url.Values{}
		for _, name := range []string{"search", "sort", "dir", "cursor", "platform", "group", "kind", "next", "state", "property", "device", "carrier", "action", "back"} {
			query.Set(name, hostile)
		}
		if kind, body := e.fetch(http.MethodGet, path+"?"+query.Encode(), nil); kind == "text/html" {
			dead(t, path+" with a hostile query", body)
		}
		if kind, body := e.fetch(http.MethodGet, path+"/"+url.PathEscape(hostile), nil); kind == "text/html" {
			dead(t, path+" with a hostile path", body)
		}
	}
}

// hostileForm is a form in which each text is hostile; choices stay, so that it comes far.
func hostileForm(form url.Values) url.Values {
	values := url.Values{}
	for name, given := range form {
		values[name] = []string{hostile}
		if len(given) > 0 && (given[0] == "true" || given[0] == "on" || name == "kind" || name == "to" || name == "when") {
			values[name] = given
		}
	}
	return values
}

// wantPlainCells looks for cells that a spreadsheet takes for formulas, and counts those that would have been.
func wantPlainCells(t *testing.T, where, body string) (planted int) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Errorf("%s is not CSV: %v", where, err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
				t.Errorf("%s: the cell %.40q is a formula", where, cell)
			}
			if strings.HasPrefix(cell, "'=planted") {
				planted++
			}
		}
	}
	return planted
}
