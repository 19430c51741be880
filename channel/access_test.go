package channel

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

// TestAccessEnds: a token is used until two minutes before its end, or for nine tenths of a short life.
func TestAccessEnds(t *testing.T) {
	for _, c := range []struct{ life, used time.Duration }{
		{time.Hour, 58 * time.Minute},
		{10 * time.Minute, 9 * time.Minute},
		{time.Minute, 54 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			tokens := NewAccesses(nil, func(context.Context) (*oauth2.Token, error) {
				asked++
				return &oauth2.Token{AccessToken: "secret", Expiry: time.Now().Add(c.life)}, nil
			})
			for _, step := range []struct {
				later time.Duration
				asked int
			}{{0, 1}, {c.used - time.Second, 1}, {time.Second, 2}} {
				time.Sleep(step.later)
				a, err := tokens.Get(t.Context())
				if err != nil || a.Header != "Bearer secret" || asked != step.asked {
					t.Errorf("a life of %v: asked %d times, want %d; %+v, %v", c.life, asked, step.asked, a, err)
				}
			}
		})
	}
}

// TestAccessRefused: what failed is asked for again, what was refused is given up once, and who is gone asks for nothing.
func TestAccessRefused(t *testing.T) {
	broken, asked := errors.New("broken"), 0
	tokens := NewAccesses(nil, func(context.Context) (*oauth2.Token, error) {
		if asked++; asked == 1 {
			return nil, broken
		}
		return &oauth2.Token{AccessToken: "secret"}, nil
	})
	if _, err := tokens.Get(t.Context()); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tokens.Get(gone); !errors.Is(err, context.Canceled) || asked != 1 {
		t.Errorf("got %v after %d", err, asked)
	}
	first, err := tokens.Get(t.Context())
	if err != nil || asked != 2 {
		t.Fatalf("got %v after %d", err, asked)
	}
	tokens.Forget(first)
	tokens.Forget(first)
	second, err := tokens.Get(t.Context())
	tokens.Forget(first)
	if third, _ := tokens.Get(t.Context()); err != nil || second == first || third != second || asked != 3 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}
