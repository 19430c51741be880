package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sync/errgroup"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/store"
)

type opener = func(t *testing.T) *store.Store

var everything = access.Everything

func putUser(t *testing.T, s *store.Store, u fleet.User) {
	t.Helper()
	if _, err := s.PutUser(t.Context(), everything, u); err != nil {
		t.Fatalf("user %s: %v", u.ID, err)
	}
}

func putDevice(t *testing.T, s *store.Store, d fleet.Device) {
	t.Helper()
	if _, err := s.PutDevice(t.Context(), everything, d); err != nil {
		t.Fatalf("device %s: %v", d.ID, err)
	}
}

func device(id fleet.DeviceID, change func(*fleet.Device)) fleet.Device {
	d := fleet.NewDevice(id)
	if change != nil {
		change(&d)
	}
	return d
}

func token(text string) *fleet.PushToken {
	return &fleet.PushToken{Provider: fleet.APNs, Token: text, App: "org.example.agent", Environment: fleet.Production}
}

// fullDevice has a value in every field, none of them plain.
func fullDevice() fleet.Device {
	return fleet.Device{
		ID: "d-1", Name: "José's \"phone\" \\ 📱", Platform: fleet.IOS, OSVersion: "17.4.1", Model: "iPhone 15", SerialNumber: "C02ABC",
		IMEI: "356938035643809", PhoneNumber: "+33612345678", Carrier: "Orange", Ownership: fleet.Corporate,
		Managed: true, Compliant: false, Jailbroken: true, LastSeen: Now.Add(-90 * time.Minute), User: "ana",
		Groups: []string{"Nurses", "École"}, Properties: map[string]string{"DEPARTMENT": "Café ☕", "FLOOR": "3"},
	}
}

var ignoreKeys = cmpopts.IgnoreFields(fleet.Device{}, "Key")

