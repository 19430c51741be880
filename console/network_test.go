package console

import (
	"context"
	"encoding/csv"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
	"heliograph/intake"
)

// fakeNetwork knows what it is told, and the addresses only when it is asked for them.
type fakeNetwork struct {
	list  []intake.Requirement
	asked int
}

func (f *fakeNetwork) Network(context.Context) (n intake.Network, _ error) {
	for _, r := range f.list {
		r.Addresses, r.Trouble = nil, ""
		n.List = append(n.List, r)
	}
	return n, nil
}

func (f *fakeNetwork) NetworkNow(context.Context) (intake.Network, error) {
	f.asked++
	return intake.Network{At: testTime, List: f.list}, nil
}

func furnishNetwork(f *fixture) {
	out := func(why channel.Purpose, host string, port int, protocol string, addresses ...string) intake.Requirement {
		r := intake.Requirement{Peer: channel.Peer{Purpose: why, Host: host, Port: port, Protocol: protocol}}
		for _, a := range addresses {
			r.Addresses = append(r.Addresses, netip.MustParseAddr(a))
		}
		return r
	}
	in := func(r intake.Requirement) intake.Requirement {
		r.Inbound = true
		return r
	}
	by := func(r intake.Requirement, needs ...intake.Need) intake.Requirement {
		r.Needed = needs
		return r
	}
	apns := by(out(channel.ForPush, "api.push.apple.com", 443, "HTTP/2, TLS", "17.188.143.34", "17.188.143.66", "17.188.168.130", "2620:149:208:430c::9"),
		intake.Need{Name: "Device app, App Store", Kind: "apns", Active: true})
	apns.Also = []int{2197}
	lost := by(out(channel.ForMail, "10.20.0.25", 25, "SMTP", "10.20.0.25"), intake.Need{Name: "Branch office", Kind: "smtp"})
	unknown := by(out(channel.ForToken, "oauth2.googleapis.com", 443, "HTTPS"), intake.Need{Name: "Device app, Android", Kind: "fcm", Active: true})
	unknown.Trouble = intake.NoSuchName
	f.network.list = []intake.Requirement{
		lost,
		by(out(channel.ForMail, "mail.example.com", 465, "SMTP, TLS", "192.0.2.10"), intake.Need{Name: "Head office", Kind: "smtp", Active: true}),
		by(out(channel.ForText, "rest.nexmo.com", 443, "HTTPS", "216.147.0.1", "216.147.0.2"), intake.Need{Name: "=Texts", Kind: "sms", Active: true}),
		apns,
		by(out(channel.ForPush, "fcm.googleapis.com", 443, "HTTP/2, TLS", "142.250.74.10", "2a00:1450:4007:80e::200a"), intake.Need{Name: "Device app, Android", Kind: "fcm", Active: true}),
		unknown,
		out(channel.ForDatabase, "db.example.com", 5432, "PostgreSQL", "10.20.0.30"),
		in(by(out(channel.ForReceipts, "notify.example.com", 443, "HTTPS", "203.0.113.9"), intake.Need{Name: "=Texts", Kind: "sms", Active: true})),
		in(out(channel.ForConsole, "notify.example.com", 443, "HTTPS", "203.0.113.9")),
		in(out(channel.ForProxy, "127.0.0.1", 8080, "HTTP", "127.0.0.1")),
	}
}

func rowsOf(table *element) (rows []string) {
	for _, row := range table.find("tbody tr") {
		rows = append(rows, row.words())
	}
	return rows
}

