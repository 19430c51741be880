package template

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/language"

	"heliograph/channel/gsm"
	"heliograph/macro"
)

var update = flag.Bool("update", false, "print the predefined texts into docs/templates.md")

// typical are values as long as they usually are.
var typical = map[macro.Slot]string{
	"user.givenname": "Maria João", "user.loginname": "maria.joao@contoso.example",
	"device.name": "iPhone de Maria João", "device.SYSTEM_OEM": "iPhone SE (3rd generation)", "device.serialNumber": "C39ZK0ABCDEF",
	"device.SYSTEM_PLATFORM": "iOS", "device.SYSTEM_OS_VERSION": "17.6.1", "device.CURRENT_CARRIER_NETWORK": "Orange",
	"organization.name": "Contoso", "organization.helpdesk": "the service desk, extension 4711", "organization.phone": "+351 210 000 000", "organization.mail": "help@contoso.example",
}

func value(s macro.Slot) (string, bool) {
	if text, ok := typical[s]; ok {
		return text, true
	}
	return Sample(s)
}

// own is what is said in a language, the first one's too.
func own(b Body, tag string) Variant {
	if tag == b.Language {
		return Variant{Push: b.Push.Message, Subject: b.SMTP.Subject, Mail: b.SMTP.Message, SMS: b.SMS.Message}
	}
	return b.Variants[tag]
}

func rendered(t *testing.T, text, tag string, values func(macro.Slot) (string, bool)) string {
	t.Helper()
	parsed, err := macro.Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for _, w := range parsed.Warnings() {
		t.Errorf("%q: %s", text, w.Detail)
	}
	shown, _ := parsed.Render(macro.Env{Values: values, Language: language.Make(tag)})
	return shown
}

// TestPredefinedTexts: every type has its texts in every language; subjects fit on a phone's screen and text messages
// into two parts, with usual values and with none at all; and no two texts are alike.
func TestPredefinedTexts(t *testing.T) {
	seen := map[string]string{}
	none := func(macro.Slot) (string, bool) { return "", false }
	for _, kind := range Types() {
		body, ok := kind.Default()
		if !kind.Predefined() {
			if ok {
				t.Errorf("%s: what is said on no occasion cannot be predefined", kind.Key)
			}
			continue
		}
		if got := append([]string{body.Language}, body.Languages()...); !slices.Equal(got, Languages) {
			t.Errorf("%s: in %v", kind.Key, got)
		}
		for _, tag := range Languages {
			v, name := own(body, tag), string(kind.Key)+" in "+tag
			for _, values := range []func(macro.Slot) (string, bool){value, none} {
				if subject := rendered(t, v.Subject, tag, values); utf8.RuneCountInString(subject) > 70 {
					t.Errorf("%s: the subject has %d characters: %s", name, utf8.RuneCountInString(subject), subject)
				}
				sms := rendered(t, v.SMS, tag, values)
				if size := gsm.Measure(sms); size.Parts > 2 {
					t.Errorf("%s: the text message has %d parts (%s, %d units): %s", name, size.Parts, size.Alphabet, size.Units, sms)
				}
			}
			for place, text := range map[string]string{"subject": v.Subject, "mail": v.Mail, "push": v.Push, "sms": v.SMS} {
				if before, twice := seen[text]; twice && text != "" {
					t.Errorf("%s of %s says what %s says", place, name, before)
				}
				seen[text] = place + " of " + name
			}
		}
	}
}

// TestPredefinedAreSound: a predefined template breaks no rule, and asks for nothing that its type does not know.
func TestPredefinedAreSound(t *testing.T) {
	ready := map[Channel]bool{Push: true, SMTP: true, SMS: true}
	occasions := []string{"enrollment", "action", "outofcompliance", "credential", "server"}
	for _, kind := range Types() {
		body, ok := kind.Default()
		if !ok {
			continue
		}
		stored := Template{ID: string(kind.Key), Name: kind.Name, Type: kind.Key, Predefined: true, Body: body}
		wrong, doubtful := stored.Check(Situation{Before: &stored, Ready: ready})
		if len(wrong)+len(doubtful) > 0 {
			t.Errorf("%s: %v %v", kind.Key, wrong, doubtful)
		}
		for _, text := range body.Texts() {
			parsed, _ := macro.Parse(text.Text)
			for _, s := range parsed.Slots() {
				mayAsk := slices.Contains(kind.Facts, string(s)) || s.Namespace() == "action" && slices.Contains(kind.Facts, "device.*")
				if slices.Contains(occasions, s.Namespace()) && !mayAsk {
					t.Errorf("%s%s asks for %s, which its occasion does not know", kind.Key, text.Pointer, s)
				}
			}
		}
	}
}

