package app

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/template"
)

// Those who are limited to a group must never read these words: the one is in all names and texts of others, the other is
// the id of a person. Who asks for an id may see it come back.
const marker, stranger = "Zz-marker", "Zz-stranger"

// Whoever is limited to a group reads nothing of others, wherever they look and whatever they ask for: neither of people
// and devices outside of it, nor of the person who has one of its devices, nor of what was sent to all.
func TestLimitedReadNothingOfOthers(t *testing.T) {
	w := newWalk(t)
	ids := w.plantOthers()
	for _, v := range w.visitors {
		if !v.limited {
			continue
		}
		for _, route := range w.face.Routes {
			method, path, _ := strings.Cut(route.Pattern, " ")
			if method != http.MethodGet || endsSessions.MatchString(path) {
				continue
			}
			for _, id := range ids {
				w.readsNothing(v, w.request(t.Context(), strings.ReplaceAll(route.Pattern, "{id}", id), v))
				if !strings.Contains(path, "{id}") {
					break
				}
			}
		}
		for _, question := range questions {
			w.readsNothing(v, w.question(v, question))
		}
	}
}

// plantOthers makes people and devices on both sides of the group and in between, and sends something to all. It gives
// the ids of all that was made.
func (w *walk) plantOthers() (ids []string) {
	ctx, everybody := w.Context(), access.System
	w.must(w.app.store.PutGroup(ctx, access.Everything, fleet.Group{ID: "others", Name: marker + " group"}))
	w.must(w.app.store.PutUser(ctx, access.Everything, fleet.User{
		ID: stranger, Username: marker + "-user", DisplayName: marker + " Person", Mail: marker + "@example.com", Mobile: "+33612345678", Groups: []string{marker + " group"},
	}))
	for id, d := range map[fleet.DeviceID]fleet.Device{
		"own":  {Name: "Own", Groups: []string{"Own"}},
		"lent": {Groups: []string{"Own"}, User: stranger},
		"far": {
			Name: marker + " device", User: stranger, Groups: []string{marker + " group"}, Carrier: marker, Model: marker, SerialNumber: marker,
			Properties: map[string]string{marker: marker},
		},
	} {
		made := fleet.NewDevice(id)
		made.Name, made.User, made.Groups = d.Name, d.User, d.Groups
		made.Carrier, made.Model, made.SerialNumber, made.Properties = d.Carrier, d.Model, d.SerialNumber, d.Properties
		w.must(w.app.store.PutDevice(ctx, access.Everything, made))
		ids = append(ids, string(id))
	}
	settings := map[string]json.RawMessage{"host": json.RawMessage(`"127.0.0.1"`), "port": json.RawMessage(`1`), "from_email": json.RawMessage(`"it@example.com"`)}
	w.must(w.app.door.CreateServer(ctx, everybody, intake.ServerInput{Kind: "smtp", Name: "mail", Settings: settings}))
	n, _, err := w.app.door.Send(ctx, everybody, intake.Request{
		Audience: fleet.Audience{All: true}, Content: template.Content{SMTP: &template.MailText{Subject: marker + " to all", Message: "Hello ${user.displayname}"}},
	}, nil)
	w.must(nil, err)
	w.expanded(n.ID)
	return append(ids, "others", stranger, string(n.ID))
}

// questions are what a reader may ask beside addresses: a path, and a form or a JSON object.
var questions = []struct{ path, body string }{
	{"/devices?search=zz-mark", ""}, {"/users?search=zz-mark", ""}, {"/groups?search=zz-mark", ""}, {"/devices/count?search=zz-mark", ""},
	{"/devices.csv?search=zz-mark", ""}, {"/notify?ids=lent", ""},
	{"/notify/reach", "to=all"}, {"/notify/reach", "to=devices&devices=lent"},
	{"/notify/preview", "push=on&push_message=%24%7Buser.mail%7D+%24%7Buser.displayname%7D&preview_device=lent"},
	{"/notify/summary", "to=devices&devices=lent&smtp=on&smtp_subject=x&smtp_message=%24%7Buser.mail%7D"},
	{"/api/v1/devices?search=zz-mark", ""}, {"/api/v1/users?search=zz-mark", ""},
	{"/api/v1/audience/preview", `{"audience": {"all": true}}`}, {"/api/v1/audience/preview", `{"audience": {"device_ids": ["lent"]}}`},
	{"/api/v1/audience/preview", `{"audience": {"filter": {"property": [{"name": "X", "op": "missing"}]}}}`},
	{"/api/v1/macros/render", `{"text": "${user.mail} ${user.displayname}", "device_id": "lent"}`},
	{"/api/v1/macros/render", `{"text": "${user.mail}", "user_id": "` + stranger + `"}`},
}

func (w *walk) question(v *visitor, q struct{ path, body string }) *http.Request {
	method := http.MethodGet
	if q.body != "" {
		method = http.MethodPost
	}
	r := w.request(w.Context(), method+" "+q.path, v)
	asked := httptest.NewRequestWithContext(r.Context(), method, q.path, strings.NewReader(q.body))
	asked.Header = r.Header
	return asked
}

// expanded waits until a notification has its deliveries.
func (w *walk) expanded(id message.NotificationID) {
	w.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		n, err := w.app.store.Notification(w.Context(), access.Everything, id)
		w.must(nil, err)
		if n.State != message.Scheduled && n.State != message.Expanding {
			return
		}
	}
	w.Fatal("the notification has no deliveries yet")
}

// readsNothing asks, and looks for the words of others in the answer.
func (w *walk) readsNothing(v *visitor, r *http.Request) {
	w.Helper()
	ctx, end := context.WithTimeout(r.Context(), time.Minute)
	defer end()
	answer := firstWords{httptest.NewRecorder(), end}
	w.face.ServeHTTP(answer, r.WithContext(ctx))
	said := answer.Body.String()
	if strings.Contains(said, marker) || strings.Contains(said, stranger) && !strings.Contains(r.URL.String(), stranger) {
		at := max(strings.Index(said, "Zz-")-100, 0)
		w.Errorf("%s %s tells %s, who is limited: …%.300s", r.Method, r.URL, v.role, said[at:])
	}
}
