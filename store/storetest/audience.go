package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"heliograph/fleet"
	"heliograph/store"
)

// audienceFleet is a small fleet in which every condition has somebody who passes and somebody who does not.
//
//	ana    Nurses        phone (iOS 16.2, token), tablet (iPadOS 17.0)
//	bert   -             droid (Android 14, token, in the group Loaners)
//	clara  Nurses        no device
//	dario  Porters       mute (Windows, no token); no address at all
//	-                    kiosk (macOS, never seen, no token), nobody's
func audienceFleet(t *testing.T, s *store.Store) {
	putUser(t, s, fleet.User{ID: "ana", DisplayName: "Ana", Mail: "ana@example.org", Mobile: "+33612345678", Groups: []string{"Nurses"}})
	putUser(t, s, fleet.User{ID: "bert", DisplayName: "Bert", Mail: "shared@example.org"})
	putUser(t, s, fleet.User{ID: "clara", DisplayName: "Clara", Mail: "shared@example.org", Groups: []string{"Nurses"}})
	putUser(t, s, fleet.User{ID: "dario", Groups: []string{"Porters"}})
	days := func(n float64) time.Time { return Now.Add(-time.Duration(n * 24 * float64(time.Hour))) }
	for _, d := range []fleet.Device{
		{ID: "phone", Name: "Ana's phone", Platform: fleet.IOS, OSVersion: "16.2", Ownership: fleet.Corporate, Managed: true, Compliant: true,
			LastSeen: days(0.5), User: "ana", PhoneNumber: "+33612345678", SerialNumber: "SERIAL-9",
			Properties: map[string]string{"FLOOR": "3", "DEPARTMENT": "Cardiology", "123": "digits", "a.b": "dotted"}, Push: token("a1")},
		{ID: "tablet", Platform: fleet.IPadOS, OSVersion: "17.0", Ownership: fleet.Corporate, Managed: true, Compliant: true,
			LastSeen: days(40), User: "ana", Properties: map[string]string{"FLOOR": "12", "DEPARTMENT": "cardiology 2"}},
		{ID: "droid", Platform: fleet.Android, OSVersion: "14", Ownership: fleet.BYOD, Managed: true, Compliant: false,
			LastSeen: days(7.5), User: "bert", Groups: []string{"Loaners"}, Push: token("a2"),
			Properties: map[string]string{"FLOOR": "3.0", "DEPARTMENT": "Émergences", "EMPTY": ""}},
		{ID: "mute", Platform: fleet.Windows, OSVersion: "10.0.19045", Ownership: fleet.UnknownOwner, Managed: false, Compliant: true, Jailbroken: true,
			LastSeen: days(1), User: "dario", Properties: map[string]string{"FLOOR": "ground"}},
		{ID: "kiosk", Platform: fleet.MacOS, Ownership: fleet.Corporate, Managed: true, Compliant: true},
	} {
		putDevice(t, s, d)
	}
}

type condition struct {
	name   string
	filter fleet.Filter
	want   []fleet.DeviceID
}

func property(name string, op fleet.Op, value string) fleet.Filter {
	return fleet.Filter{Property: []fleet.PropertyCondition{{Name: name, Op: op, Value: value}}}
}

func version(op fleet.Op, value string) fleet.Filter {
	return fleet.Filter{OSVersion: &fleet.VersionCondition{Op: op, Value: value}}
}

func yes() *bool                                 { b := true; return &b }
func no() *bool                                  { b := false; return &b }
func n(n int) *int                               { return &n }
func ids(ids ...fleet.DeviceID) []fleet.DeviceID { return ids }

var everyDevice = ids("phone", "tablet", "droid", "mute", "kiosk")

