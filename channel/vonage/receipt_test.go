package vonage

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
	"heliograph/channel/channeltest"
	"heliograph/message"
)

// delivered is a receipt as the service documents it.
func delivered(pairs ...string) map[string]string {
	p := map[string]string{
		"msisdn": "93701234567", "to": "Acme", "network-code": "41201", "messageId": "0A0000000123ABCD1", "price": "0.03",
		"status": "delivered", "scts": "2601311200", "err-code": "0", "api-key": "abcd1234", "client-ref": "4711",
		"message-timestamp": "2026-01-31 12:00:00",
	}
	for i := 0; i < len(pairs); i += 2 {
		p[pairs[i]] = pairs[i+1]
		if pairs[i+1] == "" {
			delete(p, pairs[i])
		}
	}
	return p
}

func form(p map[string]string) string {
	values := url.Values{}
	for name, value := range p {
		values.Set(name, value)
	}
	return values.Encode()
}

func byGET(p map[string]string) channel.Incoming {
	return channel.Incoming{Method: http.MethodGet, Query: form(p)}
}

func byForm(p map[string]string) channel.Incoming {
	return channel.Incoming{Method: http.MethodPost, ContentType: "application/x-www-form-urlencoded; charset=utf-8", Body: []byte(form(p))}
}

func byJSON(p map[string]string) channel.Incoming {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return channel.Incoming{Method: http.MethodPost, ContentType: "application/json", Body: body}
}

var ways = map[string]func(map[string]string) channel.Incoming{"get": byGET, "form": byForm, "json": byJSON}

