package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"heliograph/app"
	"heliograph/fleet"
	"heliograph/internal/pgtest"
	"heliograph/message"
	"heliograph/store"
)

// large is an installation that has been used for a while.
type large struct {
	devices    int
	deliveries int // half of them of one notification, the rest of notifications to everybody
	small      int // notifications to one device each
}

// tall is what torture asks of every page, by the server's time for its first screen.
const tall = 200 * time.Millisecond

// later is what it asks of what comes after the page: exact counts, and searches through everything.
const later = 3 * time.Second

func largeFigures() large {
	if size, err := strconv.Atoi(os.Getenv("HELIOGRAPH_LARGE")); err == nil {
		return large{devices: size, deliveries: 10 * size, small: size / 500}
	}
	if torture() {
		return large{devices: 1_000_000, deliveries: 10_000_000, small: 2000}
	}
	return large{devices: 500, deliveries: 5000, small: 5}
}

// Every page and list of a large installation comes at once, whatever it is asked for.
func TestPagesOfALargeInstallationOnSQLite(t *testing.T) {
	t.Parallel()
	lookAtLarge(t, "", largeFigures())
}

func TestPagesOfALargeInstallationOnPostgreSQL(t *testing.T) {
	t.Parallel()
	l := largeFigures()
	l.devices, l.deliveries = min(l.devices, 200_000), min(l.deliveries, 1_000_000)
	lookAtLarge(t, pgtest.Database(t), l)
}

func lookAtLarge(t *testing.T, database string, l large) {
	s := newScene(t, crash{}, database)
	ids := s.fillLarge(l)
	s.startServe()
	s.token = s.makeToken()
	s.startAPI()
	s.client = http.DefaultClient
	s.startAPI()
	v := &visitor{scene: s, ids: ids, strict: l.devices >= 100_000}
	v.signIn()
	v.walk()
	v.report(l)
	began := time.Now()
	s.recount()
	t.Logf("doctor --recount: %.1f s", time.Since(began).Seconds())
	s.serve.stop()
}

// largeIDs are what there is to be looked at.
type largeIDs struct {
	largest, everybody, little message.NotificationID
	delivery                   message.DeliveryID // of the largest
}