// conditions is every condition and every operator of the API's audience.
var conditions = []condition{
	{"nothing asked", fleet.Filter{}, everyDevice},
	{"platform", fleet.Filter{Platform: []fleet.Platform{fleet.IOS}}, ids("phone")},
	{"platform, one of", fleet.Filter{Platform: []fleet.Platform{fleet.IOS, fleet.Android}}, ids("phone", "droid")},
	{"ownership", fleet.Filter{Ownership: []fleet.Ownership{fleet.BYOD}}, ids("droid")},
	{"ownership, one of", fleet.Filter{Ownership: []fleet.Ownership{fleet.BYOD, fleet.UnknownOwner}}, ids("droid", "mute")},
	{"compliant", fleet.Filter{Compliant: yes()}, ids("phone", "tablet", "mute", "kiosk")},
	{"not compliant", fleet.Filter{Compliant: no()}, ids("droid")},
	{"jailbroken", fleet.Filter{Jailbroken: yes()}, ids("mute")},
	{"not jailbroken", fleet.Filter{Jailbroken: no()}, ids("phone", "tablet", "droid", "kiosk")},
	{"managed", fleet.Filter{Managed: yes()}, ids("phone", "tablet", "droid", "kiosk")},
	{"not managed", fleet.Filter{Managed: no()}, ids("mute")},
	{"inactive 0", fleet.Filter{InactiveDaysMin: n(0)}, everyDevice},
	{"inactive 1: a day old is not older than a day", fleet.Filter{InactiveDaysMin: n(1)}, ids("tablet", "droid", "kiosk")},
	{"inactive 7", fleet.Filter{InactiveDaysMin: n(7)}, ids("tablet", "droid", "kiosk")},
	{"inactive 30", fleet.Filter{InactiveDaysMin: n(30)}, ids("tablet", "kiosk")},
	{"inactive 100: never counts", fleet.Filter{InactiveDaysMin: n(100)}, ids("kiosk")},
	{"version eq", version(fleet.Eq, "17"), ids("tablet")},
	{"version ne", version(fleet.Ne, "17"), ids("phone", "droid", "mute", "kiosk")},
	{"version lt by numbers", version(fleet.Lt, "14.0"), ids("mute")},
	{"version le", version(fleet.Le, "14.0"), ids("droid", "mute")},
	{"version gt", version(fleet.Gt, "16.2"), ids("tablet")},
	{"version ge", version(fleet.Ge, "16.2"), ids("phone", "tablet")},
	{"version ge, more parts", version(fleet.Ge, "16.10"), ids("tablet")},
	{"version contains", version(fleet.Contains, ".0"), ids("tablet", "mute")},
	{"version starts with", version(fleet.StartsWith, "1"), ids("phone", "tablet", "droid", "mute")},
	{"version exists", version(fleet.Exists, ""), ids("phone", "tablet", "droid", "mute")},
	{"version missing", version(fleet.Missing, ""), ids("kiosk")},
	{"group of the user", fleet.Filter{Group: []string{"Nurses"}}, ids("phone", "tablet")},
	{"group of the device", fleet.Filter{Group: []string{"Loaners"}}, ids("droid")},
	{"group, one of", fleet.Filter{Group: []string{"Loaners", "Porters"}}, ids("droid", "mute")},
	{"group unknown", fleet.Filter{Group: []string{"nurses"}}, nil},
	{"property eq", property("DEPARTMENT", fleet.Eq, "Cardiology"), ids("phone")},
	{"property eq, as numbers", property("FLOOR", fleet.Eq, "3"), ids("phone", "droid")},
	{"property eq, as text", property("FLOOR", fleet.Eq, "ground"), ids("mute")},
	{"property eq, not ASCII", property("DEPARTMENT", fleet.Eq, "Émergences"), ids("droid")},
	{"property eq nothing", property("DEPARTMENT", fleet.Eq, ""), ids("mute", "kiosk")},
	{"property ne is not eq", property("DEPARTMENT", fleet.Ne, "Cardiology"), ids("tablet", "droid", "mute", "kiosk")},
	{"property ne, as numbers", property("FLOOR", fleet.Ne, "3"), ids("tablet", "mute", "kiosk")},
	{"property contains", property("DEPARTMENT", fleet.Contains, "ardiology"), ids("phone", "tablet")},
	{"property contains no pattern", property("DEPARTMENT", fleet.Contains, "%"), nil},
	{"property starts with", property("DEPARTMENT", fleet.StartsWith, "Ém"), ids("droid")},
	{"property starts with, letter by letter", property("DEPARTMENT", fleet.StartsWith, "C"), ids("phone")},
	{"property lt, as numbers", property("FLOOR", fleet.Lt, "12"), ids("phone", "droid")},
	{"property le, as numbers", property("FLOOR", fleet.Le, "12"), ids("phone", "tablet", "droid")},
	{"property gt, a text among numbers", property("FLOOR", fleet.Gt, "3"), ids("tablet", "mute")},
	{"property ge, as numbers", property("FLOOR", fleet.Ge, "3.00"), ids("phone", "tablet", "droid", "mute")},
	{"property lt, as text byte by byte", property("DEPARTMENT", fleet.Lt, "c"), ids("phone")},
	{"property ge, as text", property("DEPARTMENT", fleet.Ge, "c"), ids("tablet", "droid")},
	{"property exists", property("DEPARTMENT", fleet.Exists, ""), ids("phone", "tablet", "droid")},
	{"property exists but is empty", property("EMPTY", fleet.Exists, ""), nil},
	{"property missing", property("DEPARTMENT", fleet.Missing, ""), ids("mute", "kiosk")},
	{"property missing or empty", property("EMPTY", fleet.Missing, ""), everyDevice},
	{"property whose name is a number", property("123", fleet.Eq, "digits"), ids("phone")},
	{"property with a dot in its name", property("a.b", fleet.Eq, "dotted"), ids("phone")},
	{"two properties", fleet.Filter{Property: []fleet.PropertyCondition{
		{Name: "FLOOR", Op: fleet.Eq, Value: "3"}, {Name: "DEPARTMENT", Op: fleet.StartsWith, Value: "Ém"}}}, ids("droid")},
	{"and between conditions", fleet.Filter{Platform: []fleet.Platform{fleet.IOS, fleet.Android}, Compliant: yes(), Group: []string{"Nurses"}}, ids("phone")},
	{"search a name", fleet.Filter{Search: "ANA'S"}, ids("phone")},
	{"search a serial number", fleet.Filter{Search: "serial-9"}, ids("phone")},
	{"search a person", fleet.Filter{Search: "bert"}, ids("droid")},
}

