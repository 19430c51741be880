package courier_test

import (
	"slices"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/store"
	"heliograph/template"
)

// Whoever is limited to groups reaches nobody else, whatever the audience says, by who is in the groups when the
// notification begins; and of what reached them, those who left are not named any more.
func TestLimitedSender(t *testing.T) {
	onBoth(t, func(h *house) {
		h.server("smtp", "mail")
		h.server("apns", "push")
		h.people(6)
		join := func(i int, groups ...string) {
			id := []string{"u000", "u001", "u002", "u003", "u004", "u005"}[i]
			_, err := h.store.PutUser(h.Context(), access.Everything, fleet.User{ID: fleet.UserID(id), DisplayName: "Person " + id, Mail: id + "@example.com", Groups: groups})
			h.must(err)
		}
		join(0, "Own")
		join(1, "Own", "Other")
		join(2, "Other")
		// A device of the group, carried by somebody who is not in it.
		d, err := h.store.Device(h.Context(), access.Everything, "d003")
		h.must(err)
		d.Groups = []string{"Own"}
		_, err = h.store.PutDevice(h.Context(), access.Everything, d)
		h.must(err)
		own, _, _, err := h.store.ScopeOfGroups(h.Context(), access.Everything, []string{"Own"})
		h.must(err)
		other, _, _, err := h.store.ScopeOfGroups(h.Context(), access.Everything, []string{"Other"})
		h.must(err)

		operator := access.Actor{Name: "op", Role: access.Operator, Scope: own}
		content := template.Content{
			SMTP: &template.MailText{Subject: "About ${device.name}", Message: "x"}, Push: &template.PushText{Message: "x"},
		}
		n, _, err := h.door.Send(h.Context(), operator, intake.Request{Audience: everyone, Content: content, SendAt: time.Now().Add(2 * time.Second)}, nil)
		h.must(err)
		join(0, "Other") // leaves
		join(4, "Own")   // comes
		done := h.done(n)
		var mailed []string
		for _, d := range h.deliveries(n) {
			if d.Address != "" {
				mailed = append(mailed, d.Address)
			}
		}
		slices.Sort(mailed)
		if want := []string{"u001@example.com", "u004@example.com"}; !slices.Equal(mailed, want) {
			h.Errorf("mail went to %q, want %q", mailed, want)
		}
		h.count(done, message.Push, message.Sent, 3) // with the device that is in the group by itself

		join(4) // leaves afterwards
		seen, _, err := h.store.ListDeliveries(h.Context(), own, n.ID, store.DeliveryFilter{}, store.Page{})
		h.must(err)
		for _, d := range seen {
			switch d.Address {
			case "", "u001@example.com":
			case "u…@example.com":
				if d.UserID != "" || d.UserName != "" || d.DeviceID != "" {
					h.Errorf("who left is named: %+v", d)
				}
			default:
				h.Errorf("%q is shown", d.Address)
			}
		}
		if len(seen) != int(done.Counts.Total()) {
			h.Errorf("%d deliveries are shown of %d", len(seen), done.Counts.Total())
		}
		for _, search := range []string{"u004", "Person u004", "d004"} {
			if found, _, err := h.store.ListDeliveries(h.Context(), own, n.ID, store.DeliveryFilter{Search: search}, store.Page{}); len(found) != 0 || err != nil {
				h.Errorf("%q finds who left: %v, %v", search, found, err)
			}
		}
		if _, err := h.store.Notification(h.Context(), other, n.ID); err == nil {
			t.Error("another group sees the notification")
		}
		one, err := h.store.Device(h.Context(), own, "d001")
		h.must(err)
		if got, _, err := h.store.DeviceDeliveries(h.Context(), other, one.Key, store.Page{}); len(got) != 2 || err != nil {
			h.Errorf("the page of a device in both groups shows %d deliveries to the other one, %v", len(got), err)
		}
		four, err := h.store.Device(h.Context(), access.Everything, "d004")
		h.must(err)
		if got, _, err := h.store.DeviceDeliveries(h.Context(), own, four.Key, store.Page{}); len(got) != 0 || err != nil {
			h.Errorf("a device outside shows %d deliveries, %v", len(got), err)
		}
	})
}
