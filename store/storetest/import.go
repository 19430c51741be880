package storetest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/store"
)

// importText imports a file and wants a report.
func importText(t *testing.T, s *store.Store, scope access.Scope, format fleet.Format, text string, dry bool, want fleet.ImportReport) {
	t.Helper()
	if want.Errors == nil {
		want.Errors = []fleet.ImportError{}
	}
	got, err := intake.ImportDevices(t.Context(), s, scope, strings.NewReader(text), format, dry, nil)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
}

const importFile = "id,name,platform,os_version,compliant,last_seen,groups,property.FLOOR,push.provider,push.app,push.token,user.username,user.mail,user.language\r\n" +
	"d-1,\"Ana's \"\"first\"\"\nphone\",ios,17.4,true,2026-03-01T08:00:00Z,Nurses; École,3,apns,org.example.agent,a1b2,ana,ana@example.org,pt\r\n" +
	"d-2,Ana's tablet,ipados,17.4,0,,Nurses,,apns,org.example.agent,a1b3,ana,ana@example.org,pt\r\n" +
	"d-3,Kiosk,android,14,1,,,,,,,,,\r\n" +
	"d-4,Bert's,android,14,1,,,4,fcm,org.example.agent,tok:en,Bert Ü,bert@example.org,de\r\n"