func testFilters(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	audienceFleet(t, s)
	for _, c := range conditions {
		t.Run(c.name, func(t *testing.T) {
			list, _, err := s.ListDevices(ctx, everything, c.filter, store.Page{Ascending: true})
			got := make([]fleet.DeviceID, len(list))
			for i, d := range list {
				got[i] = d.ID
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Errorf("listed: %v\n%s", err, diff)
			}
			if count, err := s.CountDevices(ctx, everything, c.filter); err != nil || int(count) != len(c.want) {
				t.Errorf("counted %d, %v", count, err)
			}
			a := fleet.Audience{Filter: &c.filter}
			reach, err := s.AudienceReach(ctx, everything, a)
			if devices, people, sizeErr := s.AudienceSize(ctx, everything, a); sizeErr != nil || devices != reach.Devices || people != reach.Users {
				t.Errorf("%d devices and %d people, and its size says %d and %d, %v", reach.Devices, reach.Users, devices, people, sizeErr)
			}
			if err != nil || int(reach.Devices) != len(c.want) {
				t.Errorf("reached %d, %v", reach.Devices, err)
			}
			var sampled []fleet.DeviceID
			for _, one := range reach.Sample {
				sampled = append(sampled, one.DeviceID)
			}
			if !slices.Equal(sampled, c.want) {
				t.Errorf("the sample is %v", sampled)
			}
			if got := expand(t, s, a); !slices.Equal(got.devices, c.want) {
				t.Errorf("expanded to %v", got.devices)
			}
		})
	}
}

