package store_test

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/store"
	"heliograph/store/storetest"
)

func onBoth(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, openSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, openPostgres(t)) })
}

func TestTokens(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		make := func(name string, expires time.Time) (string, access.Token) {
			secret, token, err := s.CreateToken(ctx, name, access.Administrator, expires)
			if err != nil {
				t.Fatal(err)
			}
			return secret, token
		}
		secret, token := make("feeder", storetest.Now.Add(time.Second))
		used, err := s.UseToken(ctx, secret)
		if err != nil || used.ID != token.ID || !used.LastUsed.Equal(storetest.Now) || used.Role != access.Administrator {
			t.Errorf("used: %+v, %v", used, err)
		}
		if kept, err := s.Token(ctx, token.ID); err != nil || !reflect.DeepEqual(kept, used) {
			t.Errorf("kept %+v, want %+v, %v", kept, used, err)
		}
		ended, _ := make("ended", storetest.Now)
		for _, wrong := range []string{"", "hel_", secret[:len(secret)-1], strings.ToUpper(secret), strings.TrimPrefix(secret, access.TokenPrefix), ended} {
			if _, err := s.UseToken(ctx, wrong); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%q: %v", wrong, err)
			}
		}
		first, next, err := s.ListTokens(ctx, store.Page{Limit: 1})
		if err != nil || len(first) != 1 || next == "" {
			t.Fatalf("first page %v %q %v", first, next, err)
		}
		rest, next, err := s.ListTokens(ctx, store.Page{Limit: 1, Cursor: next})
		if err != nil || len(rest) != 1 || next != "" || rest[0].ID == first[0].ID {
			t.Errorf("second page %v %q %v", rest, next, err)
		}
		if err := s.DeleteToken(ctx, token.ID); err != nil {
			t.Error(err)
		}
		if err := s.DeleteToken(ctx, token.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
		if _, err := s.UseToken(ctx, secret); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a deleted token is used: %v", err)
		}
	})
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		said := store.Answer{Status: 202, Location: "/there", Body: []byte(`{"é": "<&>"}`)}
		if _, found, err := s.KeptAnswer(ctx, "t", "k", []byte("one")); found || err != nil {
			t.Errorf("before anything was said: %v %v", found, err)
		}
		var wg sync.WaitGroup
		won := make(chan bool, 8)
		for range cap(won) {
			wg.Go(func() {
				switch err := s.KeepAnswer(ctx, "t", "k", []byte("one"), said); {
				case err == nil:
					won <- true
				case !errors.Is(err, store.ErrConflict):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Errorf("%d of %d at once kept their answer", len(won), cap(won))
		}
		kept, found, err := s.KeptAnswer(ctx, "t", "k", []byte("one"))
		if err != nil || !found || kept.Status != said.Status || kept.Location != said.Location || string(kept.Body) != string(said.Body) {
			t.Errorf("kept %+v %v %v", kept, found, err)
		}
		if _, _, err := s.KeptAnswer(ctx, "t", "k", []byte("two")); !errors.Is(err, store.ErrOtherBody) {
			t.Errorf("another body: %v", err)
		}
		if _, found, err := s.KeptAnswer(ctx, "other", "k", []byte("two")); found || err != nil {
			t.Errorf("another token: %v %v", found, err)
		}
		if n, err := s.ForgetAnswers(ctx, 10); n != 0 || err != nil {
			t.Errorf("forgets %d answers of today, %v", n, err)
		}
	})
}
