package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"heliograph/internal/pgtest"
)

// Figures of the crash test. HELIOGRAPH_TORTURE=1 makes it as large as the product promises.
type crash struct {
	devices int // each has a push and a mail
	kills   int
	delayMS int // how slow the simulators answer, so that there is a middle to be killed in
}

func figures() crash {
	if os.Getenv("HELIOGRAPH_TORTURE") != "" {
		return crash{devices: 2500, kills: 10, delayMS: 20}
	}
	return crash{devices: 150, kills: 3, delayMS: 100}
}

// What was sent must survive kill -9 at any moment: the simulators, in a process of their own, are the witnesses.
func TestNothingIsLostWhenKilledOnSQLite(t *testing.T) {
	t.Parallel()
	newCrash(t, figures(), "").run()
}

func TestNothingIsLostWhenKilledOnPostgreSQL(t *testing.T) {
	t.Parallel()
	newCrash(t, figures(), pgtest.Database(t)).run()
}

// scene is a crash test that runs.
type scene struct {
	crash
	t        *testing.T
	random   *rand.Rand
	data     string
	database string // URL of PostgreSQL; "" = SQLite in data
	sims     readyFile
	serve    *program
	client   *http.Client
	token    string
	api      caller
	sent     string // id of the notification that is being sent
}

func newCrash(t *testing.T, c crash, database string) *scene {
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("HELIOGRAPH_SEED"); given != "" {
		seed, _ = strconv.ParseUint(given, 10, 64)
	}
	t.Logf("HELIOGRAPH_SEED=%d", seed)
	s := &scene{crash: c, t: t, random: rand.New(rand.NewPCG(seed, 1)), data: t.TempDir(), database: database}
	start(t, temp(t, "sims.json"), "sim", "all").read(&s.sims)
	s.client = trusting(t, s.sims.CAFile)
	s.startServe()
	s.token = s.makeToken()
	s.startAPI()
	return s
}

func (s *scene) startServe(more ...string) {
	args := append([]string{"serve", "--data", s.data, "--listen", "127.0.0.1:0", "--listen-metrics", "127.0.0.1:0"}, more...)
	if s.database != "" {
		args = append(args, "--database", s.database)
	}
	s.serve = start(s.t, filepath.Join(s.data, "ready.json"), args...)
	s.startAPI()
}

// startAPI learns where the process that runs now listens.
func (s *scene) startAPI() {
	var r readyFile
	s.serve.read(&r)
	s.api = newCaller(s.t, r.API, s.token, s.client)
}

func (s *scene) makeToken() string {
	s.t.Helper()
	var out, problems strings.Builder
	args := []string{"token", "create", "--role", "administrator", "--data", s.data}
	if s.database != "" {
		args = append(args, "--database", s.database)
	}
	if code := run(args, terminal{strings.NewReader(""), &out, &problems}); code != exitDone {
		s.t.Fatalf("token create ended with %d: %s", code, problems.String())
	}
	return strings.TrimSpace(out.String())
}

// run sends one notification to everybody, kills the process at random moments meanwhile, and looks at what came of it.
func (s *scene) run() {
	s.setUp()
	s.slowDown()
	id := s.send()
	for i := range s.kills {
		s.reach((i*2*s.devices + s.random.IntN(2*s.devices)) / s.kills)
		<-time.After(time.Duration(s.random.IntN(2*s.delayMS)) * time.Millisecond)
		s.serve.kill()
		s.startServe()
	}
	repeats := s.check(s.waitDone(id))
	s.t.Logf("%d messages, %d kills, %d repeats", 2*s.devices, s.kills, repeats)
	s.serve.stop()
}

// send sends a push and a mail to everybody.
func (s *scene) send() (id string) {
	n := s.api.call(http.StatusAccepted, "POST", "/notifications", object{
		"audience": object{"all": true},
		"ad_hoc": object{
			"push": object{"message": "Hello ${device.name}"},
			"smtp": object{"subject": "For ${user.displayname}", "message": "Hello ${user.displayname}"},
		},
	}).body
	return text(n, "id")
}

func (s *scene) setUp() {
	ca, err := os.ReadFile(s.sims.CAFile)
	if err != nil {
		s.t.Fatal(err)
	}
	host, port, _ := strings.Cut(s.sims.Sims["smtp"], ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		s.t.Fatal(err)
	}
	s.api.call(http.StatusCreated, "POST", "/notification-servers", object{
		"kind": "smtp", "name": "mail", "host": host, "port": number, "security": "tls", "trusted_ca": string(ca),
		"from_name": "Crash", "from_email": "crash@example.com", "retries": 20,
	})
	apns := s.sims.Credentials["apns"]
	s.api.call(http.StatusCreated, "POST", "/push-providers", object{
		"kind": "apns", "name": "apns", "app": crashApp, "environment": "production", "endpoint": s.sims.Sims["apns"], "trusted_ca": string(ca),
		"key_p8": apns["key_p8"], "key_id": apns["key_id"], "team_id": apns["team_id"],
	})
	s.api.call(http.StatusCreated, "POST", "/push-providers", object{
		"kind": "fcm", "name": "fcm", "app": crashApp, "endpoint": s.sims.Sims["fcm"], "trusted_ca": string(ca),
		"service_account": s.sims.Credentials["fcm"]["service_account"],
	})
	report := s.api.call(http.StatusOK, "POST", "/import/devices", s.fleet(), "Content-Type", "text/csv").body
	if report["created"] != float64(s.devices) {
		s.t.Fatalf("import = %v", report)
	}
}