type expanded struct {
	devices []fleet.DeviceID
	people  []fleet.UserID
}

// expand pages through an audience as the courier does, two at a time.
func expand(t *testing.T, s *store.Store, a fleet.Audience) (e expanded) {
	t.Helper()
	maxDevice, maxUser, err := s.HighestKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for after := int64(0); ; {
		page, err := s.AudienceDevices(t.Context(), everything, a, nil, after, maxDevice, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			e.devices, after = append(e.devices, r.Device.ID), r.Device.Key
		}
		if len(page) < 2 {
			break
		}
	}
	for after := int64(0); ; {
		page, err := s.AudiencePeople(t.Context(), everything, a, nil, after, maxUser, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			e.people, after = append(e.people, r.User.ID), r.User.Key
		}
		if len(page) < 2 {
			return e
		}
	}
}

func people(ids ...fleet.UserID) []fleet.UserID { return ids }

// audiences is every way to name an audience. The reach leaves its sample out.
var audiences = []struct {
	name     string
	audience fleet.Audience
	devices  []fleet.DeviceID
	people   []fleet.UserID
	reach    fleet.Reach
}{
	{"nobody", fleet.Audience{}, nil, nil, fleet.Reach{}},
	{"all", fleet.Audience{All: true}, everyDevice, people("ana", "bert", "dario"),
		fleet.Reach{Devices: 5, Users: 3, Push: 2, SMTP: 2, SMS: 1, WithoutAddress: 3}}, // dario, mute, kiosk
	{"devices", fleet.Audience{DeviceIDs: ids("phone", "kiosk", "unknown")}, ids("phone", "kiosk"), people("ana"),
		fleet.Reach{Devices: 2, Users: 1, Push: 1, SMTP: 1, SMS: 1, WithoutAddress: 1}},
	{"people", fleet.Audience{UserIDs: people("ana", "clara")}, ids("phone", "tablet"), people("ana", "clara"),
		fleet.Reach{Devices: 2, Users: 2, Push: 1, SMTP: 2, SMS: 1}},
	{"a group of people", fleet.Audience{Groups: []string{"Nurses"}}, ids("phone", "tablet"), people("ana", "clara"),
		fleet.Reach{Devices: 2, Users: 2, Push: 1, SMTP: 2, SMS: 1}},
	{"a group of devices", fleet.Audience{Groups: []string{"Loaners"}}, ids("droid"), people("bert"),
		fleet.Reach{Devices: 1, Users: 1, Push: 1, SMTP: 1}},
	{"the union of lists", fleet.Audience{DeviceIDs: ids("kiosk"), UserIDs: people("clara"), Groups: []string{"Loaners", "Porters"}},
		ids("droid", "mute", "kiosk"), people("bert", "clara", "dario"),
		fleet.Reach{Devices: 3, Users: 3, Push: 1, SMTP: 1, WithoutAddress: 3}},
	{"lists narrowed by a filter", fleet.Audience{Groups: []string{"Nurses", "Porters"}, Filter: &fleet.Filter{Platform: []fleet.Platform{fleet.IOS}}},
		ids("phone"), people("ana"), fleet.Reach{Devices: 1, Users: 1, Push: 1, SMTP: 1, SMS: 1}},
	{"a filter that looks at every row", fleet.Audience{Filter: &fleet.Filter{Property: []fleet.PropertyCondition{{Name: "FLOOR", Op: fleet.Eq, Value: "12"}}}},
		ids("tablet"), people("ana"), fleet.Reach{Devices: 1, Users: 1, SMTP: 1, SMS: 1}},
	{"nobody passes the filter", fleet.Audience{UserIDs: people("clara"), Filter: &fleet.Filter{Platform: []fleet.Platform{fleet.IOS}}},
		nil, nil, fleet.Reach{}},
	{"addresses beside", fleet.Audience{DeviceIDs: ids("phone"), Addresses: &fleet.Addresses{
		Mail: []string{"ana@example.org", "new@example.org", "new@example.org"}, Mobile: []string{"+4930123456", "+33612345678"}}},
		ids("phone"), people("ana"), fleet.Reach{Devices: 1, Users: 1, Push: 1, SMTP: 2, SMS: 2}},
	{"addresses alone", fleet.Audience{Addresses: &fleet.Addresses{Mail: []string{"new@example.org"}}}, nil, nil, fleet.Reach{SMTP: 1}},
}