const pageFile = "../docs/templates.md"

// TestTemplatesPage: docs/templates.md shows the types and texts that there are.
func TestTemplatesPage(t *testing.T) {
	want := page(t)
	if *update {
		if err := os.WriteFile(pageFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if raw, err := os.ReadFile(pageFile); err != nil || string(raw) != want {
		t.Errorf("%s does not show what there is: run go test ./template -update (%v)", pageFile, err)
	}
}

const pageHead = `# Predefined templates

Every type of template but Ad Hoc has one that came with Heliograph, in English, French and Portuguese. They can be edited
and switched off, never deleted; Restore default brings their texts back. The texts are shown as they come out for Maria
João with her iPhone; what depends on the occasion is made up. Text messages cost money, so of these templates those are
switched on for SMS whose type has no push.

This page is printed from the code by ` + "`go test ./template -update`" + `.

## Types

| type | key | channels | manual sending | recipient | macros of the occasion |
|---|---|---|---|---|---|
`

// page is all types and texts, to be read side by side.
func page(t *testing.T) string {
	var b strings.Builder
	b.WriteString(pageHead)
	for _, kind := range Types() {
		body, _ := kind.Default()
		manual := map[Refusal]string{"": "yes", RefusedByType: "no", RefusedByMacro: "no, by its macros"}[(Template{Type: kind.Key, Body: body}).ManualSending()]
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", kind.Name, kind.Key, joined(kind.Channels), manual, recipientsOf(kind), code(kind.Facts))
	}
	for _, kind := range Types() {
		body, ok := kind.Default()
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n", kind.Name)
		for _, tag := range Languages {
			v := own(body, tag)
			sms := rendered(t, v.SMS, tag, value)
			size := gsm.Measure(sms)
			fmt.Fprintf(&b, "\n### %s: %s\n\n%s\n", tag, rendered(t, v.Subject, tag, value), quoted(rendered(t, v.Mail, tag, value)))
			if v.Push != "" {
				fmt.Fprintf(&b, "\nPush: %s\n", rendered(t, v.Push, tag, value))
			}
			fmt.Fprintf(&b, "\nSMS (%d, %s, %d units): %s\n", size.Parts, size.Alphabet, size.Units, sms)
		}
	}
	return b.String()
}

func joined(channels []Channel) string {
	words := make([]string, len(channels))
	for i, c := range channels {
		words[i] = map[Channel]string{Push: "Push", SMTP: "SMTP", SMS: "SMS"}[c]
	}
	return strings.Join(words, " ")
}

func recipientsOf(kind Type) string {
	mail, sms := kind.Recipient(SMTP), kind.Recipient(SMS)
	switch {
	case mail == "":
		return "typed, or picked on Devices"
	case mail == sms:
		return "`" + mail + "`"
	}
	return "`" + mail + "`; SMS: `" + sms + "`"
}

func code(words []string) string {
	if len(words) == 0 {
		return "–"
	}
	return "`" + strings.Join(words, "`, `") + "`"
}

func quoted(text string) string { return "> " + strings.ReplaceAll(text, "\n", "\n> ") }

func TestParseTexts(t *testing.T) {
	v, err := parseTexts("\n[subject]\nHello\n\n[mail]\nOne\n\n two \n\n[push]\nP\n[sms]\nS\n")
	if want := (Variant{Push: "P", Subject: "Hello", Mail: "One\n\n two", SMS: "S"}); err != nil || v != want {
		t.Errorf("%+v, %v", v, err)
	}
	for text, want := range map[string]string{
		"Hello\n[mail]\n":                "line 1: stands before the first section",
		"[mail]\nA\n[sms]\nB\n[mail]\nC": "line 5: the section is there twice",
	} {
		if _, err := parseTexts(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}
