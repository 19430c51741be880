package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heliograph/internal/pgtest"
)

// wakeFigures is how large the crash tests of mail push are.
type wakeFigures struct{ phones, events, rounds, kills int }

func wakesToTry() wakeFigures {
	if torture() {
		return wakeFigures{phones: 500, events: 20, rounds: 20, kills: 3}
	}
	return wakeFigures{phones: 40, events: 6, rounds: 1, kills: 3}
}

// An event that was answered OK wakes its device, whatever happens to us: in the end every icon shows the newest count, and
// no mail server was ever told to forget a device.
func TestAcknowledgedMeansSafeOnSQLite(t *testing.T) {
	t.Parallel()
	newWakeScene(t, "").killed()
}

func TestAcknowledgedMeansSafeOnPostgreSQL(t *testing.T) {
	t.Parallel()
	newWakeScene(t, pgtest.Database(t)).killed()
}

// killed kills the process at random moments while mails come in.
func (s *wakeScene) killed() {
	for round := range s.rounds {
		done := s.mails(round)
		for range s.kills {
			<-time.After(time.Duration(300+s.random.IntN(900)) * time.Millisecond)
			s.serve.kill()
			s.startServe()
		}
		<-done
		s.wantNewest(round)
		s.sim("apns").call(http.StatusOK, "POST", "/_sim/reset", nil) // it remembers only so much
	}
	s.wantNobodyForgotten()
	s.serve.stop()
}

// The same while Apple does not answer, with a crash in the middle of it.
func TestAcknowledgedMeansSafeWhileAPNsIsDown(t *testing.T) {
	t.Parallel()
	s := newWakeScene(t, "")
	s.sim("apns").call(http.StatusOK, "POST", "/_sim/fail", object{"match": "", "action": "answer", "status": 503, "reason": "ServiceUnavailable", "times": 0})
	done := s.mails(0)
	<-time.After(time.Second)
	s.serve.kill()
	s.startServe()
	<-done
	if torture() {
		<-time.After(5 * time.Minute)
	}
	s.sim("apns").call(http.StatusOK, "POST", "/_sim/reset", object{})
	s.wantNewest(0)
	s.wantNobodyForgotten()
	s.serve.stop()
}

// A wrong setting makes Apple refuse every token: nobody is forgotten, and with the right setting every device catches up.
func TestWrongEnvironmentForgetsNobody(t *testing.T) {
	t.Parallel()
	s := newWakeScene(t, "")
	s.sim("apns").call(http.StatusOK, "POST", "/_sim/fail", object{"match": "", "action": "answer", "status": 400, "reason": "BadDeviceToken", "times": 0})
	<-s.mails(0)
	s.sim("apns").call(http.StatusOK, "POST", "/_sim/reset", object{})
	providers := s.api.allItems("/push-providers?limit=100")
	id := text(providers[0], "id")
	s.api.call(http.StatusOK, "PUT", "/push-providers/"+id, s.provider("apns corrected"))
	s.wantNewest(0)
	s.wantNobodyForgotten()
	s.serve.stop()
}

// Three nodes behind a plain TCP balancer, one of which is killed under load: only what it was just answering fails, mail
// servers ask again, and five seconds later nobody notices any more.
func TestAnyNodeAnswersForAnyDevice(t *testing.T) {
	t.Parallel()
	s := newWakeScene(t, pgtest.Database(t))
	nodes := []*node{s.startNodeWith(t.TempDir(), "listener,worker"), s.startNodeWith(t.TempDir(), "listener,worker"), s.startNodeWith(t.TempDir(), "listener,worker")}
	b := newBalancer(t, nodes)
	s.address = b.address
	done := s.mails(0)
	<-time.After(1500 * time.Millisecond)
	killed := time.Now()
	nodes[1].kill()
	<-done
	for _, at := range s.failures.list() {
		if at.Before(killed) || at.After(killed.Add(5*time.Second)) {
			t.Errorf("a post failed %v after the kill", at.Sub(killed))
		}
	}
	t.Logf("%d posts failed and were tried again", len(s.failures.list()))
	s.wantNewest(0)
	s.wantNobodyForgotten()
}

