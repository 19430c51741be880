package app

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/web"
)

var update = flag.Bool("update", false, "write testdata/access.txt anew")

// tablePath is the table that people read: every address, and who gets through there.
const tablePath = "testdata/access.txt"

const tableHead = `# Every address of the console's listener, and who gets through: n nobody in particular, A administrator, O operator,
# S support, U auditor; o, s and u are the same limited to a group. It is compared with what each of them really gets.
# When it changed on purpose: go test ./app -run Walk -update
`

// visitor is somebody who asks for everything.
type visitor struct {
	letter  string
	role    access.Role // empty = has not signed in
	limited bool

	account access.Account
	token   string
	cookie  *http.Cookie // nil = signs in anew
}

func visitors() []*visitor {
	return []*visitor{
		{letter: "n"},
		{letter: "A", role: access.Administrator}, {letter: "O", role: access.Operator}, {letter: "S", role: access.Support}, {letter: "U", role: access.Auditor},
		{letter: "o", role: access.Operator, limited: true}, {letter: "s", role: access.Support, limited: true}, {letter: "u", role: access.Auditor, limited: true},
	}
}

// walk is an App without a network, and those who walk through it.
type walk struct {
	*testing.T
	app      *App
	face     web.Face
	visitors []*visitor
	password string // hash of everybody's
}

func newWalk(t *testing.T) *walk {
	a := running(t, options(t))
	face, err := a.face()
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{T: t, app: a, face: face, visitors: visitors()}
	w.must(w.app.store.PutGroup(t.Context(), access.Everything, fleet.Group{ID: "own", Name: "Own"}))
	w.password, err = access.NewPasswords(1).Hash(t.Context(), "they all have the same")
	w.must(nil, err)
	for _, v := range w.visitors {
		if v.role != "" {
			w.equip(v)
		}
	}
	return w
}

func (w *walk) must(_ any, err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// equip gives a visitor an account and a token.
func (w *walk) equip(v *visitor) {
	scope := access.Everything
	if v.limited {
		var err error
		if scope, _, _, err = w.app.store.ScopeOfGroups(w.Context(), access.Everything, []string{"Own"}); err != nil {
			w.Fatal(err)
		}
	}
	var err error
	v.account, err = w.app.store.AddAccount(w.Context(), access.Account{ID: "account-" + v.letter + string(v.role), Name: "walker-" + string(v.role) + fmt.Sprint(v.limited), Role: v.role, Scope: scope})
	w.must(nil, err)
	w.must(nil, w.app.store.SetPassword(w.Context(), v.account.ID, w.password, ""))
	v.token, _, err = w.app.store.AddToken(w.Context(), access.Token{Name: "walker", Role: v.role, Scope: scope})
	w.must(nil, err)
}

// signIn is a visitor's cookie. Routes that have to do with signing in may end the session, so they get one of their own.
func (w *walk) signIn(v *visitor, path string) *http.Cookie {
	if v.cookie == nil || endsSessions.MatchString(path) {
		v.cookie = w.newSession(v)
	}
	cookie := v.cookie
	if endsSessions.MatchString(path) {
		v.cookie = nil
	}
	return cookie
}

var endsSessions = regexp.MustCompile(`^/(profile|sign-|enter|welcome)`)

func (w *walk) newSession(v *visitor) *http.Cookie {
	session, err := w.app.store.NewSession(w.Context(), access.Session{Account: v.account.ID, Method: access.ByPassword})
	w.must(nil, err)
	manager := web.NewSessions(w.app.store.Sessions())
	ctx, err := manager.Load(w.Context(), "")
	w.must(nil, err)
	manager.Put(ctx, "signed_in", session.ID)
	token, _, err := manager.Commit(ctx)
	w.must(nil, err)
	return &http.Cookie{Name: web.CookieName("heliograph_session", false), Value: token}
}

// parameter is a part of a pattern that stands for anything.
var parameter = regexp.MustCompile(`\{[^}]*\}`)

// request asks for a route, with ids that are nobody's.
func (w *walk) request(ctx context.Context, pattern string, v *visitor) *http.Request {
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		method, path = http.MethodGet, pattern
	}
	path = parameter.ReplaceAllString(strings.TrimSuffix(path, "{$}"), "nobodys")
	if path == "/" && pattern == "/" {
		path = "/nowhere"
	}
	body, kind := "", "application/x-www-form-urlencoded"
	if isAPI := strings.HasPrefix(path, "/api/"); isAPI && method != http.MethodGet {
		body, kind = "{}", "application/json"
	}
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	switch {
	case v.role == "":
	case strings.HasPrefix(path, "/api/"):
		r.Header.Set("Authorization", "Bearer "+v.token)
	default:
		r.AddCookie(w.signIn(v, path))
	}
	return r
}

