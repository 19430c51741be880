package smtp

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

const ntlmHello = "S 220 x\nC EHLO\nS 250-x\nS 250 AUTH PLAIN NTLM\n"

// challenge is a CHALLENGE (MS-NLMP section 2.2.1.2) with or without target info, in base64.
func challenge(flags uint32, info []byte) string {
	b := []byte(challengeMark)
	b = append(b, 0, 0, 0, 0, 48, 0, 0, 0) // target name: empty
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = append(b, "12345678\x00\x00\x00\x00\x00\x00\x00\x00"...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(info)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(info)))
	b = append(b, 48, 0, 0, 0)
	return base64.StdEncoding.EncodeToString(append(b, info...))
}

const (
	unicodeNTLM = 0x201      // NEGOTIATE_UNICODE, NEGOTIATE_NTLM
	exchangeKey = 0x40000000 // NEGOTIATE_KEY_EXCH, which mail has no use for
)

// targetInfo names a domain, CORP.
var targetInfo = []byte("\x02\x00\x08\x00C\x00O\x00R\x00P\x00\x00\x00\x00\x00")

// TestNTLM: both forms of the dialogue, and what servers say in the wrong place.
func TestNTLM(t *testing.T) {
	spa := func(s *Settings) {
		s.Authentication, s.Username, s.Password, s.SPA = true, `CORP\it`, "s3cret-pass", true
	}
	const (
		negotiate    = "TlRMTVNTUAAB"
		authenticate = "C TlRMTVNTUAAD\n"
		sent         = mailTaken + "C RCPT TO:<a@x.test>\nS 250 ok\n" + dataTaken + "quit"
	)
	asked := "S 334 " + challenge(unicodeNTLM, targetInfo) + "\n"
	for _, tt := range []struct {
		name   string
		script string
		want   string
		detail string
	}{
		{"with AUTH", ntlmHello + "C AUTH NTLM " + negotiate + "\n" + asked + authenticate + "S 235 ok\n" + sent, "accepted 4cXyZ123", ""},
		{"without target info", ntlmHello + "C AUTH NTLM\nS 334 " + challenge(unicodeNTLM, nil) + "\n" + authenticate + "S 235 ok\n" + sent, "accepted 4cXyZ123", ""},
		{"after a first 334", ntlmHello + "C AUTH NTLM\nS 334 ntlm supported\nC " + negotiate + "\n" + asked + authenticate + "S 235 ok\n" + sent, "accepted 4cXyZ123", ""},
		{"after an empty 334", ntlmHello + "C AUTH NTLM\nS 334\nC " + negotiate + "\n" + asked + authenticate + "S 235 ok\n" + sent, "accepted 4cXyZ123", ""},
		{"AUTH must stand alone", ntlmHello + "C AUTH NTLM " + negotiate + "\nS 501 5.5.4 too many words\nC AUTH NTLM\nS 334 ntlm supported\nC " + negotiate + "\n" + asked + authenticate + "S 235 ok\n" + sent, "accepted 4cXyZ123", ""},
		{"535", ntlmHello + "C AUTH NTLM\n" + asked + authenticate + "S 535 5.7.3 Authentication unsuccessful\nquit",
			"server: credentials: 535 5.7.3 Authentication unsuccessful", "refused the user name or password"},
		{"504 twice", ntlmHello + "C AUTH NTLM\nS 504 no\nC AUTH NTLM\nS 504 no\nquit", "server: credentials: 504 no", ""},
		{"no challenge", ntlmHello + "C AUTH NTLM\nS 334 hello\nC " + negotiate + "\nS 334 hello\nquit", "server: credentials:", "challenge was not understood"},
		{"a broken challenge", ntlmHello + "C AUTH NTLM\nS 334 TlRMTVNTUAACAAAA\nquit", "server: credentials:", "challenge was not understood"},
		{"a challenge that wants keys", ntlmHello + "C AUTH NTLM\nS 334 " + challenge(unicodeNTLM|exchangeKey, nil) + "\nquit", "server: credentials:", "challenge was not understood"},
		{"no end of challenges", ntlmHello + "C AUTH NTLM\n" + asked + authenticate + asked + "quit", "server: credentials:", "challenge was not understood"},
		{"not offered", authHello + "quit", "server: credentials:", "does not offer NTLM, which Secure Password Authentication needs, only LOGIN, PLAIN."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				set := settings(spa)
				p := newPeer(t, tt.script)
				s := senderTo(t, p, set)
				got := s.Send(t.Context(), personal("a@x.test"))
				s.Close()
				p.finish()
				if words := inWords(got[0]); words != tt.want {
					t.Errorf("%s, want %s", words, tt.want)
				}
				checkSentences(t, set, got, tt.detail)
			})
		})
	}
}

// TestNTLMNames: which part of a user name is the domain.
func TestNTLMNames(t *testing.T) {
	said, err := base64.StdEncoding.DecodeString(challenge(unicodeNTLM, targetInfo))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		`CORP\jörg`:        {"CORP", "jörg"},
		"joerg@corp.test":  {"", "joerg@corp.test"},
		"joerg":            {"", "joerg"},
		`corp.test\a.b\ c`: {"CORP.TEST", `a.b\ c`},
	} {
		a := &ntlm{user: name, password: "s3cret-pass"}
		answer, err := a.Next(said, true)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{field(t, answer, 28), field(t, answer, 36)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if response := answer[binary.LittleEndian.Uint32(answer[24:]):]; len(response) < 16+28 || binary.LittleEndian.Uint16(answer[20:]) <= 24 {
			t.Errorf("%s: not an answer of NTLMv2", name)
		}
		if strings.Contains(string(answer), "s3cret-pass") || strings.Contains(string(answer), "s\x003\x00c") {
			t.Errorf("%s: the password is in the answer", name)
		}
	}
}

// field is the text that the length and offset at a place of an AUTHENTICATE speak of.
func field(t *testing.T, m []byte, at int) string {
	t.Helper()
	length, offset := int(binary.LittleEndian.Uint16(m[at:])), int(binary.LittleEndian.Uint32(m[at+4:]))
	if offset+length > len(m) {
		t.Fatalf("a field of %d bytes at %d of %d", length, offset, len(m))
	}
	units := make([]uint16, length/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(m[offset+2*i:])
	}
	return string(utf16.Decode(units))
}

// FuzzChallenge: no challenge makes a client fall over, and none makes it tell the password.
func FuzzChallenge(f *testing.F) {
	for _, flags := range []uint32{unicodeNTLM, exchangeKey, 0} {
		for _, info := range [][]byte{nil, targetInfo, []byte("\x02\x00\xff\xff")} {
			raw, _ := base64.StdEncoding.DecodeString(challenge(flags, info))
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		a := &ntlm{user: `CORP\it`, password: "s3cret-pass"}
		for range 3 {
			answer, err := a.Next(said, true)
			if err == nil && (!strings.HasPrefix(string(answer), "NTLMSSP\x00") || strings.Contains(string(answer), "s3cret-pass")) {
				t.Errorf("%q", answer)
			}
		}
	})
}
