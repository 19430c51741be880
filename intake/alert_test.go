package intake_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/notice"
	"heliograph/store"
	"heliograph/template"
)

// certificate is one that signed itself, in PEM, with its key behind it.
func certificate(t *testing.T, name string, until time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shape := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: until, IsCA: true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, shape, shape, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

func quote(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}

const day = 24 * time.Hour

// TestExpiryTimeline: an APNs certificate and an authority of the mail server end on the same day. Administrators are
// told at each mark, once, whichever process looks and however often, and of a mark that was missed not any more.
func TestExpiryTimeline(t *testing.T) {
	onBoth(t, func(h *house) {
		end := start.Add(100 * day)
		pair := certificate(h.T, "Apple Push: com.example.app", end)
		h.server("apns", "Apple", `{"app": "com.example.app", "environment": "production", "certificate": `+quote(pair)+`}`)
		authority, _, _ := strings.Cut(pair, "-----BEGIN PRIVATE")
		h.server("smtp", "Relay", `{"host": "mail.example.com", "from_email": "it@example.com", "trusted_ca": `+quote(authority)+`}`)
		h.server("smtp", "Kept", `{"host": "old.example.com", "from_email": "it@example.com", "trusted_ca": `+quote(authority)+`}`)
		h.alertee("ana", "ana@example.com", "", "pt")
		doors := []*intake.Door{h.door, h.another()}
		for _, look := range []struct {
			left time.Duration
			want int // more notifications
		}{
			{61 * day, 0}, {60*day + time.Minute, 0}, {60 * day, 2}, {60*day - time.Hour, 0}, {31 * day, 0},
			{30 * day, 2}, {14 * day, 2}, {5 * day, 2}, {3*day + time.Minute, 0}, {2 * day, 2}, {12 * time.Hour, 2}, {0, 0}, {-5 * day, 0},
		} {
			h.set(end.Add(-look.left))
			before := len(h.sent())
			var together errgroup.Group
			for _, d := range doors {
				together.Go(func() error { return d.WatchExpiry(h.Context(), intake.ExpiryArgs{}, nil) })
			}
			h.must(together.Wait())
			if got := len(h.sent()) - before; got != look.want {
				h.Errorf("%s before the end: %d notifications, want %d", look.left, got, look.want)
			}
			doors = []*intake.Door{h.another(), h.another()} // everything was restarted
		}
		apple, relay := 0, 0
		for _, n := range h.sent() {
			switch n.TemplateID {
			case string(template.APNSCertExpiration):
				apple++
			case string(template.CredentialExpiration):
				relay++
			}
			said := h.says(n)
			if !strings.Contains(said, "ana@example.com") || !strings.Contains(said, "12 de junho de 2040") || !strings.Contains(said, "com.example.app") {
				h.Errorf("%s says %s", n.Template, said)
			}
		}
		if apple != 6 || relay != 6 {
			h.Errorf("%d about Apple's certificate, %d about the authority", apple, relay)
		}
		if len(h.jobs.jobs) != 12 {
			h.Errorf("%d jobs carry them on", len(h.jobs.jobs))
		}
	})
}

// says renders what an alert says to each address.
func (h *house) says(n message.Notification) string {
	h.Helper()
	plan, err := notice.NewPlan(n.Content)
	h.must(err)
	var b strings.Builder
	for _, c := range []message.Channel{message.SMTP, message.SMS} {
		if !plan.Uses(c) {
			continue
		}
		for _, d := range plan.Typed(c, plan.Fixed(c, false), anywhere{}) {
			m := plan.Message(n.ID, d, notice.Place{})
			b.WriteString(c.String() + " " + m.Address + ": " + m.Subject + "\n" + m.Text + "\n")
		}
	}
	return b.String()
}

// anywhere is a way to everywhere.
type anywhere struct{}

func (anywhere) Push(fleet.TokenRoute) string { return "push" }
func (anywhere) Mail() string                 { return "smtp" }

func (anywhere) SMS(_ fleet.Recipient, written string) notice.Hop {
	return notice.Hop{Server: "sms", Address: written}
}

// TestClientSecretExpires: a secret of OAuth 2.0 is told about by the name of its client.
func TestClientSecretExpires(t *testing.T) {
	h := onSQLite(t)
	h.alertee("ana", "ana@example.com", "", "")
	h.server("smtp", "Relay", `{"host": "mail.example.com", "from_email": "it@example.com", "authentication": true, "username": "it@example.com",
		"oauth": {"token_url": "https://login.example.com/token", "client_id": "app-1", "client_secret": "secret", "secret_expires": "2040-03-20"}}`)
	h.must(h.door.WatchExpiry(t.Context(), intake.ExpiryArgs{}, nil))
	if list := h.sent(); len(list) != 1 || !strings.Contains(h.says(list[0]), "Relay (app-1) expires on 20 March 2040") {
		t.Errorf("%+v", list)
	}
}

// TestExpiryWaitsForSomebody: as long as nobody can be told, nothing counts as told.
func TestExpiryWaitsForSomebody(t *testing.T) {
	h := onSQLite(t)
	h.server("apns", "Apple", `{"app": "com.example.app", "environment": "production", "certificate": `+quote(certificate(t, "Apple", start.Add(20*day)))+`}`)
	look := func(want int, why string) {
		t.Helper()
		h.must(h.door.WatchExpiry(t.Context(), intake.ExpiryArgs{}, nil))
		if got := len(h.sent()); got != want {
			t.Errorf("%s: %d notifications, want %d", why, got, want)
		}
	}
	look(0, "nothing is set up")
	h.smtp()
	look(0, "nobody receives alerts")
	h.alertee("bob", "", "+351910000009", "")
	look(0, "who receives them has no mail address, and no SMS gateway is set up")
	apns, err := h.door.Template(t.Context(), string(template.APNSCertExpiration))
	h.must(err)
	apns.SMTP.Active = false
	apns.SMS.Active = false
	_, err = h.door.UpdateTemplate(t.Context(), admin, apns.ID, apns.Template)
	h.must(err)
	h.alertee("ana", "ana@example.com", "", "")
	look(0, "the template is switched off")
	apns.SMTP.Active = true
	_, err = h.door.UpdateTemplate(t.Context(), admin, apns.ID, apns.Template)
	h.must(err)
	look(1, "all is well")
	look(1, "it was told")
}

// TestTroubleTimeline: a server that is paused for longer than the organisation bears is told about once, by a channel
// that works.
func TestTroubleTimeline(t *testing.T) {
	onBoth(t, func(h *house) {
		relay, vonage := h.smtp(), h.sms()
		h.alertee("ana", "ana@example.com", "+351910000009", "fr")
		look := func(at time.Duration, want int) {
			h.Helper()
			h.set(start.Add(at))
			for _, d := range []*intake.Door{h.door, h.another()} {
				h.must(d.WatchTrouble(h.Context(), intake.TroubleArgs{}, nil))
			}
			if got := len(h.sent()); got != want {
				h.Fatalf("after %s: %d notifications, want %d", at, got, want)
			}
		}
		look(0, 0)
		h.pause(relay, start)
		look(14*time.Minute, 0)
		look(15*time.Minute, 1)
		look(50*time.Minute, 1)
		if said := h.says(h.sent()[0]); strings.Contains(said, "smtp") || !strings.Contains(said, "sms +351910000009") || !strings.Contains(said, "Heliograph ne peut plus envoyer par Relay (refused)") {
			h.Errorf("it says %s", said)
		}
		h.must(h.store.ResumeServer(h.Context(), relay.ID))
		h.pause(vonage, start.Add(time.Hour))
		_, err := h.door.SetOrganization(h.Context(), admin, fleet.Organization{TroubleMinutes: 5})
		h.must(err)
		look(64*time.Minute, 1)
		look(65*time.Minute, 2)
		if said := h.says(h.sent()[1]); strings.Contains(said, "sms") || !strings.Contains(said, "smtp ana@example.com") {
			h.Errorf("it says %s", said)
		}
		h.pause(relay, start.Add(2*time.Hour)) // again; now nothing works
		look(3*time.Hour, 2)
		h.must(h.store.ResumeServer(h.Context(), vonage.ID))
		look(3*time.Hour+time.Minute, 3)

		h.must(h.store.ResumeServer(h.Context(), relay.ID)) // a host behind it is left alone: no other is told of
		away := channel.Pause{Since: start.Add(4 * time.Hour), Until: start.Add(24 * time.Hour), Detail: "It is away."}
		var hosts []channel.Resting
		for i := range 3 {
			hosts = append(hosts, channel.Resting{Host: fmt.Sprintf("h%d.example.net", i), Pause: away})
			away.Since = away.Since.Add(time.Minute)
		}
		h.must(h.store.KeepResting(h.Context(), relay.ID, "node", hosts))
		look(4*time.Hour, 3)
		look(5*time.Hour, 4)
		if said := h.says(h.sent()[3]); !strings.Contains(said, "Relay (h0.example.net) (It is away.)") {
			h.Errorf("it says %s", said)
		}
	})
}

// pause stops a server, as a batch does that failed.
func (h *house) pause(s channel.Server, since time.Time) {
	h.Helper()
	h.must(h.store.Write(h.Context(), func(tx store.Tx) error {
		_, err := tx.Exec(h.Context(), `
			UPDATE servers SET paused_since = $2, paused_until = $3, pause_step = 1, pause_reason = 'unreachable', pause_detail = 'refused' WHERE id = $1`,
			s.ID, since.UnixMilli(), since.Add(24*time.Hour).UnixMilli())
		return err
	}))
}
