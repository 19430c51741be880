package all

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"heliograph/channel"
	"heliograph/message"
	"heliograph/sim"
)

// Every provider that calls a server of its own can be looked at, without anybody receiving anything.
func TestLook(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	sims, err := sim.Start(t.Context(), []string{sim.All}, sim.Options{CAFile: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sims.Stop(context.Background()) })
	ca, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ready := sims.Ready()
	host, port, _ := net.SplitHostPort(ready.Sims[sim.SMTP])
	number, _ := strconv.Atoi(port)
	apns, account := ready.Credentials.APNs, ready.Credentials.Vonage
	type settings = map[string]any
	right := map[string]settings{
		"smtp": {"host": host, "port": number, "security": "tls", "from_email": "a@example.com"},
		"apns": {"app": "com.example", "environment": "production", "endpoint": ready.Sims[sim.APNs], "key_p8": apns.KeyP8, "key_id": apns.KeyID, "team_id": apns.TeamID},
		"fcm":  {"app": "com.example", "endpoint": ready.Sims[sim.FCM], "service_account": ready.Credentials.FCM.ServiceAccount},
		"sms":  {"key": account.Key, "secret": account.Secret, "endpoint": ready.Sims[sim.Vonage], "virtual_number": "12025550100", "country": "+49"},
	}
	wrong := map[string]settings{ // the simulated mail server knows everybody
		"apns": {"team_id": "WRONGTEAM0"},
		"fcm":  {"service_account": strings.ReplaceAll(ready.Credentials.FCM.ServiceAccount, "client_email\": \"", "client_email\": \"x")},
		"sms":  {"secret": "wrong"},
	}
	others := map[string]string{"apns": ready.Sims[sim.FCM], "fcm": ready.Sims[sim.APNs]} // what stands in for Vonage need not know balances
	for kind, values := range right {
		t.Run(kind, func(t *testing.T) {
			values["trusted_ca"] = string(ca)
			if r := look(t, kind, values); !r.OK || r.Steps[len(r.Steps)-1].Name != lastStep(kind) {
				t.Errorf("with what is right: %+v", r)
			}
			if bad, has := wrong[kind]; has {
				if r := look(t, kind, values, bad); r.OK || r.Reason != message.Credentials {
					t.Errorf("with wrong credentials: %+v", r)
				}
			}
			if elsewhere, has := others[kind]; has {
				if r := look(t, kind, values, settings{"endpoint": elsewhere}); r.OK {
					t.Errorf("at the endpoint of another service: %+v", r)
				}
			}
			nowhere := settings{"endpoint": "https://127.0.0.1:1"}
			if kind == "smtp" {
				nowhere = settings{"port": 1}
			}
			if r := look(t, kind, values, nowhere); r.OK || r.Reason != message.Unreachable {
				t.Errorf("with nobody there: %+v", r)
			}
		})
	}
}

func lastStep(kind string) string {
	if kind == "smtp" {
		return "ehlo"
	}
	return "authenticate"
}

// look looks with settings, the later ones over the earlier.
func look(t *testing.T, kind string, layers ...map[string]any) channel.Report {
	t.Helper()
	merged := map[string]any{}
	for _, layer := range layers {
		for name, value := range layer {
			merged[name] = value
		}
	}
	text, err := json.Marshal(merged)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range Providers {
		if p.Kind != kind {
			continue
		}
		s := p.Default()
		if err := channel.Decode(s, text); err != nil {
			t.Fatal(err)
		}
		return s.(channel.Looking).Look(t.Context(), channel.Env{})
	}
	t.Fatalf("there is no provider %s", kind)
	return channel.Report{}
}
