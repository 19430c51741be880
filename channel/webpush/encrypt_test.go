package webpush

import (
	"crypto/ecdh"
	"strings"
	"testing"

	"heliograph/fleet"
)

// TestExample is the example of RFC 8291, section 5 and appendix A, to the byte.
func TestExample(t *testing.T) {
	theirs, err := ecdh.P256().NewPublicKey(unb64(t, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := ecdh.P256().NewPrivateKey(unb64(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
	if err != nil {
		t.Fatal(err)
	}
	to := fleet.Subscription{Key: theirs, Auth: unb64(t, "BTBZMqHH6r4Tts7J_aSIgg")}
	body, err := seal([]byte("When I grow up, I want to be a watermelon"), to, ours, unb64(t, "DGv6ra1nlYgDCS1FRnbzlw"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A" +
		"_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if got := b64(body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestNoBodyTwice: each message has a key and a salt of its own, and the largest one fills a record.
func TestNoBodyTwice(t *testing.T) {
	reader := newApp(t)
	to, err := fleet.ParseSubscription(reader.token("https://push.example.net"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", maxPayload)
	seen := map[string]bool{}
	for range 3 {
		body, err := encrypt([]byte(text), to)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := reader.read(body); err != nil || string(got) != text || len(body) != recordSize {
			t.Fatalf("%d bytes read as %d: %v", len(body), len(got), err)
		}
		if seen[string(body[:16])] || seen[string(body[21:86])] {
			t.Error("a salt or a key was used before")
		}
		seen[string(body[:16])], seen[string(body[21:86])] = true, true
		if _, err := newApp(t).read(body); err == nil {
			t.Error("another app can read it")
		}
	}
}
