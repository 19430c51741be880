package mailbox

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

// TestDocuments: every form is well-formed, and holds what was decided, whatever characters are in it.
func TestDocuments(t *testing.T) {
	s := DefaultSettings()
	s.Region, s.EWSHost = `R&D <"north">`, "ews.example.com"
	place := Place{Registration: "https://register.example.com", Region: s.Region}
	documents := Documents(Configuration(s, place, ""), map[Platform]string{IOS: "org.example.mail", Android: "org.example.mail.android"})
	for _, d := range documents {
		name := d.Platform.String() + " " + d.Format
		for _, want := range []string{AppKeyPlaceholder, "https://register.example.com", "push_status_frequency_minutes", "ews.example.com"} {
			if !strings.Contains(d.Text, want) {
				t.Errorf("%s lacks %s:\n%s", name, want, d.Text)
			}
		}
		if d.MediaType == "application/json" {
			var v map[string]any
			if err := json.Unmarshal([]byte(d.Text), &v); err != nil {
				t.Errorf("%s is no JSON: %v", name, err)
			}
			continue
		}
		if texts := xmlTexts(t, name, d.Text); !strings.Contains(texts, s.Region) {
			t.Errorf("%s lacks the region:\n%s", name, d.Text)
		}
	}
}

// xmlTexts is every text and attribute of a document.
func xmlTexts(t *testing.T, name, text string) (all string) {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s is no XML: %v\n%s", name, err, text)
		}
		switch token := token.(type) {
		case xml.CharData:
			all += string(token) + "\n"
		case xml.StartElement:
			for _, a := range token.Attr {
				all += a.Value + "\n"
			}
		}
	}
}

// TestExchangeProxy: the bypass list holds the listener and no other host.
func TestExchangeProxy(t *testing.T) {
	text := ExchangeProxy("https://listener.emea.example.com")
	address := ""
	d := xml.NewDecoder(strings.NewReader(text))
	for token, err := d.Token(); err == nil; token, err = d.Token() {
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "add" {
			address = start.Attr[0].Value
		}
	}
	pattern, err := regexp.Compile(address)
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"https://listener.emea.example.com/ews/x":      true,
		"https://listener.emea.example.com:443/ews/x":  true,
		"https://listener.emea.example.com":            true,
		"https://listenerxemea.example.com/ews/x":      false,
		"https://listener.emea.example.com.evil.org/x": false,
	} {
		if pattern.MatchString(origin) != want {
			t.Errorf("%s is let past the proxy: %v", origin, !want)
		}
	}
}
