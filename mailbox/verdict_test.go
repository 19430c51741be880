package mailbox

import (
	"testing"
	"time"

	"heliograph/message"
)

// TestJudge: a provider ends a registration by saying that its app was removed, and by nothing that one wrong setting can
// make it say of a whole fleet.
func TestJudge(t *testing.T) {
	final := func(why message.Reason, answer string) message.Failure {
		return message.Failure{Scope: message.RecipientFinal, Reason: why, Answer: answer}
	}
	tests := []struct {
		name    string
		failure message.Failure
		want    Verdict
	}{
		{"APNs: the app was removed", final(message.TokenDead, "410 Unregistered"), Died},
		{"APNs: the token ended", final(message.TokenDead, "410 ExpiredToken"), Died},
		{"FCM: the app was removed", final(message.TokenDead, "404 UNREGISTERED"), Died},
		{"Web Push: the subscription ended", final(message.TokenDead, "410"), Died},
		{"Web Push: there is no such subscription", final(message.TokenDead, "404"), Died},

		{"APNs: dead before the token arrived", message.Failure{Scope: message.RecipientForNow, Reason: message.TokenDead, Answer: "410 Unregistered", KeepToken: true}, Later},
		{"APNs: the other environment", final(message.TokenMismatch, "400 BadDeviceToken"), Rejected},
		{"APNs: another app", final(message.TokenMismatch, "400 DeviceTokenNotForTopic"), Rejected},
		{"FCM: another project", final(message.TokenMismatch, "403 SENDER_ID_MISMATCH"), Rejected},
		{"FCM: not a token", final(message.TokenDead, "400 INVALID_ARGUMENT"), Rejected},
		{"Web Push: an address that is never called", final(message.RefusedPolicy, ""), Rejected},
		{"the form of the wake", message.Failure{Scope: message.WholeMessage, Reason: message.BadMessage, Answer: "400"}, Rejected},

		{"the credential", message.Failure{Scope: message.WholeServer, Reason: message.Credentials, Answer: "403 InvalidProviderToken"}, Later},
		{"too many", message.Failure{Scope: message.RecipientForNow, Reason: message.Throttled, Answer: "429 TooManyRequests"}, Later},
		{"a fault of its own", message.Failure{Scope: message.Trouble, Reason: message.ServerError, Answer: "500"}, Later},
		{"the answer was lost", message.Failure{Scope: message.LostAnswer, Reason: message.LostAnswerReason}, Later},
		{"one push service is in trouble", message.Failure{Scope: message.RecipientForNow, Reason: message.ServerError, Uncounted: true}, Later},
	}
	for _, test := range tests {
		if got := Judge(message.Fail(test.failure)); got != test.want {
			t.Errorf("%s: verdict %d, want %d", test.name, got, test.want)
		}
	}
	if got := Judge(message.Accept("id")); got != Accepted {
		t.Errorf("accepted: verdict %d", got)
	}
	if got := Judge(message.Outcome{}); got != Later {
		t.Errorf("not handed over: verdict %d", got)
	}
}

func TestTooMany(t *testing.T) {
	for _, test := range []struct {
		deaths, registrations int64
		want                  bool
	}{
		{19, 19, false}, {20, 20, true}, {20, 399, true}, {20, 400, false}, {21, 400, true},
		{50_000, 1_000_000, false}, {50_001, 1_000_000, true}, {0, 0, false},
	} {
		if got := tooMany(test.deaths, test.registrations); got != test.want {
			t.Errorf("%d deaths of %d: %v", test.deaths, test.registrations, got)
		}
	}
}

// TestCountedInTime: an app is counted seldom, and never so late that too many are missed by more than half of what was
// still to go.
func TestCountedInTime(t *testing.T) {
	const registrations = 1_000_000
	var s sizes
	counts, braked := 0, int64(0)
	for deaths := int64(1); deaths <= registrations && braked == 0; deaths++ {
		if !s.worthCounting("app", deaths) {
			continue
		}
		counts++
		s.counted("app", deaths, registrations)
		if tooMany(deaths, registrations) {
			braked = deaths
		}
	}
	if braked != registrations/brakePart+1 || counts > 25 {
		t.Errorf("braked at %d deaths after %d counts", braked, counts)
	}
	s = sizes{}
	if s.worthCounting("other", brakeLeast-1) || !s.worthCounting("other", brakeLeast) {
		t.Error("the first count comes at another time than with the twentieth death")
	}
}

func TestSupportCodes(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		code := NewSupportCode()
		parsed, ok := ParseSupportCode(ShowSupportCode(code))
		if !ok || parsed != code || seen[code] {
			t.Fatalf("%q is read back as %q, %v; seen before: %v", code, parsed, ok, seen[code])
		}
		seen[code] = true
	}
	for typed, want := range map[string]bool{
		"7KD4-PX2M": true, " 7kd4 px2m ": true, "7KD4PX2M": true, "7KD4–PX2M": true,
		"7KD4-PX2": false, "7KD4-PX2MM": false, "7KD4-PXOM": false, "": false, "----": false,
	} {
		if _, ok := ParseSupportCode(typed); ok != want {
			t.Errorf("%q is a support code: %v", typed, ok)
		}
	}
}

func TestCapabilities(t *testing.T) {
	c := NewCapability()
	if read, ok := ParseCapability(c.String()); !ok || read != c {
		t.Errorf("%s is read as %s, %v", c, read, ok)
	}
	if c.Path(Inbox) != "/ews/"+c.String() || c.Path(Calendar) != "/ews/"+c.String()+"/calendar" || c.Path(OtherFolder) != "/ews/"+c.String()+"/other" {
		t.Error("a path is wrong")
	}
	for _, text := range []string{"", "AAAA", c.String() + "A", c.String()[:21], c.String()[:21] + "=", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAA+A"} {
		if _, ok := ParseCapability(text); ok {
			t.Errorf("%q is read as a capability", text)
		}
	}
	if id, ok := ParseRegistrationID("AAAAAAAAAAAAAAAAAAAAAA"); !ok || id != (RegistrationID{}) || id.String() != "AAAAAAAAAAAAAAAAAAAAAA" {
		t.Error("an id is not read back")
	}
}

func TestDeadline(t *testing.T) {
	heard := time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC)
	if got := (Subscription{Frequency: 30 * time.Minute}).Deadline(heard); !got.Equal(heard.Add(32 * time.Minute)) {
		t.Errorf("the deadline is %s", got)
	}
	if got := (Subscription{}).Deadline(heard); !got.IsZero() {
		t.Errorf("an unwatched one has the deadline %s", got)
	}
}