// wakeScene is a scene with phones that wait to be woken.
type wakeScene struct {
	*scene
	wakeFigures
	phones    []mailPhone
	address   string // where mail servers post; it stays through all restarts
	forgotten atomic.Int64
	failures  moments
	posts     *http.Client
}

type mailPhone struct{ token, path string }

func newWakeScene(t *testing.T, database string) *wakeScene {
	s := &wakeScene{scene: newScene(t, crash{}, database), wakeFigures: wakesToTry(), address: freeAddress(t)}
	s.posts = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: s.wakeFigures.phones, DisableCompression: true}}
	s.more = []string{"--listen-mailbox", s.address}
	s.begin()
	s.api.call(http.StatusCreated, "POST", "/push-providers", s.provider("apns"))
	s.register()
	return s
}

// freeAddress is a port of loopback that was free a moment ago.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *wakeScene) provider(name string) object {
	ca, err := os.ReadFile(s.sims.CAFile)
	if err != nil {
		s.t.Fatal(err)
	}
	apns := s.sims.Credentials["apns"]
	return object{
		"kind": "apns", "name": name, "app": crashApp, "environment": "production", "endpoint": s.sims.Sims["apns"], "trusted_ca": string(ca),
		"key_p8": apns["key_p8"], "key_id": apns["key_id"], "team_id": apns["team_id"],
	}
}

// register registers the phones, as their apps would.
func (s *wakeScene) register() {
	key := text(s.api.call(http.StatusCreated, "POST", "/mail-push/app-keys", object{"name": "crash"}).body, "app_key")
	var ready readyFile
	s.serve.read(&ready)
	service := newCaller(s.t, ready.Registration, key, s.client)
	for i := range s.wakeFigures.phones {
		token := fmt.Sprintf("%064x", i+1)
		made := s.registered(service, object{
			"platform": "ios", "token": token, "app": crashApp, "environment": "production", "wake": "badge", "folders": []string{"inbox"},
		})
		_, path, _ := strings.Cut(text(made, "listener_urls", "inbox"), "/ews/")
		s.phones = append(s.phones, mailPhone{token, "/ews/" + path})
	}
}

// registered asks again, as an app does that is told to come later: a key registers only so many a second.
func (s *wakeScene) registered(service caller, phone object) object {
	for {
		a, err := service.try("POST", "/v1/registrations", phone)
		if err != nil {
			s.t.Fatal(err)
		}
		switch seconds, _ := strconv.Atoi(a.header.Get("Retry-After")); {
		case a.status == http.StatusCreated:
			return a.body
		case a.status != http.StatusTooManyRequests || seconds == 0:
			s.t.Fatalf("registering a phone answered %d: %v", a.status, a.body)
		default:
			<-time.After(time.Duration(seconds) * time.Second)
		}
	}
}

