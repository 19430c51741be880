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
)

// crash is how large a test of crashes is. HELIOGRAPH_TORTURE=1 makes it as large as the product promises, with as many
// rounds as HELIOGRAPH_ROUNDS says.
type crash struct {
	devices int // each has a push, a mail and a text message
	kills   int // in each round
	rounds  int
	delayMS int // how slow the simulators answer, so that there is a middle to be killed in
}

func torture() bool { return os.Getenv("HELIOGRAPH_TORTURE") != "" }

func figures() crash {
	if torture() {
		rounds := 100
		if given, err := strconv.Atoi(os.Getenv("HELIOGRAPH_ROUNDS")); err == nil {
			rounds = given
		}
		return crash{devices: 3400, kills: 2, rounds: rounds, delayMS: 20}
	}
	return crash{devices: 100, kills: 3, rounds: 1, delayMS: 100}
}

// fewer is for tests that torture need not repeat as often.
func (c crash) fewer(rounds int) crash {
	c.rounds = min(c.rounds, rounds)
	return c
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
	more     []string // arguments of serve
	sent     string   // id of the notification that is being sent
}

// newCrash is a scene in which everything runs.
func newCrash(t *testing.T, c crash, database string) *scene {
	s := newScene(t, c, database)
	s.begin()
	return s
}

func newScene(t *testing.T, c crash, database string) *scene {
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("HELIOGRAPH_SEED"); given != "" {
		seed, _ = strconv.ParseUint(given, 10, 64)
	}
	t.Logf("HELIOGRAPH_SEED=%d", seed)
	return &scene{crash: c, t: t, random: rand.New(rand.NewPCG(seed, 1)), data: t.TempDir(), database: database}
}

// begin starts the simulators and heliograph.
func (s *scene) begin() {
	start(s.t, temp(s.t, "sims.json"), "sim", "all").read(&s.sims)
	s.client = trusting(s.t, s.sims.CAFile)
	s.startServe()
	s.token = s.makeToken()
	s.startAPI()
}

func (s *scene) startServe(more ...string) {
	s.serve = s.startNode(s.data, append(s.more, more...)...)
	s.startAPI()
}

// startNode starts a process with a data directory of its own.
func (s *scene) startNode(data string, more ...string) *program {
	args := append([]string{
		"serve", "--data", data, "--listen", "127.0.0.1:0", "--listen-metrics", "127.0.0.1:0",
		"--listen-registration", "127.0.0.1:0", "--listen-mailbox", "127.0.0.1:0",
	}, more...)
	if s.database != "" {
		args = append(args, "--database", s.database)
	}
	return start(s.t, filepath.Join(data, "ready.json"), args...)
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

// send sends a push, a mail and a text message to everybody.
func (s *scene) send() (id string) { return s.sendBy("push", "smtp", "sms") }

// sendBy sends to everybody by some channels.
func (s *scene) sendBy(channels ...string) (id string) {
	texts, asked := object{
		"push": object{"message": "Hello ${device.name}"},
		"smtp": object{"subject": "For ${user.displayname}", "message": "Hello ${user.displayname}"},
		"sms":  object{"message": "Hello ${user.displayname}"},
	}, object{}
	for _, channel := range channels {
		asked[channel] = texts[channel]
	}
	n := s.api.call(http.StatusAccepted, "POST", "/notifications", object{"audience": object{"all": true}, "ad_hoc": asked}).body
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
	account := s.sims.Credentials["vonage"]
	s.api.call(http.StatusCreated, "POST", "/notification-servers", object{
		"kind": "sms", "name": "vonage", "key": account["key"], "secret": account["secret"], "endpoint": s.sims.Sims["vonage"], "trusted_ca": string(ca),
		"country": "+49", "sender": "Crash", "rate_per_second": 1000,
	})
	report := s.api.call(http.StatusOK, "POST", "/import/devices", s.fleet(), "Content-Type", "text/csv").body
	if report["created"] != float64(s.devices) {
		s.t.Fatalf("import = %v", report)
	}
}

const crashApp = "com.example.crash"

func (s *scene) fleet() []byte {
	var csv strings.Builder
	csv.WriteString("id,name,platform,user.id,user.display_name,user.mail,user.mobile,push.provider,push.token,push.app,push.environment\n")
	for i := range s.devices {
		platform, provider, token := "ios", "apns", fmt.Sprintf("%064x", i+1)
		if i%2 == 1 {
			platform, provider, token = "android", "fcm", fmt.Sprintf("fcm-token-%d", i)
		}
		fmt.Fprintf(&csv, "c%d,Phone %d,%s,u%d,Person %d,person%d@example.org,%s,%s,%s,%s,production\n",
			i, i, platform, i, i, i, numberOf(i), provider, token, crashApp)
	}
	return []byte(csv.String())
}

// numberOf is the number of a person.
func numberOf(i int) string { return fmt.Sprintf("+49151%08d", 20000000+i) }

// messages is how many the notification to everybody has.
func (c crash) messages() int { return 3 * c.devices }

func (s *scene) sim(name string) caller { return newCaller(s.t, s.sims.Sims[name], "", s.client) }

// slowDown makes every answer take its time.
func (s *scene) slowDown() {
	for _, name := range []string{"apns", "fcm", "vonage"} {
		s.sim(name).call(http.StatusOK, "POST", "/_sim/fail", object{"match": "", "action": "answer", "times": 0, "delay_ms": s.delayMS})
	}
	s.sim("inbox").call(http.StatusOK, "POST", "/_sim/fail", object{"match": "", "action": "answer", "stage": "end", "times": 0, "delay_ms": s.delayMS})
}

// witnesses are the simulators that remember what they read.
var witnesses = []string{"apns", "fcm", "vonage", "inbox"}

// received is how many messages the simulators have read.
func (s *scene) received() (sum int) {
	for _, name := range witnesses {
		page := s.sim(name).call(http.StatusOK, "GET", "/_sim/history?limit=1", nil).body
		n, _ := page["count"].(float64)
		sum += int(n)
	}
	return sum
}

// slowest is how long one message may take, when everything of a large test runs on one busy machine.
const slowest = 50 * time.Millisecond

// reach waits until so many messages have arrived, or no more will: text messages that are unknown may be missing.
func (s *scene) reach(messages int, id string) {
	s.t.Helper()
	limit := patience + time.Duration(messages)*slowest
	for end := time.Now().Add(limit); s.received() < messages && s.state(id) != "done"; <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("only %d of %d messages arrived within %v:\n%s", s.received(), messages, limit, s.serve.output)
		}
	}
}

// state is how far a notification is.
func (s *scene) state(id string) string {
	s.t.Helper()
	return text(s.api.call(http.StatusOK, "GET", "/notifications/"+id, nil).body, "state")
}

// rescueTime is how long a notification may take, even where a killed node's jobs had to wait for another to be sure.
const rescueTime = 5 * time.Minute

func (s *scene) waitDone(id string) object {
	var n object
	limit := rescueTime + time.Duration(s.messages())*slowest
	for end := time.Now().Add(limit); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		n = s.api.call(http.StatusOK, "GET", "/notifications/"+id, nil).body
		if n["state"] == "done" {
			return n
		}
	}
	s.t.Fatalf("stuck: not done within %v: %v\n%s", limit, n, s.serve.output)
	return nil
}
