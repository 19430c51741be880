package console

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/channel"
	"heliograph/channel/all"
	"heliograph/console/text"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/oidc"
)

// families are the keys that are put together while the console runs: what stands before, and the words behind it.
func families() map[string][]string {
	list := map[string][]string{
		"channel":  spelled(message.Channels),
		"state":    spelled(message.States),
		"progress": spelled([]message.Progress{message.Scheduled, message.Expanding, message.InDelivery, message.Done, message.CancelledByRequest}),
		"reason":   spelled(message.Reasons),
		"password": spelled(access.PasswordProblems),

		"ownership": spelled(fleet.Ownerships),
		"platform":  spelled(fleet.Platforms),
		"op":        spelled(fleet.Ops),
		"outcome":   spelled(message.States),
		"why":       spelled(message.Reasons),
		"token":     {"live", "dead", "suspended"},
		"provider":  {"apns", "fcm", "webpush"},

		"profile.method":        spelled(access.SignInMethods),
		"openid.failed":         append(spelled(oidc.Kinds), openIDNoRole, openIDNoAccount, openIDNameTaken),
		"openid.field":          {"active", "name", "issuer", "client_id", "secret", "scopes", "name_claim", "group_claim", "rules", "trusted_ca", "create"},
		"openid.help":           {"name", "issuer", "client_id", "secret", "scopes", "name_claim", "group_claim", "rules", "trusted_ca", "create"},
		"openid.problem":        access.ProviderProblems,
		"openid.step":           oidc.Steps,
		"signinsettings.second": spelled(access.SecondFactorRules), "signinsettings.second.help": spelled(access.SecondFactorRules),
		"signinsettings.local": spelled(access.LocalSignIns), "signinsettings.local.help": spelled(access.LocalSignIns),

		"environment": {"production", "sandbox"},
		"place":       {"channels", "push", "push_message", "push_sound", "smtp", "smtp_message", "smtp_recipient", "smtp_sender", "smtp_subject"},

		"test.lead": spelled(message.Channels), "test.to": spelled(message.Channels), "test.to.missing": spelled(message.Channels),
		"test.step": {"settings", "number", "token", "resolve", "connect", "greeting", "ehlo", "starttls", "tls", "auth", "authenticate", "mail", "rcpt", "data", "send"},

		"dashboard.contact": {"8h", "24h", "7d", "30d", "more", "never"},
		"setup":             {"title", "lead", "servers.title", "servers.lead", "push.title", "push.lead", "devices.title", "devices.lead", "message.title", "message.lead"},
		"settings.section":  {"notifications", "system"},
		"settings":          {"signin", "signin.lead", "servers", "servers.lead", "push", "push.lead", "carriers", "carriers.lead", "network", "network.lead", "api", "api.lead", "about", "about.lead"},
		"server":            {"name", "description"},

		"carrier.use": spelled(carrier.Uses), "carrier.use.help": spelled(carrier.Uses), "carrier.tile": spelled(carrier.Uses),
		"carrier.state":   spelled(carrier.States),
		"carrier.warning": {string(carrier.Doubtful), string(carrier.Ending), string(carrier.Closed)},
		"carrier.field":   append(carrierFields, "doubtful"),
		"carrier.short":   {"domain", "country", "prefix"},
		"carrier.help":    {"carrier", "domain", "country", "prefix", "ends_on"},

		"network.purpose": spelled(channel.Purposes), "network.trouble": spelled(intake.LookupTroubles),
		"network.from": spelled([]channel.Purpose{channel.ForReceipts, channel.ForConsole, channel.ForProxy, channel.ForMetrics, channel.ForCertificates, channel.ForRegistration, channel.ForMailbox}),

		"error": {"400.title", "400.lead", "500.title", "500.lead"},
	}
	for _, more := range []map[string][]string{manageFamilies(), peopleFamilies(), templateFamilies(), mailFamilies()} {
		maps.Copy(list, more)
	}
	for _, f := range serverFamilies {
		list[f.name] = []string{"title", "lead", "empty.title", "empty.lead", "delete.active"}
	}
	for _, key := range errorKeys {
		list["error"] = append(list["error"], strings.TrimPrefix(key, "error.")+".title", strings.TrimPrefix(key, "error.")+".lead")
	}
	for _, p := range all.Providers {
		for _, field := range p.Fields {
			list["server."+p.Kind] = append(list["server."+p.Kind], field.Name)
			for _, word := range field.Choices {
				list["server."+p.Kind] = append(list["server."+p.Kind], field.Name+"."+word)
			}
		}
	}
	return list
}

