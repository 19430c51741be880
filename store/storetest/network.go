package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/fleet"
)

// testSomeTokens: live ones of one provider and app, and not more than were asked for.
func testSomeTokens(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	put := func(id fleet.DeviceID, text string, change func(*fleet.PushToken)) {
		t.Helper()
		putDevice(t, s, device(id, nil))
		one := token(text)
		change(one)
		if err := s.PutPushToken(ctx, everything, id, *one); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		put(fleet.DeviceID(fmt.Sprint("d", i)), fmt.Sprintf("ab0%d", i), func(*fleet.PushToken) {})
	}
	put("other-app", "ab04", func(p *fleet.PushToken) { p.App = "org.example.other" })
	put("other-provider", "token", func(p *fleet.PushToken) { p.Provider = fleet.FCM })
	some := func(most int) []string {
		t.Helper()
		list, err := s.SomeTokens(ctx, "apns", "org.example.agent", most)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(list)
		return list
	}
	if diff := cmp.Diff([]string{"ab00", "ab01", "ab02"}, some(10)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(some(2)); n != 2 {
		t.Errorf("%d tokens, asked for 2", n)
	}
	if list, err := s.SomeTokens(ctx, "apns", "org.example.nobody", 10); err != nil || len(list) > 0 {
		t.Errorf("of an app that nobody has: %v, %v", list, err)
	}
}
