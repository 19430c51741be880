package courier_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/template"
)

// TestEachInTheirLanguage: people get the text in theirs, those who have none in the organisation's; an address that
// belongs to nobody gets a text that is the same for everybody once; and the delivery shows it as it was.
func TestEachInTheirLanguage(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		for id, speaks := range map[fleet.UserID]string{"ana": "pt-BR", "eve": "fr", "bob": "en", "jan": "", "kim": "ko"} {
			_, err := h.store.PutUser(h.Context(), access.Everything, fleet.User{ID: id, Mail: string(id) + "@example.com", Language: speaks})
			h.must(err)
		}
		_, err := h.door.SetOrganization(h.Context(), admin, fleet.Organization{Name: "Contoso", Language: "fr"})
		h.must(err)
		v, err := h.door.CreateTemplate(h.Context(), admin, template.Template{Name: "News", Type: template.AdHoc, Body: template.Body{
			Language: "en", SMTP: template.MailPart{Active: true, Recipient: "${user.mail}; desk@example.com", Subject: "News", Message: "Hello from ${organization.name}"},
			Variants: map[string]template.Variant{"fr": {Subject: "Nouvelles", Mail: "Bonjour de ${organization.name}"}, "pt": {Subject: "Notícias", Mail: "Olá"}},
		}})
		h.must(err)
		n, _, err := h.door.Send(h.Context(), admin, intake.Request{Audience: fleet.Audience{UserIDs: []fleet.UserID{"ana", "eve", "bob", "jan", "kim"}}, Template: "News"}, nil)
		h.must(err)
		n = h.done(n)
		h.count(n, message.SMTP, message.Sent, 6)
		var got []string
		shared := map[string]bool{}
		for _, m := range h.peers.received() {
			got = append(got, m.Address+" "+m.Subject+": "+m.Text)
			shared[strings.TrimPrefix(m.Shared, string(n.ID))] = true
		}
		slices.Sort(got)
		want := []string{
			"ana@example.com Notícias: Olá", "bob@example.com News: Hello from Contoso", "desk@example.com Nouvelles: Bonjour de Contoso",
			"eve@example.com Nouvelles: Bonjour de Contoso", "jan@example.com Nouvelles: Bonjour de Contoso", "kim@example.com Nouvelles: Bonjour de Contoso",
		}
		if !slices.Equal(got, want) {
			h.Errorf("received\n%s", strings.Join(got, "\n"))
		}
		if !shared[".fr"] || !shared[".en"] || !shared[".pt"] || len(shared) != 3 {
			h.Errorf("mails are grouped by %v", shared)
		}
		languages := map[string]int{}
		for _, d := range h.deliveries(n) {
			languages[d.Language]++
		}
		if languages[""] != 4 || languages["pt"] != 1 || languages["en"] != 1 {
			h.Errorf("deliveries by language: %v", languages)
		}
		if n.Template != "News" || n.TemplateID != v.ID {
			h.Errorf("it came from %q", n.Template)
		}
	})
}

// TestAddressesOfItsOwn: without an audience a template reaches the addresses that it holds.
func TestAddressesOfItsOwn(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(3)
		_, err := h.door.CreateTemplate(h.Context(), admin, template.Template{Name: "On call", Type: template.AdHoc, Body: template.Body{
			SMTP: template.MailPart{Active: true, Recipient: "a@example.com; B <b@example.com>;a@example.com", Subject: "Look"},
		}})
		h.must(err)
		n, _, err := h.door.Send(h.Context(), admin, intake.Request{Template: "On call"}, nil)
		h.must(err)
		n = h.done(n)
		h.count(n, message.SMTP, message.Sent, 2)
	})
}

// TestAlertArrives: administrators are told by mail, each in their language, about a server that is paused for long; once,
// however often is looked.
func TestAlertArrives(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.server("apns", "Apple")
		h.people(1)
		for name, speaks := range map[string]string{"ana": "pt", "bob": ""} {
			a, err := h.store.CreateAccount(h.Context(), name, access.Administrator)
			h.must(err)
			a.Mail, a.Alerts = name+"@example.com", true
			h.must(h.store.UpdateAccount(h.Context(), a))
			h.must(h.store.SetLanguage(h.Context(), a.ID, speaks, ""))
		}
		h.peers.answer(fmt.Sprintf("%064x", 1), message.Fail(message.Failure{Reason: message.Credentials, Scope: message.WholeServer, Detail: "The key was revoked."}))
		h.send(push("Hi"), everyone)
		h.eventually("the server is paused", func() bool {
			list, err := h.door.Servers(h.Context(), "apns")
			h.must(err)
			return list[0].Pause != nil
		})
		h.must(h.door.WatchTrouble(h.Context(), intake.TroubleArgs{}, nil))
		h.clock.advance(16 * time.Minute)
		for range 3 {
			h.must(h.door.WatchTrouble(h.Context(), intake.TroubleArgs{}, nil))
		}
		var got []string
		h.eventually("both are told", func() bool {
			got = nil
			for _, m := range h.peers.received() {
				if m.Channel == message.SMTP {
					got = append(got, m.Address+" "+m.Subject)
				}
			}
			slices.Sort(got)
			return len(got) >= 2
		})
		want := []string{"ana@example.com Servidor de notificações com problemas: Apple", "bob@example.com Notification server in trouble: Apple"}
		if !slices.Equal(got, want) {
			h.Errorf("told: %q", got)
		}
	})
}

// TestTypedAddressOfAPerson: whose own address is typed beside everybody's gets a shared text once.
func TestTypedAddressOfAPerson(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "Mail")
		h.people(2)
		shared := mail("Hello", "Text")
		shared.SMTP.Recipient = "${user.mail}; U001@example.com; desk@example.com"
		n := h.done(h.send(shared, fleet.Audience{All: true, Addresses: &fleet.Addresses{Mail: []string{"u000@example.com", "guest@example.com"}}}))
		var got []string
		for _, d := range h.deliveries(n) {
			got = append(got, d.Address)
		}
		slices.Sort(got)
		if want := []string{"desk@example.com", "guest@example.com", "u000@example.com", "u001@example.com"}; !slices.Equal(got, want) {
			h.Errorf("sent to %q, want %q", got, want)
		}
	})
}
