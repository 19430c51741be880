package access

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// cheap is 64 KiB a hash, so that tests are quick.
func cheap(atOnce int) *Passwords { return NewPasswordsOf(atOnce, 64) }

func TestPasswordsMatch(t *testing.T) {
	p := cheap(1)
	hash, err := p.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=3,p=4$") {
		t.Errorf("not in PHC form: %s", hash)
	}
	for _, c := range []struct {
		hash, password string
		want           bool
	}{
		{hash, "correct horse battery", true},
		{hash, "correct horse batterz", false},
		{hash, "", false},
		{hash, strings.Repeat("x", MaxPassword+1), false},
		{"", "correct horse battery", false},
		{"", "", false},
	} {
		got, err := p.Match(t.Context(), c.hash, c.password)
		if got != c.want || err != nil {
			t.Errorf("Match(%.12q, %.30q) = %v, %v", c.hash, c.password, got, err)
		}
	}
	if again, _ := p.Hash(t.Context(), "correct horse battery"); again == hash {
		t.Error("two hashes of one password have the same salt")
	}
}

func TestPasswordsRealCost(t *testing.T) {
	if hash := NewPasswords(1).absent; !strings.Contains(hash, "m=65536,t=3,p=4") {
		t.Errorf("cost of %s", hash)
	}
}

func TestMatchRefusesBrokenHashes(t *testing.T) {
	for _, hash := range []string{
		"plain", "$2a$10$abcdefghijklmnopqrstuv",
		"$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=16$m=64,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=19$m=64,t=1,p=0$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$",
		"$argon2id$v=19$m=64,t=1,p=1$!$a2V5a2V5a2V5a2V5a2V5a2V5",
	} {
		if ok, err := cheap(1).Match(t.Context(), hash, "secret-password"); ok || err == nil {
			t.Errorf("%s: %v, %v", hash, ok, err)
		} else if strings.Contains(err.Error(), "secret-password") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestPasswordsWaitForTheirTurn(t *testing.T) {
	p := cheap(1)
	p.turns <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Hash(ctx, "x"); err == nil {
		t.Error("Hash did not wait for its turn")
	}
	if _, err := p.Match(ctx, "", "x"); err == nil {
		t.Error("Match did not wait for its turn")
	}
}

func TestPasswordsSendCrowdsAway(t *testing.T) {
	p := cheap(1)
	for range longestQueue {
		p.queue <- struct{}{}
	}
	if _, err := p.Match(t.Context(), "", "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("one more than can wait: %v", err)
	}
	<-p.queue
	if _, err := p.Match(t.Context(), "", "x"); err != nil {
		t.Errorf("one that can wait: %v", err)
	}
}

func TestCheckNewPassword(t *testing.T) {
	for _, c := range []struct {
		account, password, again string
		want                     PasswordProblem
	}{
		{"admin", "correct horse", "correct horse", PasswordFine},
		{"admin", "ten chars!", "ten chars!", PasswordFine},
		{"admin", "nine char", "nine char", PasswordShort},
		{"admin", "ßßßßßßßßß", "ßßßßßßßßß", PasswordShort},
		{"admin", "", "", PasswordShort},
		{"admin", "aaaaaaaaaaaa", "aaaaaaaaaaaa", PasswordUniform},
		{"administrator", "Administrator1", "Administrator1", PasswordIsName},
		{"ada", "ada loves long passwords", "ada loves long passwords", PasswordFine},
		{"admin", "correct horse", "correct hose", PasswordDiffers},
		{"admin", strings.Repeat("ab", 501), "", PasswordLong},
		{"admin", "correct\xffhorse", "correct\xffhorse", PasswordNotUTF8},
		{"", "correct horse", "correct horse", PasswordFine},
	} {
		if got := CheckNewPassword(c.account, c.password, c.again); got != c.want {
			t.Errorf("%s %.20q: %q, want %q", c.account, c.password, got, c.want)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHash(text)
		if err == nil && (h.memory > 1<<20 || h.time < 1 || h.threads < 1 || len(h.key) < 16) {
			t.Errorf("%q gave %+v", text, h)
		}
	})
}