func TestReceipts(t *testing.T) {
	cases := []struct {
		status, code string
		state        message.State
		reason       message.Reason
	}{
		{"delivered", "0", message.Delivered, ""},
		{"Delivered", "0", message.Delivered, ""},
		{"accepted", "0", 0, ""},
		{"buffered", "0", 0, ""},
		{"unknown", "1", 0, ""},
		{"something new", "0", 0, ""},
		{"expired", "0", message.Failed, message.Expired},
		{"expired", "4", message.Failed, message.Expired},
		{"rejected", "", message.Failed, message.RefusedPolicy},
		{"failed", "77", message.Failed, message.RefusedPolicy},
		{"failed", "1", message.Failed, message.RefusedPolicy},
		{"failed", "2", message.Failed, message.RefusedPolicy},
		{"failed", "3", message.Failed, message.NumberBarred},
		{"failed", "4", message.Failed, message.NumberBarred},
		{"rejected", "6", message.Failed, message.RefusedPolicy},
		{"failed", "9", message.Failed, message.NumberInvalid},
		{"failed", "11", message.Failed, message.NumberInvalid},
		{"rejected", "14", message.Failed, message.RefusedPolicy},
		{"failed", "99", message.Failed, message.RefusedPolicy},
	}
	s := settings(nil)
	s.SignatureMethod = Unsigned
	for _, c := range cases {
		for way, in := range ways {
			t.Run(c.status+" "+c.code+" by "+way, func(t *testing.T) {
				got, err := s.ReadReceipt(in(delivered("status", c.status, "err-code", c.code)))
				if err != nil {
					t.Fatal(err)
				}
				if (got.Detail != "") != (c.reason != "") || got.Detail != "" && !strings.HasSuffix(got.Detail, ".") {
					t.Errorf("detail %q", got.Detail)
				}
				got.Detail = ""
				want := channel.Receipt{
					Delivery: 4711, ProviderID: "0A0000000123ABCD1", State: c.state, Reason: c.reason,
					Answer: strings.TrimSpace(strings.ToLower(c.status) + " " + c.code), At: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
	for _, reference := range []string{"", "-1", "somebody else's"} {
		got, err := s.ReadReceipt(byGET(delivered("client-ref", reference, "message-timestamp", "yesterday")))
		if err != nil || got.Delivery != 0 || got.ProviderID == "" || !got.At.IsZero() {
			t.Errorf("reference %q: %+v, %v", reference, got, err)
		}
	}
	numbers := channel.Incoming{Method: http.MethodPost, ContentType: "application/json",
		Body: []byte(`{"messageId":"1","status":"failed","err-code":4,"client-ref":4711,"price":null,"x":true}`)}
	if got, err := s.ReadReceipt(numbers); err != nil || got.Delivery != 4711 || got.Reason != message.NumberBarred {
		t.Errorf("numbers: %+v, %v", got, err)
	}
}

func TestReceiptsAreSigned(t *testing.T) {
	for name := range methods {
		for way, in := range ways {
			t.Run(name+" by "+way, func(t *testing.T) {
				s := settings(nil)
				s.SignatureMethod = name
				p := delivered("timestamp", "1769860800", "nonce", "aaaaaaaa-bbbb", "x", "a&b=c")
				p["sig"] = methods[name](p, signatureSecret)
				if got, err := s.ReadReceipt(in(p)); err != nil || got.State != message.Delivered {
					t.Errorf("%+v, %v", got, err)
				}
				p["sig"] = strings.ToUpper(p["sig"])
				if _, err := s.ReadReceipt(in(p)); err != nil {
					t.Errorf("in capitals: %v", err)
				}
				for what, change := range map[string]func(map[string]string){
					"changed":        func(p map[string]string) { p["status"] = "failed" },
					"added to":       func(p map[string]string) { p["y"] = "1" },
					"taken from":     func(p map[string]string) { delete(p, "nonce") },
					"unsigned":       func(p map[string]string) { delete(p, "sig") },
					"signed empty":   func(p map[string]string) { p["sig"] = "" },
					"signed by none": func(p map[string]string) { p["sig"] = methods[name](p, "") },
				} {
					spoilt := map[string]string{}
					for name, value := range p {
						spoilt[name] = value
					}
					change(spoilt)
					_, err := s.ReadReceipt(in(spoilt))
					if !errors.Is(err, channel.ErrSignature) {
						t.Errorf("%s: %v", what, err)
					}
				}
			})
		}
	}
}

func TestWhatIsNoReceipt(t *testing.T) {
	s := settings(nil)
	s.SignatureSecret = ""
	object := func(body string) channel.Incoming {
		return channel.Incoming{Method: http.MethodPost, ContentType: "application/json", Body: []byte(body)}
	}
	for name, in := range map[string]channel.Incoming{
		"nothing":             {Method: http.MethodGet},
		"no status":           byGET(delivered("status", "")),
		"another method":      {Method: http.MethodPut, Query: form(delivered())},
		"no type":             {Method: http.MethodPost, Body: []byte(form(delivered()))},
		"another type":        {Method: http.MethodPost, ContentType: "text/xml", Body: []byte("<x/>")},
		"a post with a query": {Method: http.MethodPost, ContentType: "application/x-www-form-urlencoded", Query: form(delivered())},
		"a broken form":       {Method: http.MethodGet, Query: "status=%zz"},
		"twice":               {Method: http.MethodGet, Query: "status=failed&status=delivered"},
		"broken JSON":         object(`{"status":`),
		"two objects":         object(`{"status":"delivered"}{}`),
		"a list":              object(`[]`),
		"null":                object(`null`),
		"nested":              object(`{"status":{"x":"delivered"}}`),
		"too long":            object(`{"status":"` + strings.Repeat("x", maxReceipt) + `"}`),
		"too long a query":    {Method: http.MethodGet, Query: "status=delivered&x=" + strings.Repeat("x", maxReceipt)},
	} {
		if got, err := s.ReadReceipt(in); !errors.Is(err, channel.ErrReceipt) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzReceipt(f *testing.F) {
	for _, in := range ways {
		r := in(delivered())
		f.Add(r.Method, r.Query, r.ContentType, r.Body)
	}
	f.Add("POST", "", "application/json", []byte(`{"status":1e400,"err-code":[]}`))
	f.Fuzz(func(t *testing.T, method, query, kind string, body []byte) {
		in := channel.Incoming{Method: method, Query: query, ContentType: kind, Body: bytes.Clone(body)}
		s := settings(nil)
		if got, err := s.ReadReceipt(in); err == nil || got != (channel.Receipt{}) {
			t.Fatalf("without a signature: %+v, %v", got, err)
		}
		s.SignatureMethod = Unsigned
		got, err := s.ReadReceipt(in)
		if err != nil {
			if got != (channel.Receipt{}) || !errors.Is(err, channel.ErrReceipt) {
				t.Fatalf("%+v, %v", got, err)
			}
			return
		}
		if got.State != 0 && got.State != message.Delivered && got.State != message.Failed || (got.State == message.Failed) != (got.Reason != "") || got.Delivery < 0 {
			t.Fatalf("%+v", got)
		}
		channeltest.NoSecrets(t, []string{signatureSecret}, got)
	})
}