func testAudiences(t *testing.T, open opener) {
	s := open(t)
	audienceFleet(t, s)
	for _, c := range audiences {
		t.Run(c.name, func(t *testing.T) { checkAudience(t, s, c.audience, c.devices, c.people, c.reach) })
	}
	t.Run("a group by its id", func(t *testing.T) {
		a := fleet.Audience{Groups: []string{string(group(t, s, "Porters").ID)}}
		if got := expand(t, s, a); !slices.Equal(got.people, people("dario")) {
			t.Errorf("people %v", got.people)
		}
	})
	t.Run("the sample shows people without a device too", func(t *testing.T) {
		reach, err := s.AudienceReach(t.Context(), everything, fleet.Audience{Groups: []string{"Nurses"}})
		want := []fleet.Sample{{DeviceID: "phone", UserID: "ana", Name: "Ana's phone"}, {DeviceID: "tablet", UserID: "ana", Name: "Ana"}, {UserID: "clara", Name: "Clara"}}
		if diff := cmp.Diff(want, reach.Sample); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

func checkAudience(t *testing.T, s *store.Store, a fleet.Audience, devices []fleet.DeviceID, people []fleet.UserID, reach fleet.Reach) {
	t.Helper()
	got := expand(t, s, a)
	if diff := cmp.Diff(devices, got.devices, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("devices:\n%s", diff)
	}
	if diff := cmp.Diff(people, got.people, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("people:\n%s", diff)
	}
	counted, err := s.AudienceReach(t.Context(), everything, a)
	if diff := cmp.Diff(reach, counted, cmpopts.IgnoreFields(fleet.Reach{}, "Sample")); err != nil || diff != "" {
		t.Errorf("reach: %v\n%s", err, diff)
	}
}

func testAudiencePages(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	audienceFleet(t, s)
	maxDevice, maxUser, err := s.HighestKeys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a recipient is whole", func(t *testing.T) {
		list, err := s.AudienceDevices(ctx, everything, fleet.Audience{All: true}, nil, 0, maxDevice, 100)
		if err != nil || len(list) != 5 {
			t.Fatal(list, err)
		}
		phone, kiosk := list[0], list[4]
		wantDevice, _ := s.Device(ctx, everything, "phone")
		wantUser, _ := s.User(ctx, everything, "ana")
		wantUser.Groups = nil
		want := fleet.Recipient{Device: &wantDevice, User: &wantUser,
			Token: &fleet.TokenRoute{Provider: fleet.APNs, App: "org.example.agent", Environment: fleet.Production, State: fleet.TokenLive}}
		if diff := cmp.Diff(want, phone); diff != "" {
			t.Errorf("phone:\n%s", diff)
		}
		if kiosk.User != nil || kiosk.Token != nil {
			t.Errorf("the kiosk has the user %v and the token %v", kiosk.User, kiosk.Token)
		}
		people, err := s.AudiencePeople(ctx, everything, fleet.Audience{All: true}, nil, 0, maxUser, 100)
		if err != nil || len(people) != 3 {
			t.Fatal(people, err)
		}
		if diff := cmp.Diff(fleet.Recipient{User: &wantUser}, people[0]); diff != "" {
			t.Errorf("ana:\n%s", diff)
		}
	})
	t.Run("who comes later was not meant", func(t *testing.T) {
		putUser(t, s, fleet.User{ID: "late"})
		putDevice(t, s, device("late", func(d *fleet.Device) { d.User = "late" }))
		for _, a := range []fleet.Audience{{All: true}, {DeviceIDs: ids("late", "phone")}} {
			devices, err := s.AudienceDevices(ctx, everything, a, nil, 0, maxDevice, 100)
			if err != nil || devices[len(devices)-1].Device.ID == "late" {
				t.Errorf("devices of %+v: %v", a, err)
			}
			people, err := s.AudiencePeople(ctx, everything, a, nil, 0, maxUser, 100)
			if err != nil || people[len(people)-1].User.ID == "late" {
				t.Errorf("people of %+v: %v", a, err)
			}
		}
	})
	t.Run("earlier with the same mail", func(t *testing.T) {
		key := func(id fleet.UserID) int64 {
			u, err := s.User(ctx, everything, id)
			if err != nil {
				t.Fatal(err)
			}
			return u.Key
		}
		asked := []fleet.PersonMail{{Key: key("bert"), Mail: "shared@example.org"},
			{Key: key("clara"), Mail: "shared@example.org"}, {Key: key("dario"), Mail: "Shared@example.org"}}
		for _, c := range []struct {
			audience fleet.Audience
			want     map[int64]bool
		}{
			{fleet.Audience{UserIDs: people("bert", "clara", "dario")}, map[int64]bool{key("clara"): true}},
			{fleet.Audience{Groups: []string{"Nurses"}}, nil}, // bert is not in it
			{fleet.Audience{All: true}, map[int64]bool{key("clara"): true}},
		} {
			got, err := s.EarlierWithMail(ctx, everything, c.audience, asked)
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Errorf("%+v: %v\n%s", c.audience, err, diff)
			}
		}
	})
}