func testImport(t *testing.T, open opener) {
	t.Run("the same file twice changes nothing", func(t *testing.T) {
		s, ctx := open(t), t.Context()
		fresh := fleet.ImportReport{Rows: 4, Created: 4}
		importText(t, s, everything, fleet.CSV, importFile, true, fresh)
		if n, err := s.CountDevices(ctx, everything, fleet.Filter{}); n != 0 || err != nil {
			t.Fatalf("a dry run stored %d devices, %v", n, err)
		}
		importText(t, s, everything, fleet.CSV, importFile, false, fresh)
		importText(t, s, everything, fleet.CSV, importFile, true, fleet.ImportReport{Rows: 4, Unchanged: 4})
		importText(t, s, everything, fleet.CSV, importFile, false, fleet.ImportReport{Rows: 4, Unchanged: 4})
		d, err := s.Device(ctx, everything, "d-1")
		want := fleet.NewDevice("d-1")
		want.Name, want.Platform, want.OSVersion, want.User, want.UserName = "Ana's \"first\"\nphone", fleet.IOS, "17.4", "ana", "ana"
		want.LastSeen = Now.AddDate(0, 0, -3).Add(-90 * 60e9)
		want.Groups, want.Properties = []string{"Nurses", "École"}, map[string]string{"FLOOR": "3"}
		want.Push = &fleet.PushToken{Provider: fleet.APNs, App: "org.example.agent", Environment: fleet.Production, Arrived: Now, State: fleet.TokenLive}
		if diff := cmp.Diff(want, d, ignoreKeys); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if d, _ := s.Device(ctx, everything, "d-4"); !fleet.ValidID(string(d.User)) || d.UserName != "Bert Ü" {
			t.Errorf("a person whose name cannot be an id is %q", d.User)
		}
	})
	t.Run("an absent column keeps, an empty cell clears", func(t *testing.T) {
		s, ctx := open(t), t.Context()
		importText(t, s, everything, fleet.CSV, importFile, false, fleet.ImportReport{Rows: 4, Created: 4})
		importText(t, s, everything, fleet.CSV, "groups,id,compliant,property.FLOOR,push.token\n,d-1,,,\n,d-3,,,\nNurses,d-2,false,,a1b3\n", false,
			fleet.ImportReport{Rows: 3, Updated: 1, Unchanged: 2})
		d, err := s.Device(ctx, everything, "d-1")
		if err != nil || len(d.Groups)+len(d.Properties) > 0 || d.Push != nil || !d.Compliant {
			t.Errorf("not cleared: %+v, %v", d, err)
		}
		if d.OSVersion != "17.4" || d.User != "ana" {
			t.Errorf("not kept: %+v", d)
		}
	})
	t.Run("a row that changes only its person", func(t *testing.T) {
		s, ctx := open(t), t.Context()
		importText(t, s, everything, fleet.CSV, importFile, false, fleet.ImportReport{Rows: 4, Created: 4})
		text := "id,user.id,user.mail\nd-1,ana,new@example.org\nd-2,ana,new@example.org\n"
		importText(t, s, everything, fleet.CSV, text, true, fleet.ImportReport{Rows: 2, Updated: 1, Unchanged: 1})
		importText(t, s, everything, fleet.CSV, text, false, fleet.ImportReport{Rows: 2, Updated: 1, Unchanged: 1})
		if u, err := s.User(ctx, everything, "ana"); err != nil || u.Mail != "new@example.org" || u.Language != "pt" {
			t.Errorf("%+v, %v", u, err)
		}
	})
	t.Run("bad rows are rejected alone", func(t *testing.T) {
		s := open(t)
		putUser(t, s, fleet.User{ID: "twin-1", Username: "twin"})
		putUser(t, s, fleet.User{ID: "twin-2", Username: "twin"})
		importText(t, s, everything, fleet.CSV, "id,user,phone_number,user.id,user.username\n"+
			"a,nobody,,,\n"+ // line 2
			"b,,0612345678,,\n"+
			"c,,,,twin\n"+
			"d,,,twin-1,\n"+
			"d,,,twin-1,\n"+
			"e e,,,,\n"+
			"f,twin-1,,twin-2,\n", false,
			fleet.ImportReport{Rows: 7, Created: 1, Rejected: 6, Errors: []fleet.ImportError{
				{Line: 2, Column: "user", Detail: "is not the id of a user"},
				{Line: 3, Column: "phone_number", Detail: "must be written as E.164: + and 7 to 15 digits, such as +33612345678"},
				{Line: 4, Column: "user.username", Detail: "belongs to more than one user: give user.id"},
				{Line: 6, Column: "id", Detail: "is already in this file"},
				{Line: 7, Column: "id", Detail: "must be 1 to 128 of A-Z a-z 0-9 . _ : @ -"},
				{Line: 8, Column: "user.id", Detail: "is somebody else than user"},
			}})
	})
	t.Run("NDJSON", func(t *testing.T) {
		s, ctx := open(t), t.Context()
		putUser(t, s, fleet.User{ID: "ana"})
		text := `{"id":"d-1","name":"Téléphone","platform":"ios","managed":false,"user":"ana","groups":["Nurses"],"properties":{"FLOOR":"3"},"push":{"provider":"apns","token":"a1","app":"org.example.agent","environment":"sandbox"}}` + "\n\n" +
			`{"id":"d-2","colour":"red"}` + "\n" + `{"id":"d-3","managed":"yes"}` + "\n"
		errors := []fleet.ImportError{{Line: 3, Column: "colour", Detail: "is not a field of a device"}, {Line: 4, Column: "managed", Detail: "must be true or false"}}
		importText(t, s, everything, fleet.NDJSON, text, false, fleet.ImportReport{Rows: 3, Created: 1, Rejected: 2, Errors: errors})
		importText(t, s, everything, fleet.NDJSON, text, false, fleet.ImportReport{Rows: 3, Unchanged: 1, Rejected: 2, Errors: errors})
		importText(t, s, everything, fleet.NDJSON, `{"id":"d-1","push":null,"properties":null,"managed":null}`, false, fleet.ImportReport{Rows: 1, Updated: 1})
		d, err := s.Device(ctx, everything, "d-1")
		want := fleet.NewDevice("d-1")
		want.Name, want.Platform, want.User, want.UserName, want.Groups = "Téléphone", fleet.IOS, "ana", "ana", []string{"Nurses"}
		if diff := cmp.Diff(want, d, ignoreKeys); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
	t.Run("in a scope", func(t *testing.T) {
		s := open(t)
		putDevice(t, s, device("mine", func(d *fleet.Device) { d.Groups = []string{"A"} }))
		putDevice(t, s, device("theirs", func(d *fleet.Device) { d.Groups = []string{"B"} }))
		scope := access.Limited(group(t, s, "A").Key)
		importText(t, s, scope, fleet.CSV, "id,name\nmine,x\ntheirs,x\n", false, fleet.ImportReport{Rows: 2, Updated: 1, Rejected: 1,
			Errors: []fleet.ImportError{{Line: 3, Column: "id", Detail: "is not among your devices"}}})
	})
	t.Run("a file of many batches", func(t *testing.T) {
		s := open(t)
		var file strings.Builder
		file.WriteString("id,user.id,user.display_name\n")
		for i := range 2500 {
			file.WriteString("d-" + strings.Repeat("i", i%50) + "-" + strings.Repeat("j", i/50) + ",u-1,One\n")
		}
		importText(t, s, everything, fleet.CSV, file.String(), true, fleet.ImportReport{Rows: 2500, Created: 2500})
		importText(t, s, everything, fleet.CSV, file.String(), false, fleet.ImportReport{Rows: 2500, Created: 2500})
		if n, err := s.CountUsers(t.Context(), everything, store.UserFilter{}); n != 1 || err != nil {
			t.Errorf("%d users, %v", n, err)
		}
		// Whom an early batch would change is not changed again by a later one, in a dry run either.
		changed := strings.ReplaceAll(file.String(), ",One", ",Two")
		importText(t, s, everything, fleet.CSV, changed, true, fleet.ImportReport{Rows: 2500, Updated: 1, Unchanged: 2499})
	})
}