const crashApp = "com.example.crash"

func (s *scene) fleet() []byte {
	var csv strings.Builder
	csv.WriteString("id,name,platform,user.id,user.display_name,user.mail,push.provider,push.token,push.app,push.environment\n")
	for i := range s.devices {
		platform, provider, token := "ios", "apns", fmt.Sprintf("%064x", i+1)
		if i%2 == 1 {
			platform, provider, token = "android", "fcm", fmt.Sprintf("fcm-token-%d", i)
		}
		fmt.Fprintf(&csv, "c%d,Phone %d,%s,u%d,Person %d,person%d@example.org,%s,%s,%s,production\n", i, i, platform, i, i, i, provider, token, crashApp)
	}
	return []byte(csv.String())
}

func (s *scene) sim(name string) caller { return newCaller(s.t, s.sims.Sims[name], "", s.client) }

// slowDown makes every answer take its time.
func (s *scene) slowDown() {
	for _, name := range []string{"apns", "fcm"} {
		s.sim(name).call(http.StatusOK, "POST", "/_sim/fail", object{"match": "", "action": "answer", "times": 0, "delay_ms": s.delayMS})
	}
	s.sim("inbox").call(http.StatusOK, "POST", "/_sim/fail", object{"match": "", "action": "answer", "stage": "end", "times": 0, "delay_ms": s.delayMS})
}

// received is how many messages the simulators have read.
func (s *scene) received() (sum int) {
	for _, name := range []string{"apns", "fcm", "inbox"} {
		page := s.sim(name).call(http.StatusOK, "GET", "/_sim/history?limit=1", nil).body
		n, _ := page["count"].(float64)
		sum += int(n)
	}
	return sum
}

// reach waits until so many messages have arrived.
func (s *scene) reach(messages int) {
	if !eventually(func() bool { return s.received() >= messages }) {
		s.t.Fatalf("only %d of %d messages arrived within %v:\n%s", s.received(), messages, patience, s.serve.output)
	}
}

// rescueTime is how long a notification may take, even where a killed node's jobs had to wait for another to be sure.
const rescueTime = 5 * time.Minute

func (s *scene) waitDone(id string) object {
	var n object
	for end := time.Now().Add(rescueTime); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		n = s.api.call(http.StatusOK, "GET", "/notifications/"+id, nil).body
		if n["state"] == "done" {
			return n
		}
	}
	s.t.Fatalf("stuck: not done within %v: %v\n%s", rescueTime, n, s.serve.output)
	return nil
}

// check wants every delivery sent, every message received, and repeats to be recognisable as such. It counts them.
func (s *scene) check(n object) (repeats int) {
	if want := 2 * s.devices; n["recipients"] != float64(want) || count(n, "sent") != want {
		s.t.Errorf("recipients %v, counts %v; want %d sent", n["recipients"], n["counts"], want)
	}
	repeats = s.identities("apns", func(i object) (string, string) { return text(i, "token"), text(i, "headers", "apns-id") }, (s.devices+1)/2)
	repeats += s.identities("fcm", func(i object) (string, string) { return text(i, "token"), text(i, "message", "data", "id") }, s.devices/2)
	repeats += s.identities("inbox", func(i object) (string, string) {
		to, _ := list(i["recipients"])[0].(string)
		return to, text(i, "headers", "message-id")
	}, s.devices)
	return repeats
}

// identities wants so many receivers in a history, each with one identity, and counts what came more than once.
func (s *scene) identities(sim string, of func(object) (receiver, identity string), want int) (repeats int) {
	seen, owners := map[string]string{}, map[string]string{}
	for _, item := range s.sim(sim).history() {
		receiver, identity := of(item)
		before, again := seen[receiver]
		if again {
			repeats++
		}
		if identity == "" || again && before != identity {
			s.t.Errorf("%s: %s received identity %q after %q", sim, receiver, identity, before)
		}
		if owner, known := owners[identity]; known && owner != receiver {
			s.t.Errorf("%s: %s and %s received the same identity %q", sim, owner, receiver, identity)
		}
		seen[receiver], owners[identity] = identity, receiver
	}
	if len(seen) != want {
		s.t.Errorf("%s: %d receivers, want %d", sim, len(seen), want)
	}
	return repeats
}