// firstWords is a response of which only the beginning counts: streams end with it.
type firstWords struct {
	*httptest.ResponseRecorder
	end context.CancelFunc
}

func (f firstWords) Write(p []byte) (int, error) {
	defer f.end()
	return f.ResponseRecorder.Write(p)
}

// ask reports whether a visitor gets through to a route. What happens behind it is not looked at: nothing may be there.
func (w *walk) ask(pattern string, v *visitor) bool {
	ctx, end := context.WithTimeout(w.Context(), time.Minute)
	defer end()
	answer := firstWords{httptest.NewRecorder(), end}
	w.face.ServeHTTP(answer, w.request(ctx, pattern, v))
	switch where := answer.Header().Get("Location"); {
	case slices.Contains(byState, pattern):
		return answer.Code == http.StatusForbidden || v.role != "" // nobody is led to the sign-in page
	case answer.Code == http.StatusUnauthorized, answer.Code == http.StatusForbidden:
		return false
	case answer.Code == http.StatusSeeOther && strings.HasPrefix(where, "/sign-in") && !slices.Contains(toSignIn, pattern):
		return false
	case answer.Code >= http.StatusInternalServerError && answer.Code != http.StatusServiceUnavailable:
		w.Errorf("%s breaks for %s: %d %.300s", pattern, v.letter, answer.Code, answer.Body)
	}
	return true
}

// toSignIn are open routes that lead to the sign-in page whoever asks: those of signing in itself, half-way, and of
// signing out.
var toSignIn = []string{"POST /sign-out", "GET /sign-in/code", "POST /sign-in/code"}

// byState are routes that are forbidden to everybody here, because nobody's account is connected to a provider.
var byState = []string{"POST /profile/disconnect"}

// declared is who gets through by what the route says that it needs.
func (w *walk) declared(r web.Route) (letters string) {
	for _, v := range w.visitors {
		if r.Needs == access.Open || access.Grants(v.role, v.limited, r.Needs) && v.role != "" {
			letters += v.letter
		}
	}
	return letters
}

// Every route, asked by every role, limited or not, and by nobody: three accounts of who gets through must agree, which
// are what the route declares, what happens, and the table that people read. A route that is not registered through
// web.Routes is not found here, and TestNoOtherMux says so.
func TestWalk(t *testing.T) {
	w := newWalk(t)
	table := readTable(t)
	var lines []string
	for _, route := range w.face.Routes {
		got := ""
		for _, v := range w.visitors {
			if w.ask(route.Pattern, v) {
				got += v.letter
			}
		}
		if want := w.declared(route); got != want {
			t.Errorf("%s is declared to need %q, which lets %q through, but %q get through", route.Pattern, route.Needs, want, got)
		}
		written, known := table[route.Pattern]
		switch {
		case *update:
		case !known:
			t.Errorf("%s is not in %s: say who gets through there", route.Pattern, tablePath)
		case written != got:
			t.Errorf("%s: the table lets %q through, but %q get through", route.Pattern, written, got)
		}
		delete(table, route.Pattern)
		lines = append(lines, fmt.Sprintf("%-70s %s", route.Pattern, got))
	}
	for pattern := range table {
		if !*update {
			t.Errorf("%s stands in %s, and nowhere else", pattern, tablePath)
		}
	}
	if len(lines) < 100 {
		t.Errorf("only %d routes were found", len(lines))
	}
	if *update {
		slices.Sort(lines)
		w.must(nil, os.WriteFile(tablePath, []byte(tableHead+strings.Join(lines, "\n")+"\n"), 0o644)) //nolint:gosec // a text for everybody
	}
}

func readTable(t *testing.T) map[string]string {
	raw, err := os.ReadFile(tablePath)
	if err != nil && !*update {
		t.Fatal(err)
	}
	table := map[string]string{}
	for line := range bytes.Lines(raw) {
		words := strings.TrimSpace(string(line))
		if words == "" || strings.HasPrefix(words, "#") {
			continue
		}
		at := strings.LastIndex(words, " ")
		if at < 0 {
			t.Fatalf("%s: %q has no letters", tablePath, words)
		}
		table[strings.TrimSpace(words[:at])] = words[at+1:]
	}
	return table
}

// muxes are the packages that may make a mux without permissions: listeners that know no accounts, and simulators.
var muxes = []string{"register", "listener", "sim", "web"}

// Nothing of the console's listener is answered beside web.Routes, which asks for permissions and knows all routes.
func TestNoOtherMux(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		dir, _, _ := strings.Cut(filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator))), "/")
		source, err := os.ReadFile(path)
		if err == nil && !slices.Contains(muxes, dir) && regexp.MustCompile(`http\.(NewServeMux|ServeMux\{|HandleFunc|Handle)\b`).Match(source) {
			t.Errorf("%s makes a mux of its own: use web.Routes", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