// fillLarge writes an installation into the database as if it had been used: nothing is sent.
func (s *scene) fillLarge(l large) (ids largeIDs) {
	s.t.Helper()
	ctx := s.t.Context()
	began := time.Now()
	a, err := app.New(ctx, app.Options{Database: app.Database{DataDir: s.data, URL: s.database}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer a.Stop(ctx) //nolint:errcheck // a failure shows in what follows
	f := &filler{t: s.t, store: a.Store(), large: l}
	f.fleet(ctx)
	ids = f.sent(ctx)
	s.t.Logf("%d devices and %d deliveries written in %.0f s", l.devices, l.deliveries, time.Since(began).Seconds())
	return ids
}

// filler writes what years of use would.
type filler struct {
	t     *testing.T
	store *store.Store
	large
	next int64 // key of the next delivery
}

func (f *filler) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

var largePlatforms = []fleet.Platform{fleet.IOS, fleet.Android, fleet.IOS, fleet.IPadOS, fleet.Android, fleet.Windows, fleet.MacOS}

func (f *filler) fleet(ctx context.Context) {
	const page = 5000
	for first := 0; first < f.devices; first += page {
		var users []fleet.User
		var devices []fleet.Device
		for i := first; i < min(first+page, f.devices); i++ {
			id := fleet.UserID(fmt.Sprintf("u%07d", i))
			users = append(users, fleet.User{
				ID: id, Username: string(id), DisplayName: fmt.Sprintf("Person %d", i), Mail: fmt.Sprintf("person%d@example.org", i),
				Mobile: fmt.Sprintf("+4915%09d", i), Properties: map[string]string{"DEPARTMENT": fmt.Sprintf("Ward %d", i%40)},
			})
			d := fleet.NewDevice(fleet.DeviceID(fmt.Sprintf("d%07d", i)))
			d.Name, d.Platform, d.User, d.SerialNumber = fmt.Sprintf("Phone %d", i), largePlatforms[i%len(largePlatforms)], id, fmt.Sprintf("S%09d", i)
			d.OSVersion, d.Compliant, d.Ownership = fmt.Sprintf("%d.%d", 12+i%7, i%5), i%50 != 0, fleet.Corporate
			d.LastSeen = time.Now().Add(-time.Duration(i%2000) * time.Hour)
			d.Properties = map[string]string{"FLOOR": strconv.Itoa(i % 9), "ASSET": fmt.Sprintf("A-%d", i)}
			if i%7 < 5 {
				d.Push = &fleet.PushToken{Provider: fleet.APNs, App: crashApp, Environment: fleet.Production, Token: fmt.Sprintf("%064x", i+1)}
			}
			devices = append(devices, d)
		}
		f.must(f.store.PutFleet(ctx, users, devices))
	}
	f.must(f.store.Analyze(ctx))
}

// sent writes notifications with their deliveries: one that is half of everything, those to everybody, and little ones.
func (f *filler) sent(ctx context.Context) (ids largeIDs) {
	indexes := f.dropIndexes(ctx)
	f.next = 1
	ids.delivery = 5
	ids.largest = f.notification(ctx, 0, f.deliveries/2)
	for n := f.deliveries / 2; n < f.deliveries; n += f.devices {
		ids.everybody = f.notification(ctx, n, min(f.devices, f.deliveries-n))
	}
	for i := range f.small {
		ids.little = f.notification(ctx, f.deliveries+i, 1)
	}
	f.must(f.store.Write(ctx, func(tx store.Tx) error {
		for _, statement := range append(indexes, fmt.Sprintf(`INSERT INTO sequences (name, next) VALUES ('deliveries', %d)
			ON CONFLICT (name) DO UPDATE SET next = excluded.next`, f.next)) {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}))
	if pool := f.store.Postgres(); pool != nil {
		_, err := pool.Exec(ctx, `ANALYZE`)
		f.must(err)
	}
	return ids
}

// dropIndexes takes the indexes of deliveries away, which are made again much faster than kept, and says how.
func (f *filler) dropIndexes(ctx context.Context) (again []string) {
	query := `SELECT name, sql FROM sqlite_master WHERE tbl_name = 'deliveries' AND type = 'index' AND sql IS NOT NULL`
	if f.store.Postgres() != nil {
		query = `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'deliveries' AND indexdef NOT LIKE 'CREATE UNIQUE%'`
	}
	f.must(f.store.Write(ctx, func(tx store.Tx) error {
		rows, err := tx.Query(ctx, query)
		if err != nil {
			return err
		}
		var names []string
		for rows.Next() {
			var name, statement string
			if err := rows.Scan(&name, &statement); err != nil {
				return err
			}
			names, again = append(names, name), append(again, statement)
		}
		rows.Close()
		for _, name := range names {
			if _, err := tx.Exec(ctx, `DROP INDEX `+name); err != nil {
				return err
			}
		}
		return rows.Err()
	}))
	if len(again) < 3 {
		f.t.Fatalf("only %d indexes of deliveries were found", len(again))
	}
	return again
}

// outcomes of a hundred deliveries: state, reason, and how many.
var outcomes = []struct {
	state  message.State
	reason string
	below  int // of a hundred
}{
	{message.Failed, "token_dead", 3},
	{message.Skipped, "no_address", 5},
	{message.Sent, "", 100},
}

// notification writes one that is done, with n deliveries by push, to devices in their order.
func (f *filler) notification(ctx context.Context, from, n int) message.NotificationID {
	id := message.NotificationID(fmt.Sprintf("01936b1e-6d0c-7c4e-9a53-%012d", from))
	now := time.Now().Add(-time.Hour).UnixMilli()
	f.must(f.store.Write(ctx, func(tx store.Tx) error {
		var key int64
		err := tx.QueryRow(ctx, `INSERT INTO notifications (id, state, audience, content, requested_by, lane, created_at, started_at, finished_at)
			VALUES ($1, 'done', '{"all":true}', '{"push":{"message":"Hello ${device.name}, this is for all of you"}}', 'large', 3, $2, $2, $2) RETURNING key`,
			string(id), now).Scan(&key)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, fmt.Sprintf(`
			WITH RECURSIVE c (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < %d)
			INSERT INTO deliveries (id, notification, channel, state, device_key, user_key, server, attempts, slot_values, reason, provider_id, finished_at)
			SELECT %d + i, %d, 1, CASE WHEN i %% 100 < 3 THEN 5 WHEN i %% 100 < 5 THEN 6 ELSE 3 END, (%d + i) %% %d + 1, (%d + i) %% %d + 1, 1, 1,
				'["Phone ' || i || '"]', CASE WHEN i %% 100 < 3 THEN 'token_dead' WHEN i %% 100 < 5 THEN 'no_address' END, '=', %d FROM c`,
			n, f.next, key, from, f.devices, from, f.devices, now))
		if err != nil {
			return err
		}
		f.next += int64(n)
		return f.count(ctx, tx, key, n)
	}))
	return id
}

// count writes the counters that would have been kept.
func (f *filler) count(ctx context.Context, tx store.Tx, key int64, n int) error {
	before := 0
	for _, o := range outcomes {
		in := n/100*(o.below-before) + max(0, min(n%100, o.below)-before)
		before = o.below
		if in == 0 {
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO notification_counts (notification, channel, state, n) VALUES ($1, 1, $2, $3)`, key, int16(o.state), in); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO hour_counts (hour, channel, state, n) VALUES ($1, 1, $2, $3)
			ON CONFLICT (hour, channel, state) DO UPDATE SET n = hour_counts.n + excluded.n`,
			time.Now().Add(-time.Hour).UTC().Truncate(time.Hour).UnixMilli(), int16(o.state), in)
		if err != nil {
			return err
		}
	}
	return nil
}

// visitor walks through the console and the API and looks at the clock.
type visitor struct {
	*scene
	ids     largeIDs
	strict  bool
	console string
	browser *http.Client
	seen    []visit
}

// visit is one look at an address.
type visit struct {
	what          string
	first, median time.Duration
	allowed       time.Duration
}

// signIn makes an administrator and takes their link.
func (v *visitor) signIn() {
	v.t.Helper()
	var r readyFile
	v.serve.read(&r)
	v.console = r.Console
	jar, err := cookiejar.New(nil)
	if err != nil {
		v.t.Fatal(err)
	}
	v.browser = &http.Client{Jar: jar, Timeout: patience}
	link, err := url.Parse(strings.TrimSpace(v.command(exitDone, "admin", "create", "large", "--public-url", v.console)))
	if err != nil {
		v.t.Fatal(err)
	}
	v.open(link.String())
	answer, err := v.browser.PostForm(v.console+"/welcome", url.Values{"password": {"correct horse battery staple"}, "again": {"correct horse battery staple"}})
	if err != nil || answer.StatusCode != http.StatusOK {
		v.t.Fatalf("the password was answered with %v, %v", answer, err)
	}
	answer.Body.Close()
}

func (v *visitor) open(address string) *http.Response {
	v.t.Helper()
	request, err := http.NewRequest("GET", address, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	if strings.HasPrefix(address, v.api.base) {
		request.Header.Set("Authorization", "Bearer "+v.token)
	}
	answer, err := v.browser.Do(request)
	if err != nil {
		v.t.Fatalf("%s: %v", address, err)
	}
	if answer.StatusCode != http.StatusOK {
		v.t.Errorf("%s answered %s", address, answer.Status)
	}
	return answer
}

// look opens an address some times. Of an export it reads the beginning.
func (v *visitor) look(allowed time.Duration, base, path string) {
	v.t.Helper()
	times := make([]time.Duration, 5)
	for i := range times {
		began := time.Now()
		answer := v.open(base + path)
		if strings.Contains(path, ".csv") {
			_, _ = io.ReadFull(answer.Body, make([]byte, 1000))
		} else {
			_, _ = io.Copy(io.Discard, answer.Body)
		}
		times[i] = time.Since(began)
		answer.Body.Close()
	}
	what := path
	if base != v.console {
		what = "API " + path
	}
	one := visit{what: what, first: times[0], allowed: allowed}
	slices.Sort(times)
	one.median = times[len(times)/2]
	v.seen = append(v.seen, one)
	if v.strict && one.median > allowed {
		v.t.Errorf("%s took %v, allowed are %v", what, one.median.Round(time.Millisecond), allowed)
	}
}

// walk visits what there is.
func (v *visitor) walk() {
	largest, everybody, little := "/notifications/"+string(v.ids.largest), "/notifications/"+string(v.ids.everybody), "/notifications/"+string(v.ids.little)
	for _, path := range []string{
		"/", "/live/dashboard", "/devices", "/devices?sort=name&dir=asc", "/devices?sort=last_seen", "/devices?sort=platform",
		"/devices?platform=windows", "/devices?platform=macos&sort=name&dir=asc", "/devices?inactive_days_min=30&sort=name",
		"/devices?jailbroken=true", "/devices/d0000007", "/notify",
		"/notifications", "/notifications?state=running", "/notifications?state=scheduled", "/notifications?state=cancelled", "/notifications/list",
		largest, largest + "/progress", largest + "/deliveries", everybody, little,
		largest + "?state=failed", largest + "?state=skipped", largest + "?state=sent", largest + "?state=queued", largest + "?state=sending", largest + "?state=unknown", largest + "?state=delivered",
		largest + "?state=cancelled", largest + "?channel=smtp", largest + "?channel=sms&state=failed", largest + "?channel=push", largest + "?state=failed&state=unknown",
		everybody + "?state=failed", largest + "/deliveries/" + v.ids.delivery.String(),
		largest + "/deliveries.csv", largest + "/deliveries.csv?state=failed", largest + "/deliveries.csv?state=unknown", "/devices.csv", "/devices.csv?compliant=false",
		"/settings", "/settings/about", "/settings/network",
	} {
		v.look(tall, v.console, path)
	}
	for _, path := range []string{
		"/devices?sort=user&dir=asc", "/devices?compliant=false&sort=user", // a name that is somebody else's: no index has it
		"/devices/tree", "/devices/count", "/devices/count?platform=ios", "/devices/count?search=phone+77", "/devices/count?os_version=16&os_version_op=ge",
		"/devices?search=phone+99999", "/devices?property=FLOOR:eq:99", "/devices?os_version=99&os_version_op=ge", "/devices?search=nobody+is+called+so",
		largest + "?search=phone+1234", largest + "?search=nobody+is+called+so", largest + "?state=failed&search=nobody+is+called+so",
	} {
		v.look(later, v.console, path)
	}
	for _, path := range []string{
		"/devices", "/devices?limit=1000", "/devices?platform=windows", "/users", "/groups", "/notifications", "/notifications?state=done", "/notifications?state=sending",
		largest, largest + "/deliveries", largest + "/deliveries?limit=1000", largest + "/deliveries?state=failed", largest + "/deliveries?state=unknown", largest + "/deliveries?channel=sms",
		"/audit", "/notification-servers", "/push-providers", "/templates", "/devices/d0000007", "/users/u0000007",
	} {
		v.look(tall, v.api.base, path)
	}
}

func (v *visitor) report(l large) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d devices, %d deliveries (%s): milliseconds of the first look and of the median of five\n", l.devices, l.deliveries, cmpDatabase(v.database))
	for _, one := range v.seen {
		mark := ""
		if one.median > one.allowed {
			mark = " SLOW"
		}
		fmt.Fprintf(&b, "%8.1f %8.1f  %s%s\n", float64(one.first.Microseconds())/1000, float64(one.median.Microseconds())/1000, one.what, mark)
	}
	v.t.Log("\n" + b.String())
}

func cmpDatabase(url string) string {
	if url == "" {
		return "SQLite"
	}
	return "PostgreSQL"
}