// mails lets every mailbox receive its mails, one after the other, and each post be tried until it is answered OK.
func (s *wakeScene) mails(round int) <-chan struct{} {
	var all sync.WaitGroup
	for i, p := range s.phones {
		random := rand.New(rand.NewPCG(s.random.Uint64(), uint64(i))) //nolint:gosec // a test
		all.Go(func() {
			for n := 1; n <= s.events; n++ {
				<-time.After(time.Duration(random.IntN(400)) * time.Millisecond)
				s.deliver(i, p, round*s.events+n)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	return done
}

// deliver posts until it is answered, as Exchange does, only sooner.
func (s *wakeScene) deliver(i int, p mailPhone, unread int) {
	body := mailEvent(i, unread)
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		answer, err := s.post(p, body)
		switch {
		case err != nil:
			s.failures.add(time.Now())
		case strings.Contains(answer, "<SubscriptionStatus>OK<"):
			return
		default:
			s.forgotten.Add(1)
		}
	}
	s.t.Errorf("mail %d of phone %d was never answered", unread, i)
}

func (s *wakeScene) post(p mailPhone, body string) (string, error) {
	resp, err := s.posts.Post("http://"+s.address+p.path, "text/xml; charset=utf-8", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(text), err
}

// mailEvent is what Exchange posts when a mail has come and so many are unread.
func mailEvent(i, unread int) string {
	mark := func(n int) string { return fmt.Sprintf("AQAAAGqLVgh1%06d%06d", i, n) }
	at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	event := func(kind, more string) string {
		return `<t:` + kind + `><t:Watermark>` + mark(unread) + `</t:Watermark><t:TimeStamp>` + at + `</t:TimeStamp>` + more + `</t:` + kind + `>`
	}
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><m:SendNotification xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>` +
		fmt.Sprintf(`<t:SubscriptionId>c3Vic2NyaXB0aW9u%06d</t:SubscriptionId><t:PreviousWatermark>%s</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>`, i, mark(unread-1)) +
		event("NewMailEvent", `<t:ItemId Id="AAMk" ChangeKey="CQ"/><t:ParentFolderId Id="AQMk" ChangeKey="AQ"/>`) +
		event("ModifiedEvent", `<t:FolderId Id="AQMk" ChangeKey="AQ"/><t:ParentFolderId Id="AQMk" ChangeKey="AQ"/><t:UnreadCount>`+fmt.Sprint(unread)+`</t:UnreadCount>`) +
		`</m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></soap:Body></soap:Envelope>`
}

// wantNewest waits until every icon shows the newest count, and wants it to stay so.
func (s *wakeScene) wantNewest(round int) {
	s.t.Helper()
	want := float64((round + 1) * s.events)
	wrong := 0
	if !eventually(func() bool {
		badges := s.badges()
		wrong = 0
		for _, p := range s.phones {
			if badges[p.token] != want {
				wrong++
			}
		}
		return wrong == 0
	}) {
		s.t.Fatalf("%d of %d icons do not show %v:\n%s", wrong, len(s.phones), want, s.serve.output)
	}
}

// badges is what each icon shows: the badge of the last push that Apple took.
func (s *wakeScene) badges() map[string]float64 {
	s.t.Helper()
	badges := map[string]float64{}
	for _, i := range s.sim("apns").history() {
		payload, err := json.Marshal(i["payload"])
		if err != nil {
			s.t.Fatal(err)
		}
		var p struct {
			APS struct{ Badge *float64 }
		}
		if json.Unmarshal(payload, &p) == nil && p.APS.Badge != nil && i["status"] == float64(http.StatusOK) {
			badges[text(i, "token")] = *p.APS.Badge
		}
	}
	return badges
}

func (s *wakeScene) wantNobodyForgotten() {
	s.t.Helper()
	if n := s.forgotten.Load(); n > 0 {
		s.t.Errorf("%d posts were answered Unsubscribe", n)
	}
}

// moments are when something happened.
type moments struct {
	mu  sync.Mutex
	all []time.Time
}

func (m *moments) add(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, t)
}

func (m *moments) list() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]time.Time(nil), m.all...)
}

// balancer passes connections on to nodes in turns, and over one that does not answer.
type balancer struct {
	address string
	nodes   []string
	next    atomic.Int64
}

func newBalancer(t *testing.T, nodes []*node) *balancer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	b := &balancer{address: l.Addr().String()}
	for _, n := range nodes {
		b.nodes = append(b.nodes, strings.TrimPrefix(n.ready.Listener, "http://"))
	}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go b.pass(client)
		}
	}()
	return b
}

func (b *balancer) pass(client net.Conn) {
	defer client.Close()
	for range b.nodes {
		server, err := net.Dial("tcp", b.nodes[int(b.next.Add(1))%len(b.nodes)])
		if err != nil {
			continue
		}
		go func() {
			_, _ = io.Copy(server, client)
			server.Close()
		}()
		_, _ = io.Copy(client, server)
		return
	}
}