// optional are endings of keys that are looked up, and may be absent.
func optional() (keys []string) {
	for _, p := range all.Providers {
		keys = append(keys, "server."+p.Kind+".about", "server."+p.Kind+".kind")
		for _, field := range p.Fields {
			keys = append(keys, "server."+p.Kind+"."+field.Name+".help", "server."+p.Kind+"."+field.Name+".example")
			if field.Risky != "" {
				keys = append(keys, "server."+p.Kind+"."+field.Name+".risk")
			}
		}
	}
	return keys
}

func spelled[T any](list []T) (out []string) {
	for _, one := range list {
		out = append(out, fmt.Sprint(one))
	}
	return out
}

// sources is the text of all templates and Go files that are not generated and not tests.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"*.templ", "*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_templ.go") || strings.HasSuffix(file, "_test.go") {
				continue
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(content)
		}
	}
	return all.String()
}

var (
	plain = regexp.MustCompile(`\bt\([^"\n]*?, "([^"]+)"[,)]`)
	forms = regexp.MustCompile(`\btn\([^"\n]*?, "([^"]+)"`)
	begun = regexp.MustCompile(`\bt\([^"\n]*?, "([^"]+\.)" ?\+`) // the rest is a word of the page: its own test shows it
	ofOne = regexp.MustCompile(`\btf\((?:ctx|r\.Context\(\)), "([^"]+)"`)
	ofAny = regexp.MustCompile(`\bword\(ctx, [^"\n]*?, ("[^)\n]+")\)`) // the first family that has the word
)

func TestEveryKeyExistsAndIsUsed(t *testing.T) {
	source, known := sources(t), families()
	need := func(key, by string) {
		if !text.English.Has(key) {
			t.Errorf("%s asks for %s, which the catalogue does not have", by, key)
		}
	}
	used := map[string]bool{}
	for _, found := range plain.FindAllStringSubmatch(source, -1) {
		need(found[1], "t")
	}
	for _, found := range forms.FindAllStringSubmatch(source, -1) {
		for _, form := range []string{".one", ".other"} {
			need(found[1]+form, "tn")
			used[found[1]+form] = true
		}
	}
	for _, found := range ofOne.FindAllStringSubmatch(source, -1) {
		if known[found[1]] == nil {
			t.Errorf("tf asks for the family %s, which families does not list", found[1])
		}
	}
	for _, found := range ofAny.FindAllStringSubmatch(source, -1) {
		for _, family := range strings.Split(strings.Trim(found[1], `"`), `", "`) {
			if known[family] == nil {
				t.Errorf("word asks for the family %s, which families does not list", family)
			}
		}
	}
	for family, list := range known {
		for _, word := range list {
			need(family+"."+word, "the family")
			used[family+"."+word] = true
		}
	}
	for _, key := range optional() {
		used[key] = true
	}
	for _, found := range begun.FindAllStringSubmatch(source, -1) {
		for _, key := range text.English.Keys() {
			used[key] = used[key] || strings.HasPrefix(key, found[1])
		}
	}
	for _, key := range text.English.Keys() {
		base := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
		if !used[key] && !strings.Contains(source, `"`+key+`"`) && !strings.Contains(source, `"`+base+`"`) {
			t.Errorf("nobody uses %s", key)
		}
	}
}

func TestCatalogue(t *testing.T) {
	for got, want := range map[string]string{
		text.English.N("time.days", 1):               "1 day",
		text.English.N("time.days", 0):               "0 days",
		text.English.N("time.days", 1234567):         "1,234,567 days",
		text.English.T("no.such.key"):                "no.such.key",
		text.English.T("server.created", "50 % <b>"): "“50 % <b>” was added.",
		text.English.Percent(0, 0):                   "0%",
		text.English.Percent(999_999, 1_000_000):     "99.9%",
		text.English.Percent(1, 1_000_000):           "<0.1%",
		text.English.Percent(1, 3):                   "33%",
		text.English.Percent(1, 30):                  "3.3%",
		text.English.Percent(999, 10_000):            "10%",
		text.English.Percent(2, 100):                 "2%",
		text.English.Percent(5, 5):                   "100%",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