func TestNetworkRequirements(t *testing.T) {
	f := signedIn(t)
	furnishNetwork(f)
	page := f.get("/settings/network", http.StatusOK)
	if f.asked() != 0 {
		t.Error("the page waits for DNS")
	}
	list := page.one(t, "#network")
	if list.attr["hx-get"] != "/settings/network/now" || list.attr["hx-trigger"] != "load" {
		t.Errorf("the addresses do not follow: %v", list.attr)
	}
	page.one(t, "a[href=/settings/network?look=1]") // without script

	for _, path := range []string{"/settings/network/now", "/settings/network?look=1"} {
		list := f.get(path, http.StatusOK).one(t, "#network")
		if _, again := list.attr["hx-get"]; again {
			t.Errorf("%s fetches itself for ever", path)
		}
		tables := list.find("table")
		if diff := cmp.Diff([]string{
			"10.20.0.25 TCP 25 SMTP 10.20.0.25 E-mail Branch office · Not active",
			"mail.example.com TCP 465 SMTP, TLS 192.0.2.10 E-mail Head office",
			"rest.nexmo.com TCP 443 HTTPS 216.147.0.1 216.147.0.2 Text messages =Texts",
			"api.push.apple.com TCP 443 or 2197 HTTP/2, TLS 17.188.143.34 17.188.143.66 17.188.168.130 2620:149:208:430c::9 Push messages Device app, App Store",
			"fcm.googleapis.com TCP 443 HTTP/2, TLS 142.250.74.10 2a00:1450:4007:80e::200a Push messages Device app, Android",
			"oauth2.googleapis.com TCP 443 HTTPS There is no such name in DNS Access tokens Device app, Android",
			"db.example.com TCP 5432 PostgreSQL 10.20.0.30 Database",
		}, rowsOf(tables[0])); diff != "" {
			t.Errorf("%s: to others (-want +got):\n%s", path, diff)
		}
		if diff := cmp.Diff([]string{
			"The SMS service notify.example.com TCP 443 HTTPS 203.0.113.9 Delivery receipts =Texts",
			"Administrators and scripts notify.example.com TCP 443 HTTPS 203.0.113.9 Console and API",
			"Your reverse proxy 127.0.0.1 TCP 8080 HTTP 127.0.0.1 This machine only Console and API, behind the proxy",
		}, rowsOf(tables[1])); diff != "" {
			t.Errorf("%s: from others (-want +got):\n%s", path, diff)
		}
		if n := len(list.find("[data-copy=network-text]")); n != 1 {
			t.Errorf("%s: %d buttons copy the text", path, n)
		}
	}
}

func (f *fixture) asked() int { return f.network.asked }

func TestNetworkRequirementsOfNothing(t *testing.T) {
	f := signedIn(t)
	if n := len(f.get("/settings/network?look=1", http.StatusOK).find("table")); n != 0 {
		t.Errorf("%d tables of nothing", n)
	}
}

func TestNetworkRequirementsAsText(t *testing.T) {
	f := signedIn(t)
	furnishNetwork(f)
	f.network.list = append(f.network.list[:1:1], f.network.list[3], f.network.list[5], f.network.list[7])
	got := networkPage{intake.Network{At: testTime, List: f.network.list}}.text(t.Context())
	want := `Heliograph: network requirements of 21 Mar 2026, 14:05 UTC

From Heliograph to others

  10.20.0.25             TCP 25           SMTP         E-mail: Branch office (Not active)    10.20.0.25
  api.push.apple.com     TCP 443 or 2197  HTTP/2, TLS  Push messages: Device app, App Store  17.188.143.34, 17.188.143.66, 17.188.168.130, 2620:149:208:430c::9
  oauth2.googleapis.com  TCP 443          HTTPS        Access tokens: Device app, Android    There is no such name in DNS

From others to Heliograph

  The SMS service → notify.example.com  TCP 443  HTTPS  Delivery receipts: =Texts  203.0.113.9
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNetworkRequirementsAsCSV(t *testing.T) {
	f := signedIn(t)
	furnishNetwork(f)
	f.network.list = append(f.network.list[2:4:4], f.network.list[5], f.network.list[0], f.network.list[8])
	response, err := f.client.Get(f.url + "/settings/network.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get("Content-Disposition"); got != `attachment; filename="network-requirements.csv"` {
		t.Errorf("Content-Disposition: %s", got)
	}
	rows, err := csv.NewReader(response.Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range rows {
		got = append(got, strings.Join(row, "|"))
	}
	if diff := cmp.Diff([]string{
		"direction|from|to|addresses|port|other_ports|protocol|purpose|servers|in_use|trouble",
		"outbound|Heliograph|rest.nexmo.com|216.147.0.1;216.147.0.2|443||HTTPS|Text messages|'=Texts|true|",
		"outbound|Heliograph|api.push.apple.com|17.188.143.34;17.188.143.66;17.188.168.130;2620:149:208:430c::9|443|2197|HTTP/2, TLS|Push messages|Device app, App Store|true|",
		"outbound|Heliograph|oauth2.googleapis.com||443||HTTPS|Access tokens|Device app, Android|true|There is no such name in DNS",
		"outbound|Heliograph|10.20.0.25|10.20.0.25|25||SMTP|E-mail|Branch office|false|",
		"inbound|Administrators and scripts|notify.example.com|203.0.113.9|443||HTTPS|Console and API||true|",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNetworkRequirementsAreForThoseWhoSignedIn(t *testing.T) {
	f := newFixture(t)
	furnishNetwork(f)
	for _, path := range []string{"/settings/network", "/settings/network/now", "/settings/network.csv"} {
		if body := f.get(path, http.StatusOK).words(); strings.Contains(body, "mail.example.com") || !strings.Contains(body, "Sign in") {
			t.Errorf("%s shows to anybody: %s", path, body)
		}
	}
}
