package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/internal/pgtest"
	"heliograph/mailbox"
	"heliograph/sim"
	"heliograph/store"
)

func TestPlantedSecretsAreNowhereOnSQLite(t *testing.T) {
	findNothing(t, "")
}

func TestPlantedSecretsAreNowhereOnPostgreSQL(t *testing.T) {
	findNothing(t, pgtest.Database(t))
}

// garden is an App in which secrets were planted, each by the way that secrets come in.
type garden struct {
	*testing.T
	app     *App
	sims    *sim.Set
	log     *syncBuffer
	client  *http.Client
	token   string
	planted map[string]string // by what it is
	address map[string]string // ids of what was made, by the path of its list
}

// findNothing plants secrets by API and console, sends and fails with them, and then looks for them wherever somebody
// could look: files, logs, answers, pages, figures, backup.
func findNothing(t *testing.T, database string) {
	g := newGarden(t, database)
	g.plantServers()
	g.plantTokens()
	g.plantAccount()
	g.plantSignIn()
	g.plantMailPush()
	g.plantCertificates()
	g.use()
	seen := g.everythingSeen()
	for name, secret := range g.planted {
		for _, form := range forms(secret) {
			for where, text := range seen {
				if at := strings.Index(text, form); at >= 0 {
					t.Errorf("the %s is in %s, after %q", name, where, text[max(0, at-60):at])
				}
			}
		}
	}
	// What is not secret is found: the search works. The backup of PostgreSQL is compressed, and known by its beginning.
	public := map[string]string{
		"pages": "planted mail", "API": "planted mail", "database": "planted mail", "backup": "planted mail",
		"log": "server created", "metrics": "heliograph_",
	}
	if database != "" {
		public["backup"] = "PGDMP"
	}
	for where, public := range public {
		found := slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(name string) bool {
			return strings.HasPrefix(name, where) && strings.Contains(seen[name], public)
		})
		if !found {
			t.Errorf("not even %q is found in the %s: the search does not look there", public, where)
		}
	}
}

// forms are those in which a secret could be written somewhere.
func forms(secret string) (list []string) {
	list = []string{secret, hex.EncodeToString([]byte(secret)), url.QueryEscape(secret)}
	for shift := range 3 { // base64 looks different at each of three places
		text := base64.RawStdEncoding.EncodeToString([]byte("xyz"[:shift] + secret))
		list = append(list, text[4*min(shift, 1):len(text)-4])
	}
	return list
}

