package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o Options, which ...string) *Set {
	t.Helper()
	s, err := Start(context.Background(), which, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Set) {
	t.Helper()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestReadyFileIsEnoughToReachEverything(t *testing.T) {
	o := Options{CAFile: filepath.Join(t.TempDir(), "ca.pem")}
	s := start(t, o, All)
	text, err := json.Marshal(s.Ready())
	if err != nil {
		t.Fatal(err)
	}
	var ready struct {
		Sims        map[string]string
		Credentials struct {
			APNs struct {
				KeyP8  string `json:"key_p8"`
				KeyID  string `json:"key_id"`
				TeamID string `json:"team_id"`
			} `json:"apns"`
			FCM struct {
				ServiceAccount string `json:"service_account"`
			} `json:"fcm"`
			Vonage struct{ Key, Secret string } `json:"vonage"`
		}
		CAFile string `json:"ca_file"`
		PID    int    `json:"pid"`
	}
	if err := json.Unmarshal(text, &ready); err != nil {
		t.Fatal(err)
	}
	if ready.PID != os.Getpid() || ready.Credentials.APNs.KeyID == "" || !strings.Contains(ready.Credentials.APNs.KeyP8, "PRIVATE KEY") {
		t.Errorf("%s", text)
	}
	if v := ready.Credentials.Vonage; len(v.Key) != 8 || len(v.Secret) != 16 {
		t.Errorf("the SMS account has a key of %d characters and a secret of %d", len(v.Key), len(v.Secret))
	}
	var account map[string]string
	if err := json.Unmarshal([]byte(ready.Credentials.FCM.ServiceAccount), &account); err != nil || account["token_uri"] != ready.Sims[FCM]+"/token" {
		t.Errorf("service account %v, %v", account, err)
	}
	pem, err := os.ReadFile(ready.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the CA file holds no certificate")
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	for _, name := range []string{APNs, FCM, Vonage, Exchange, Inbox} {
		res, err := client.Get(ready.Sims[name] + "/_sim/magic")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 || name != Exchange && !strings.Contains(string(text), `"value"`) {
			t.Errorf("%s: %d %s %v", name, res.StatusCode, text, err)
		}
	}
	conn, err := net.Dial("tcp", ready.Sims[SMTP])
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestOnlyWhatWasNamed(t *testing.T) {
	for which, want := range map[string][]string{APNs: {APNs}, FCM: {FCM}, Vonage: {Vonage}, Exchange: {Exchange}, SMTP: {Inbox, SMTP}} {
		s := start(t, Options{}, which)
		var got []string
		for name := range s.Ready().Sims {
			got = append(got, name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", which, diff)
		}
		if (s.APNs() != nil) != (which == APNs) || (s.FCM() != nil) != (which == FCM) || (s.Vonage() != nil) != (which == Vonage) || (s.Exchange() != nil) != (which == Exchange) || (s.SMTP() != nil) != (which == SMTP) {
			t.Errorf("%s: the wrong simulators run", which)
		}
		if which != APNs && s.Ready().Credentials.APNs != nil {
			t.Errorf("%s: has credentials of another", which)
		}
	}
}

func TestStateOutlivesTheSet(t *testing.T) {
	o := Options{StateDir: filepath.Join(t.TempDir(), "sims"), CAFile: filepath.Join(t.TempDir(), "ca.pem")}
	first := start(t, o, APNs)
	before, err := os.ReadFile(o.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	stop(t, first)
	o.APNsAddr = strings.TrimPrefix(first.Ready().Sims[APNs], "https://")
	second := start(t, o, APNs)
	after, err := os.ReadFile(o.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.Ready(), second.Ready()); diff != "" || string(before) != string(after) {
		t.Errorf("the second set is another: %s", diff)
	}
}

func TestStartRefusesAndRollsBack(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx   context.Context
		which []string
		o     Options
		want  string
	}{
		"unknown":      {context.Background(), []string{"pigeon"}, Options{}, "pigeon"},
		"none":         {context.Background(), nil, Options{}, "no simulator"},
		"port taken":   {context.Background(), []string{All}, Options{InboxAddr: taken.Addr().String()}, "smtp"},
		"public":       {context.Background(), []string{All}, Options{SMTPAddr: "0.0.0.0:0"}, "loopback"},
		"no such path": {context.Background(), []string{All}, Options{CAFile: filepath.Join(t.TempDir(), "no", "ca.pem")}, "ca.pem"},
		"over already": {cancelled, []string{All}, Options{}, "canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Start(c.ctx, c.which, c.o)
			if s != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want one with %q", err, c.want)
			}
		})
	}
}