// testLargeGroups asks the same of a group that is too large to be written out first.
func testLargeGroups(t *testing.T, open opener) {
	s := open(t)
	audienceFleet(t, s)
	const size = 20_500
	var users []fleet.User
	for i := range size {
		users = append(users, fleet.User{ID: fleet.UserID(fmt.Sprint("crowd-", i)), Groups: []string{"Crowd"}})
	}
	for part := range slices.Chunk(users, 5000) {
		if err := s.PutFleet(t.Context(), part, nil); err != nil {
			t.Fatal(err)
		}
	}
	putDevice(t, s, device("loud", func(d *fleet.Device) { d.User = "crowd-7" }))
	reach, err := s.AudienceReach(t.Context(), everything, fleet.Audience{Groups: []string{"Crowd", "Nurses"}, DeviceIDs: ids("kiosk"), UserIDs: people("bert")})
	want := fleet.Reach{Devices: 5, Users: size + 3, Push: 2, SMTP: 2, SMS: 1, WithoutAddress: size + 2}
	if diff := cmp.Diff(want, reach, cmpopts.IgnoreFields(fleet.Reach{}, "Sample")); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	narrowed := fleet.Audience{Groups: []string{"Crowd", "Nurses"}, Filter: &fleet.Filter{Platform: []fleet.Platform{fleet.IOS, fleet.OtherPlatform}}}
	if got := expand(t, s, narrowed); !slices.Equal(got.devices, ids("phone", "loud")) || !slices.Equal(got.people, people("ana", "crowd-7")) {
		t.Errorf("narrowed: %v, %v", got.devices, got.people)
	}
	page, err := s.AudiencePeople(t.Context(), everything, fleet.Audience{Groups: []string{"Crowd"}}, nil, 0, 1<<40, 100)
	if err != nil || len(page) != 100 || page[0].User.ID != "crowd-0" {
		t.Errorf("a page of %d, %v", len(page), err)
	}
}