func testDevices(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	putUser(t, s, fleet.User{ID: "ana", DisplayName: "Ana Souza"})
	want := fullDevice()
	created, err := s.PutDevice(ctx, everything, want)
	if err != nil || !created {
		t.Fatalf("first put: created %v, %v", created, err)
	}
	want.UserName = "Ana Souza"
	got, err := s.Device(ctx, everything, "d-1")
	if diff := cmp.Diff(want, got, ignoreKeys); err != nil || diff != "" {
		t.Fatalf("read back: %v\n%s", err, diff)
	}

	t.Run("put replaces", func(t *testing.T) {
		want := fleet.NewDevice("d-1")
		want.Groups = []string{"Zürich", "École"} // byte by byte
		if created, err := s.PutDevice(ctx, everything, want); err != nil || created {
			t.Fatalf("second put: created %v, %v", created, err)
		}
		got, err := s.Device(ctx, everything, "d-1")
		if diff := cmp.Diff(want, got, ignoreKeys); err != nil || diff != "" {
			t.Fatalf("read back: %v\n%s", err, diff)
		}
	})
	t.Run("an unknown user is refused and nothing is stored", func(t *testing.T) {
		_, err := s.PutDevice(ctx, everything, device("d-2", func(d *fleet.Device) { d.User = "nobody" }))
		var invalid *fleet.Invalid
		if !errors.As(err, &invalid) || invalid.Problems[0].Field != "user" {
			t.Fatalf("got %v", err)
		}
		if _, err := s.Device(ctx, everything, "d-2"); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("then: %v", err)
		}
	})
	t.Run("a device that is not one is refused", func(t *testing.T) {
		_, err := s.PutDevice(ctx, everything, device("d 2", func(d *fleet.Device) { d.Platform = "symbian" }))
		var invalid *fleet.Invalid
		if !errors.As(err, &invalid) || len(invalid.Problems) != 2 {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("delete", func(t *testing.T) {
		if err := s.DeleteDevice(ctx, everything, "d-1"); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteDevice(ctx, everything, "d-1"); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("again: %v", err)
		}
		if g := group(t, s, "Zürich"); g.Devices != 0 {
			t.Errorf("its group still counts %d", g.Devices)
		}
	})
}

func group(t *testing.T, s *store.Store, name string) fleet.Group {
	t.Helper()
	list, _, err := s.ListGroups(t.Context(), everything, store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range list {
		if g.Name == name {
			return g
		}
	}
	t.Fatalf("there is no group %s", name)
	return fleet.Group{}
}

func testUsers(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	want := fleet.User{
		ID: "ana", Username: "asouza", Domain: "example.org", DisplayName: "Ana Souza", GivenName: "Ana", Surname: "Souza",
		Mail: "ana@example.org", Mobile: "+5511987654321", Language: "pt-BR", Groups: []string{"Nurses"}, Properties: map[string]string{"TITLE": "Enfermeira"},
	}
	if created, err := s.PutUser(ctx, everything, want); err != nil || !created {
		t.Fatalf("first put: created %v, %v", created, err)
	}
	got, err := s.User(ctx, everything, "ana")
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(fleet.User{}, "Key")); err != nil || diff != "" {
		t.Fatalf("read back: %v\n%s", err, diff)
	}
	want.Mail, want.Groups = "", nil
	if created, err := s.PutUser(ctx, everything, want); err != nil || created {
		t.Fatalf("second put: created %v, %v", created, err)
	}
	again, err := s.User(ctx, everything, "ana")
	if diff := cmp.Diff(want, again, cmpopts.IgnoreFields(fleet.User{}, "Key")); err != nil || diff != "" || again.Key != got.Key {
		t.Fatalf("read back: %v, key %d then %d\n%s", err, got.Key, again.Key, diff)
	}
	if _, err := s.PutUser(ctx, everything, fleet.User{ID: "x", Mail: "not an address"}); !errors.As(err, new(*fleet.Invalid)) {
		t.Errorf("a bad address: %v", err)
	}
	putDevice(t, s, device("d", func(d *fleet.Device) { d.User = "ana" }))
	if err := s.DeleteUser(ctx, everything, "ana"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.User(ctx, everything, "ana"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the end: %v", err)
	}
	if d, err := s.Device(ctx, everything, "d"); err != nil || d.User != "" {
		t.Errorf("the device of a deleted person: user %q, %v", d.User, err)
	}
}

func testGroups(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	if created, err := s.PutGroup(ctx, everything, fleet.Group{ID: "g-1", Name: "Nurses", Description: "on call"}); err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	putUser(t, s, fleet.User{ID: "ana", Groups: []string{"Nurses"}})
	putDevice(t, s, device("d", func(d *fleet.Device) { d.Groups = []string{"Nurses", "Floor 3"} }))
	if _, err := s.PutGroup(ctx, everything, fleet.Group{ID: "g-2", Name: "Nurses"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second group of the same name: %v", err)
	}
	if created, err := s.PutGroup(ctx, everything, fleet.Group{ID: "g-1", Name: "Carers"}); err != nil || created {
		t.Errorf("renaming: created %v, %v", created, err)
	}
	got, err := s.Group(ctx, everything, "g-1")
	want := fleet.Group{ID: "g-1", Name: "Carers", Devices: 1, Users: 1}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(fleet.Group{}, "Key")); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if n, err := s.CountGroups(ctx, everything); err != nil || n != 2 {
		t.Errorf("%d groups, %v", n, err)
	}
	made := group(t, s, "Floor 3")
	if !fleet.ValidID(string(made.ID)) {
		t.Errorf("a group made by its name has the id %q", made.ID)
	}
	if err := s.DeleteGroup(ctx, everything, made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Group(ctx, everything, made.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the end: %v", err)
	}
	if d, err := s.Device(ctx, everything, "d"); err != nil || !cmp.Equal(d.Groups, []string{"Carers"}) {
		t.Errorf("the member has groups %v, %v", d.Groups, err)
	}
}

func testTokens(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	for _, id := range []fleet.DeviceID{"a", "b"} {
		putDevice(t, s, device(id, nil))
	}
	push := func(id fleet.DeviceID) *fleet.PushToken {
		t.Helper()
		d, err := s.Device(ctx, everything, id)
		if err != nil {
			t.Fatal(err)
		}
		return d.Push
	}
	if err := s.PutPushToken(ctx, everything, "a", *token("abcd")); err != nil {
		t.Fatal(err)
	}
	want := &fleet.PushToken{Provider: fleet.APNs, App: "org.example.agent", Environment: fleet.Production, Arrived: Now, State: fleet.TokenLive}
	if diff := cmp.Diff(want, push("a")); diff != "" {
		t.Errorf("read back, without the token itself:\n%s", diff)
	}
	t.Run("the same token moves", func(t *testing.T) {
		if err := s.PutPushToken(ctx, everything, "b", *token("abcd")); err != nil {
			t.Fatal(err)
		}
		if push("a") != nil || push("b") == nil {
			t.Errorf("a has %v, b has %v", push("a"), push("b"))
		}
	})
	t.Run("a put device keeps its token, changes words about it, or loses it", func(t *testing.T) {
		putDevice(t, s, device("b", nil))
		if push("b") == nil {
			t.Fatal("it is gone")
		}
		other := token("")
		other.App = "org.example.other"
		putDevice(t, s, device("b", func(d *fleet.Device) { d.Push = other }))
		if got := push("b"); got == nil || got.App != "org.example.other" {
			t.Fatalf("other words: %v", got)
		}
		putDevice(t, s, device("b", func(d *fleet.Device) { d.Push = &fleet.PushToken{Removed: true} }))
		if got := push("b"); got != nil {
			t.Fatalf("removed: %v", got)
		}
		_, err := s.PutDevice(ctx, everything, device("b", func(d *fleet.Device) { d.Push = other }))
		if !errors.As(err, new(*fleet.Invalid)) {
			t.Errorf("words about no token: %v", err)
		}
	})
	t.Run("two devices exchange theirs in one write", func(t *testing.T) {
		for id, text := range map[fleet.DeviceID]string{"a": "01", "b": "02"} {
			if err := s.PutPushToken(ctx, everything, id, *token(text)); err != nil {
				t.Fatal(err)
			}
		}
		rows := []fleet.Device{device("a", func(d *fleet.Device) { d.Push = token("02") }), device("b", func(d *fleet.Device) { d.Push = token("01") })}
		if err := s.PutFleet(ctx, nil, rows); err != nil {
			t.Fatal(err)
		}
		if push("a") == nil || push("b") == nil {
			t.Error("one of them was lost")
		}
	})
	t.Run("only an upload makes a dead token live, and new words a suspended one", func(t *testing.T) {
		mark := func(state fleet.TokenState) {
			t.Helper()
			err := s.Write(ctx, func(tx store.Tx) error {
				_, err := tx.Exec(ctx, `UPDATE push_tokens SET state = $1, reason = 'because', since = 1`, string(state))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		words := token("")
		words.Environment = fleet.Sandbox
		for _, c := range []struct {
			what   string
			state  fleet.TokenState
			change func() error
			want   fleet.TokenState
		}{
			{"import the same", fleet.TokenDead, func() error {
				importText(t, s, everything, fleet.CSV, "id,push.token\na,01\n", false, fleet.ImportReport{Rows: 1, Unchanged: 1})
				return nil
			}, fleet.TokenDead},
			{"other words", fleet.TokenDead, func() error {
				return s.PutFleet(ctx, nil, []fleet.Device{device("a", func(d *fleet.Device) { d.Push = words })})
			}, fleet.TokenDead},
			{"other words", fleet.TokenSuspended, func() error {
				return s.PutFleet(ctx, nil, []fleet.Device{device("a", func(d *fleet.Device) { d.Push = token("") })})
			}, fleet.TokenLive},
			{"upload the same", fleet.TokenDead, func() error { return s.PutPushToken(ctx, everything, "a", *token("01")) }, fleet.TokenLive},
		} {
			if err := s.PutPushToken(ctx, everything, "a", *token("01")); err != nil {
				t.Fatal(err)
			}
			mark(c.state)
			if err := c.change(); err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
			if got := push("a"); got == nil || got.State != c.want || (got.State == fleet.TokenLive) != (got.Reason == "") {
				t.Errorf("%s of a %s token: %+v", c.what, c.state, got)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		if err := s.PutPushToken(ctx, everything, "nobody", *token("ab")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no such device: %v", err)
		}
		for _, bad := range []fleet.PushToken{{}, *token(""), *token("xyz")} {
			err := s.PutPushToken(ctx, everything, "a", bad)
			if !errors.As(err, new(*fleet.Invalid)) || strings.Contains(err.Error(), "xyz") {
				t.Errorf("%v: %v", bad, err)
			}
		}
	})
}

// testTogether lets many write at once what touches the same rows.
func testTogether(t *testing.T, open opener) {
	s := open(t)
	var g errgroup.Group
	for i := range 24 {
		g.Go(func() error {
			id := fleet.UserID(fmt.Sprintf("u-%d", i%3))
			if _, err := s.PutUser(t.Context(), everything, fleet.User{ID: id, Groups: []string{"A", "B"}}); err != nil {
				return err
			}
			_, err := s.PutDevice(t.Context(), everything, device(fleet.DeviceID(fmt.Sprintf("d-%d", i%4)), func(d *fleet.Device) {
				d.User, d.Groups, d.Push = id, []string{"B", fmt.Sprintf("C-%d", i%2)}, token(fmt.Sprintf("0%d", i%5))
			}))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	devices, err := s.CountDevices(t.Context(), everything, fleet.Filter{})
	if err != nil || devices != 4 {
		t.Errorf("%d devices, %v", devices, err)
	}
	if groups, err := s.CountGroups(t.Context(), everything); err != nil || groups != 4 {
		t.Errorf("%d groups, %v", groups, err)
	}
}

func testLists(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	putUser(t, s, fleet.User{ID: "u-0", DisplayName: "Zoë"})
	putUser(t, s, fleet.User{ID: "u-1", Username: "émile"})
	for i := range 25 {
		putDevice(t, s, device(fleet.DeviceID(fmt.Sprintf("d-%02d", i)), func(d *fleet.Device) {
			d.Name = []string{"alpha", "Beta", "été"}[i%3]
			d.Platform = fleet.Platforms[i%4]
			d.OSVersion = []string{"9.2", "16.10", "16.2", ""}[i%4]
			if i%5 > 0 {
				d.LastSeen = Now.Add(-time.Duration(i%5) * time.Hour)
			}
			if i%3 > 0 {
				d.User = fleet.UserID(fmt.Sprintf("u-%d", i%2))
			}
		}))
	}
	key := func(sort store.Sort, d fleet.Device) string {
		switch sort {
		case store.SortName:
			return d.Name
		case store.SortPlatform:
			return string(d.Platform) + " " + fleet.VersionKey(d.OSVersion)
		case store.SortVersion:
			return fleet.VersionKey(d.OSVersion)
		case store.SortLastSeen:
			return d.LastSeen.Format(time.RFC3339)
		case store.SortUser:
			return d.UserName
		}
		return ""
	}
	for _, sort := range []store.Sort{store.Newest, store.SortName, store.SortPlatform, store.SortVersion, store.SortLastSeen, store.SortUser} {
		for _, ascending := range []bool{false, true} {
			var got []fleet.Device
			page := store.Page{Limit: 7, Sort: sort, Ascending: ascending}
			for {
				list, next, err := s.ListDevices(ctx, everything, fleet.Filter{}, page)
				if err != nil {
					t.Fatalf("%q: %v", sort, err)
				}
				got = append(got, list...)
				if page.Cursor = next; next == "" {
					break
				}
			}
			if len(got) != 25 {
				t.Fatalf("by %q, ascending %v: %d devices", sort, ascending, len(got))
			}
			for i := range got[1:] {
				order := strings.Compare(key(sort, got[i]), key(sort, got[i+1]))
				if order == 0 {
					order = int(got[i].Key - got[i+1].Key)
				}
				if ascending != (order < 0) {
					t.Errorf("by %q, ascending %v: %q before %q", sort, ascending, key(sort, got[i]), key(sort, got[i+1]))
				}
			}
		}
	}
	t.Run("a cursor of another list", func(t *testing.T) {
		_, next, err := s.ListDevices(ctx, everything, fleet.Filter{}, store.Page{Limit: 1, Sort: store.SortName})
		if err != nil || next == "" {
			t.Fatal(next, err)
		}
		for _, cursor := range []string{next, "nonsense", "e30"} {
			_, _, err = s.ListDevices(ctx, everything, fleet.Filter{}, store.Page{Cursor: cursor, Sort: store.SortPlatform})
			if !errors.Is(err, store.ErrCursor) {
				t.Errorf("%q: %v", cursor, err)
			}
		}
	})
	t.Run("users and groups", func(t *testing.T) {
		for _, sort := range []store.Sort{store.Newest, store.SortName, store.SortUser, store.SortMail} {
			list, next, err := s.ListUsers(ctx, everything, store.UserFilter{}, store.Page{Limit: 1, Sort: sort})
			if err != nil || len(list) != 1 || next == "" {
				t.Fatalf("%q: %v, %v", sort, list, err)
			}
			rest, _, err := s.ListUsers(ctx, everything, store.UserFilter{}, store.Page{Limit: 1, Sort: sort, Cursor: next})
			if err != nil || len(rest) != 1 || rest[0].ID == list[0].ID {
				t.Errorf("%q: then %v, %v", sort, rest, err)
			}
		}
		found, _, err := s.ListUsers(ctx, everything, store.UserFilter{Search: "zoë"}, store.Page{})
		if err != nil || len(found) != 1 || found[0].ID != "u-0" {
			t.Errorf("searched: %v, %v", found, err)
		}
		if n, err := s.CountUsers(ctx, everything, store.UserFilter{Search: "u-"}); err != nil || n != 2 {
			t.Errorf("counted %d, %v", n, err)
		}
	})
}

func testScopes(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	putUser(t, s, fleet.User{ID: "in", DisplayName: "In", Mail: "in@example.org", Groups: []string{"A"}})
	putUser(t, s, fleet.User{ID: "out", DisplayName: "Out", Mail: "out@example.org", Groups: []string{"B"}})
	putDevice(t, s, device("by-device", func(d *fleet.Device) { d.Groups = []string{"A", "B"} }))
	putDevice(t, s, device("by-user", func(d *fleet.Device) { d.User = "in" }))
	putDevice(t, s, device("outside", func(d *fleet.Device) { d.User, d.Groups = "out", []string{"B"} }))
	scope := access.Limited(group(t, s, "A").Key)

	t.Run("sees, counts and lists its groups alone", func(t *testing.T) {
		devices, _, err := s.ListDevices(ctx, scope, fleet.Filter{}, store.Page{Ascending: true})
		if err != nil || len(devices) != 2 || devices[0].ID != "by-device" || devices[1].ID != "by-user" {
			t.Errorf("devices %v, %v", devices, err)
		}
		if !cmp.Equal(devices[0].Groups, []string{"A"}) {
			t.Errorf("it sees the groups %v", devices[0].Groups)
		}
		if n, err := s.CountDevices(ctx, scope, fleet.Filter{}); n != 2 || err != nil {
			t.Errorf("%d devices, %v", n, err)
		}
		if n, err := s.CountUsers(ctx, scope, store.UserFilter{}); n != 1 || err != nil {
			t.Errorf("%d users, %v", n, err)
		}
		if n, err := s.CountGroups(ctx, scope); n != 1 || err != nil {
			t.Errorf("%d groups, %v", n, err)
		}
		if reach, err := s.AudienceReach(ctx, scope, fleet.Audience{All: true}); err != nil || reach.Devices != 2 || reach.Users != 1 || reach.SMTP != 1 {
			t.Errorf("reach %+v, %v", reach, err)
		}
		for id, want := range map[fleet.UserID]int{"in": 1, "out": 0} {
			u, err := s.User(ctx, everything, id)
			if err != nil {
				t.Fatal(err)
			}
			if carried, err := s.UserDevices(ctx, scope, u.Key, 10); err != nil || len(carried) != want {
				t.Errorf("%s carries %v, %v", id, carried, err)
			}
		}
		outside := fleet.Audience{UserIDs: []fleet.UserID{"out"}, DeviceIDs: []fleet.DeviceID{"outside"}, Groups: []string{"B"}}
		if devices, people, err := s.AudienceSize(ctx, scope, fleet.Audience{All: true}); err != nil || devices != 2 || people != 1 {
			t.Errorf("everybody is %d devices and %d people, %v", devices, people, err)
		}
		if reach, err := s.AudienceReach(ctx, scope, outside); err != nil || reach.Devices != 0 || reach.Users != 0 {
			t.Errorf("reach outside %+v, %v", reach, err)
		}
	})
	t.Run("whose person is outside is nobody's", func(t *testing.T) {
		putDevice(t, s, device("lent", func(d *fleet.Device) { d.Name, d.User, d.Groups = "", "out", []string{"A"} }))
		for _, a := range []fleet.Audience{
			{DeviceIDs: []fleet.DeviceID{"lent"}},
			{Filter: &fleet.Filter{Search: "lent"}},
		} {
			reach, err := s.AudienceReach(ctx, scope, a)
			want := fleet.Reach{Devices: 1, WithoutAddress: 1, Sample: []fleet.Sample{{DeviceID: "lent", Name: "lent"}}}
			if diff := cmp.Diff(want, reach); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		}
		if err := s.DeleteDevice(ctx, everything, "lent"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("what is outside does not exist", func(t *testing.T) {
		_, readDevice := s.Device(ctx, scope, "outside")
		_, readUser := s.User(ctx, scope, "out")
		_, putDevice := s.PutDevice(ctx, scope, fleet.NewDevice("outside"))
		_, putUser := s.PutUser(ctx, scope, fleet.User{ID: "out"})
		_, putGroup := s.PutGroup(ctx, scope, fleet.Group{ID: "new", Name: "New"})
		for what, err := range map[string]error{
			"read device": readDevice, "read user": readUser, "put device": putDevice, "put user": putUser, "put group": putGroup,
			"delete device": s.DeleteDevice(ctx, scope, "outside"), "delete user": s.DeleteUser(ctx, scope, "out"),
			"delete group": s.DeleteGroup(ctx, scope, group(t, s, "B").ID), "token": s.PutPushToken(ctx, scope, "outside", *token("ab")),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
	t.Run("nothing is written outside", func(t *testing.T) {
		for _, groups := range [][]string{nil, {"B"}, {"New"}} {
			_, err := s.PutDevice(ctx, scope, device("new", func(d *fleet.Device) { d.Groups = groups }))
			if !errors.As(err, new(*fleet.Invalid)) {
				t.Errorf("groups %v: %v", groups, err)
			}
		}
		if created, err := s.PutDevice(ctx, scope, device("new", func(d *fleet.Device) { d.Groups = []string{"A"} })); !created || err != nil {
			t.Errorf("inside: %v, %v", created, err)
		}
	})
	t.Run("memberships of other groups stay", func(t *testing.T) {
		if _, err := s.PutDevice(ctx, scope, device("by-device", func(d *fleet.Device) { d.Groups = []string{"A"} })); err != nil {
			t.Fatal(err)
		}
		if d, err := s.Device(ctx, everything, "by-device"); err != nil || !cmp.Equal(d.Groups, []string{"A", "B"}) {
			t.Errorf("groups %v, %v", d.Groups, err)
		}
	})
	t.Run("no groups, nothing", func(t *testing.T) {
		for _, scope := range []access.Scope{{}, access.Limited()} {
			n, err := s.CountDevices(ctx, scope, fleet.Filter{})
			if n != 0 || err != nil {
				t.Errorf("%d devices, %v", n, err)
			}
		}
	})
}