// syncBuffer takes the log.
type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func newGarden(t *testing.T, database string) *garden {
	sims, err := sim.Start(t.Context(), []string{sim.All}, sim.Options{CAFile: filepath.Join(t.TempDir(), "ca.pem")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sims.Stop(context.Background()) })
	g := &garden{T: t, sims: sims, log: &syncBuffer{}, planted: map[string]string{}, address: map[string]string{}}
	o := options(t)
	o.URL = database
	o.Logger = slog.New(slog.NewJSONHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g.app = running(t, o)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	g.client = &http.Client{Jar: jar, Transport: transport, Timeout: time.Minute}
	if g.token, _, err = g.app.Store().CreateToken(t.Context(), "first", access.Administrator, time.Time{}); err != nil {
		t.Fatal(err)
	}
	g.planted["first API token"] = g.token
	return g
}

// plant remembers a secret.
func (g *garden) plant(name, secret string) string {
	g.Helper()
	if len(secret) < 12 {
		g.Fatalf("%s is too short to be searched for", name)
	}
	g.planted[name] = secret
	return secret
}

// line is one of the middle of a PEM text or of a JSON text with one in it: enough to recognise it.
func line(text string) string {
	lines := regexp.MustCompile(`[A-Za-z0-9+/]{40,}`).FindAllString(strings.ReplaceAll(text, `\n`, "\n"), -1)
	return lines[len(lines)/2]
}

// call asks the API and reads its answer whatever it is.
func (g *garden) call(method, path string, body any) (status int, text []byte) {
	g.Helper()
	var reader io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			g.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(g.Context(), method, g.app.Addr().API()+path, reader)
	if err != nil {
		g.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+g.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := g.client.Do(r)
	if err != nil {
		g.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err = io.ReadAll(answer.Body); err != nil {
		g.Fatal(err)
	}
	return answer.StatusCode, text
}

// create posts something, and remembers its id.
func (g *garden) create(path string, body map[string]any) (id string, answer map[string]any) {
	g.Helper()
	status, text := g.call("POST", path, body)
	if err := json.Unmarshal(text, &answer); err != nil || status >= 300 {
		g.Fatalf("POST %s: %d %s", path, status, text)
	}
	id, _ = answer["id"].(string)
	g.address[path] = id
	return id, answer
}

func (g *garden) plantServers() {
	ready := g.sims.Ready()
	ca, err := os.ReadFile(ready.CAFile)
	if err != nil {
		g.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(ready.Sims[sim.SMTP])
	number, _ := strconv.Atoi(port)
	mail := map[string]any{
		"kind": "smtp", "name": "planted mail", "host": host, "port": number, "security": "tls", "trusted_ca": string(ca),
		"authentication": true, "username": "planted-user", "password": g.plant("SMTP password", "planted\"smtp&pass word!"),
		"from_name": "Planted", "from_email": "planted@example.com",
	}
	g.create("/notification-servers", mail)
	mail["name"], mail["active"] = "planted mail by OAuth", false
	mail["oauth"] = map[string]any{
		"token_url": "https://127.0.0.1:1/token", "client_id": "planted-client", "scope": "send",
		"client_secret": g.plant("OAuth client secret", "planted-oauth-client-secret"),
	}
	delete(mail, "password")
	id, _ := g.create("/notification-servers", mail)
	g.call("POST", "/notification-servers/"+id+"/test", map[string]any{"to": "somebody@example.com"})
	account := ready.Credentials.Vonage
	g.create("/notification-servers", map[string]any{
		"kind": "sms", "name": "planted sms", "trusted_ca": string(ca), "key": account.Key, "secret": g.plant("Vonage secret", account.Secret),
		"endpoint": ready.Sims[sim.Vonage], "virtual_number": "12025550100", "country": "+49",
		"signature_method": "sha256", "signature_secret": g.plant("Vonage signature secret", account.SignatureSecret),
	})
	apns := ready.Credentials.APNs
	g.plant("APNs key", line(apns.KeyP8))
	g.create("/push-providers", map[string]any{
		"kind": "apns", "name": "planted apns", "app": plantedApp, "environment": "production", "endpoint": ready.Sims[sim.APNs],
		"trusted_ca": string(ca), "key_p8": apns.KeyP8, "key_id": apns.KeyID, "team_id": apns.TeamID,
	})
	g.plant("FCM account's key", line(ready.Credentials.FCM.ServiceAccount))
	g.create("/push-providers", map[string]any{
		"kind": "fcm", "name": "planted fcm", "app": plantedApp, "endpoint": ready.Sims[sim.FCM], "trusted_ca": string(ca),
		"service_account": ready.Credentials.FCM.ServiceAccount,
	})
	id, _ = g.create("/push-providers", map[string]any{"kind": "webpush", "name": "planted web push", "app": "https://planted.example.com", "subject": "mailto:planted@example.com"})
	g.plantMadeKey(id)
}

const plantedApp = "com.example.planted"

// plantMadeKey plants the key that a provider made for itself.
func (g *garden) plantMadeKey(id string) {
	server, err := g.app.Store().Server(g.Context(), id)
	if err != nil {
		g.Fatal(err)
	}
	text, err := json.Marshal(server.Settings)
	if err != nil {
		g.Fatal(err)
	}
	var settings map[string]string
	_ = json.Unmarshal(text, &settings) // other kinds of values are no secrets
	for name, value := range settings {
		if strings.Contains(name, "private") {
			g.plant("VAPID key", value)
		}
	}
	if g.planted["VAPID key"] == "" {
		g.Fatalf("no private key among %d settings", len(settings))
	}
}

func (g *garden) plantTokens() {
	for i, device := range []map[string]any{
		{"platform": "ios", "user": "u1", "push": map[string]any{
			"provider": "apns", "app": plantedApp, "environment": "production",
			"token": g.plant("APNs push token", strings.Repeat("5ec1", 16)),
		}},
		{"platform": "android", "user": "u1", "push": map[string]any{
			"provider": "fcm", "app": plantedApp, "environment": "production", "token": g.plant("FCM push token", "planted-fcm-token-of-a-device"),
		}},
	} {
		if i == 0 {
			g.put("/users/u1", map[string]any{"username": "ana", "mail": "ana@example.com", "mobile": "+4915112345678"})
		}
		g.put(fmt.Sprintf("/devices/d%d", i), device)
	}
	_, made := g.create("/api-tokens", map[string]any{"name": "planted token", "role": "administrator"})
	g.plant("API token", made["token"].(string))
}

func (g *garden) put(path string, body any) {
	g.Helper()
	if status, text := g.call("PUT", path, body); status >= 300 {
		g.Fatalf("PUT %s: %d %s", path, status, text)
	}
}

// plantAccount sets the first administrator's password by its one-time link, as people do, and signs in.
func (g *garden) plantAccount() {
	link := g.app.FirstLink()
	g.plant("one-time link", link[strings.LastIndex(link, "/")+1:])
	password := g.plant("password", "planted password of admin")
	g.page(link)
	g.form("/welcome", url.Values{"password": {password}, "again": {password}})
	g.form("/sign-in", url.Values{"name": {FirstAdministrator}, "password": {g.plant("wrong password", "planted wrong password")}})
	g.form("/sign-in", url.Values{"name": {FirstAdministrator}, "password": {password}})
	console, err := url.Parse(g.app.Addr().Console)
	if err != nil {
		g.Fatal(err)
	}
	for _, cookie := range g.client.Jar.Cookies(console) {
		if len(cookie.Value) >= 20 {
			g.plant("session cookie "+cookie.Name, cookie.Value)
		}
	}
	if text := g.page(g.app.Addr().Console + "/settings"); !strings.Contains(text, "/sign-out") {
		g.Fatal("signing in did not work")
	}
}

// plantSignIn plants what stands behind signing in and no page shows again.
func (g *garden) plantSignIn() {
	s, ctx := g.app.Store(), g.Context()
	account, err := s.CreateAccount(ctx, "second", access.Administrator)
	if err != nil {
		g.Fatal(err)
	}
	factor, err := s.BeginSecondFactor(ctx, account.ID)
	if err != nil {
		g.Fatal(err)
	}
	g.plant("second factor", factor.Secret)
	provider := access.DefaultProvider
	provider.Name, provider.Issuer, provider.ClientID = "Planted provider", "https://127.0.0.1:1", "planted"
	provider.Secret = g.plant("secret of the OpenID client", "planted-openid-client-secret")
	if err := s.PutIdentityProvider(ctx, provider); err != nil {
		g.Fatal(err)
	}
	_, err = s.NewSession(ctx, access.Session{
		Account: account.ID, Method: access.ByProvider, IDToken: g.plant("ID token", "planted.id-token.of-the-provider"),
	})
	if err != nil {
		g.Fatal(err)
	}
}

// plantCertificates keeps what an authority's conversation keeps.
func (g *garden) plantCertificates() {
	ctx, name := g.Context(), "planted.example.com"
	if err := g.app.Store().WantCertificates(ctx, DefaultDirectory, map[string][]string{name: {"mailbox"}}); err != nil {
		g.Fatal(err)
	}
	for _, key := range []string{"acme_account+key", name} {
		secret := g.plant("private key of "+key, "planted-private-key-of-"+strings.ReplaceAll(key, ".", "-"))
		if err := g.app.Store().PutACMEValue(ctx, DefaultDirectory+" "+key, []byte("-----BEGIN EC PRIVATE KEY-----\n"+secret+"\n-----END EC PRIVATE KEY-----\n")); err != nil {
			g.Fatal(err)
		}
	}
	if err := g.app.Store().CertificateFailed(ctx, name, "dns: no such name"); err != nil {
		g.Fatal(err)
	}
}

// plantMailPush registers a device as its app does, and lets a mail server tell of its mailbox.
func (g *garden) plantMailPush() {
	key, _, err := g.app.Door().CreateAppKey(g.Context(), access.System, mailbox.NewAppKey{Name: "planted"})
	if err != nil {
		g.Fatal(err)
	}
	g.plant("app key", key)
	status, made := registerDevice(g.T, g.app.Addr().Registration, key, fmt.Sprintf(
		`{"platform": "ios", "app": %q, "environment": "production", "token": %q}`, plantedApp, g.plant("token of a mail app", strings.Repeat("ca5e", 16))))
	if status != http.StatusCreated {
		g.Fatalf("registering: %d %v", status, made)
	}
	g.plant("secret of a registration", made["secret"].(string))
	listener := made["listener_urls"].(map[string]any)["inbox"].(string)
	g.plant("capability", listener[strings.LastIndex(listener, "/")+1:])
	event := strings.NewReplacer("<t:SubscriptionId>ID", "<t:SubscriptionId>"+g.plant("subscription", "planted-subscription-id-at-a-server"), "MARK", g.plant("watermark", "planted-watermark-of-mailbox")).Replace(plantedEvent)
	answer, err := g.client.Post(listener, "text/xml", strings.NewReader(event))
	if err != nil {
		g.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); !strings.Contains(string(text), "OK") {
		g.Fatalf("the listener answered %d %s", answer.StatusCode, text)
	}
}

const plantedEvent = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<m:SendNotification xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
<m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>
<t:SubscriptionId>ID</t:SubscriptionId><t:PreviousWatermark>MARK</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>
<t:NewMailEvent><t:Watermark>MARK</t:Watermark><t:TimeStamp>2026-11-20T10:00:00Z</t:TimeStamp></t:NewMailEvent>
</m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></s:Body></s:Envelope>`

func (g *garden) form(path string, values url.Values) {
	g.Helper()
	answer, err := g.client.PostForm(g.app.Addr().Console+path, values)
	if err != nil {
		g.Fatal(err)
	}
	answer.Body.Close()
}

func (g *garden) page(address string) string {
	g.Helper()
	answer, err := g.client.Get(address)
	if err != nil {
		g.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		g.Fatal(err)
	}
	return string(text)
}

// use sends by all servers, well and badly, and tests them, so that every secret goes where it is used.
func (g *garden) use() {
	g.send()
	for _, path := range []string{"/notification-servers", "/push-providers"} {
		_, text := g.call("GET", path, nil)
		var list struct{ Items []struct{ ID string } }
		if err := json.Unmarshal(text, &list); err != nil {
			g.Fatal(err)
		}
		for _, item := range list.Items {
			for _, to := range []string{"ana@example.com", "+4915112345678", "d0", "d1"} {
				g.call("POST", path+"/"+item.ID+"/test", map[string]any{"to": to})
			}
			g.call("POST", path, map[string]any{"kind": "smtp", "name": "refused", "password": g.planted["SMTP password"], "port": "no number"})
		}
	}
	if err := g.sims.Stop(g.Context()); err != nil { // and with nobody there
		g.Fatal(err)
	}
	g.send()
}

// send sends by every channel and waits until nothing moves any more, or somebody is paused.
func (g *garden) send() {
	id, _ := g.create("/notifications", map[string]any{"audience": map[string]any{"all": true}, "ad_hoc": map[string]any{
		"push": map[string]any{"message": "Hello ${device.name}"}, "sms": map[string]any{"message": "Hello ${user.username}"},
		"smtp": map[string]any{"subject": "Hello", "message": "Hello ${user.username}"},
	}})
	for end := time.Now().Add(time.Minute); ; {
		_, text := g.call("GET", "/notifications/"+id, nil)
		var n struct{ State string }
		_ = json.Unmarshal(text, &n)
		_, servers := g.call("GET", "/notification-servers", nil)
		if n.State == "done" || bytes.Contains(servers, []byte(`"paused":true`)) {
			return
		}
		if time.Now().After(end) {
			g.Fatalf("nothing came of a notification: %s\n%s", text, servers)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// everythingSeen is all that can be looked at, by where it is.
func (g *garden) everythingSeen() map[string]string {
	seen := map[string]string{"metrics": g.page(g.app.Addr().Metrics + "/metrics"), "readiness": g.page(g.app.Addr().Metrics + "/readyz")}
	g.walkAPI(seen)
	g.walkPages(seen)
	g.readDatabase(seen)
	g.readBackup(seen)
	seen["log"] = g.log.String()
	return seen
}

// walkAPI gets every address of the OpenAPI document, with ids of what was made.
func (g *garden) walkAPI(seen map[string]string) {
	_, text := g.call("GET", "/openapi.json", nil)
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &document); err != nil || len(document.Paths) < 20 {
		g.Fatalf("the OpenAPI document has %d paths: %v", len(document.Paths), err)
	}
	for path, operations := range document.Paths {
		if operations["get"] == nil {
			continue
		}
		for _, full := range g.fill(strings.TrimPrefix(path, "/api/v1")) {
			_, text := g.call("GET", full, nil)
			seen["API "+full] = string(text)
		}
	}
}

// fill puts the ids of everything listed into a path.
func (g *garden) fill(path string) (list []string) {
	before, after, has := strings.Cut(path, "/{")
	if !has {
		return []string{path}
	}
	_, rest, _ := strings.Cut(after, "}")
	_, text := g.call("GET", before, nil)
	var page struct{ Items []map[string]any }
	if json.Unmarshal(text, &page) != nil {
		return nil
	}
	for _, item := range page.Items {
		if id, ok := item["id"].(string); ok {
			list = append(list, g.fill(before+"/"+id+rest)...)
		}
	}
	return list
}

var reference = regexp.MustCompile(`(?:href|hx-get|src|sse-connect)="(/[^"#]*)"`)

// walkPages follows every link of the console.
func (g *garden) walkPages(seen map[string]string) {
	next := []string{"/"}
	known := map[string]bool{"/": true}
	for len(next) > 0 && len(known) < 2000 {
		path := next[0]
		next = next[1:]
		if strings.HasPrefix(path, "/assets/") || strings.Contains(path, "/live/") {
			continue
		}
		text := g.page(g.app.Addr().Console + path)
		seen["pages "+path] = text
		for _, m := range reference.FindAllStringSubmatch(text, -1) {
			if to := strings.ReplaceAll(m[1], "&amp;", "&"); !known[to] {
				known[to] = true
				next = append(next, to)
			}
		}
	}
	if len(known) < 20 {
		g.Errorf("only %d pages were found", len(known))
	}
}

// readDatabase reads the files of SQLite as they lie on the disk, or all rows of PostgreSQL.
func (g *garden) readDatabase(seen map[string]string) {
	if g.app.Store().Postgres() == nil {
		files, err := os.ReadDir(g.app.options.DataDir)
		if err != nil {
			g.Fatal(err)
		}
		for _, file := range files {
			if file.Name() == "heliograph.key" {
				continue
			}
			text, err := os.ReadFile(filepath.Join(g.app.options.DataDir, file.Name()))
			if err != nil {
				g.Fatal(err)
			}
			seen["database file "+file.Name()] = string(text)
		}
		return
	}
	for _, table := range g.column(`SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`) {
		seen["database table "+table] = strings.Join(g.column(`SELECT CAST(r AS TEXT) FROM "`+table+`" r`), "\n")
	}
}

func (g *garden) column(query string) (list []string) {
	g.Helper()
	err := g.app.Store().Read(g.Context(), func(tx store.Tx) error {
		rows, err := tx.Query(g.Context(), query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			list = append(list, text)
		}
		return rows.Err()
	})
	if err != nil {
		g.Fatal(err)
	}
	return list
}

func (g *garden) readBackup(seen map[string]string) {
	file := filepath.Join(g.TempDir(), "backup")
	if _, err := Backup(g.Context(), g.app.options.Database, file); err != nil {
		g.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		g.Fatal(err)
	}
	seen["backup"] = string(text)
}
