package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/fleet"
	"heliograph/message"
	"heliograph/store"
)

// newest is the first page of a list.
var newest = store.Page{}

// typedForm is a form of a push and an e-mail to everybody. Fields given later replace those given before.
func typedForm(change ...string) []string {
	values := url.Values{}
	list := []string{
		"to", toAll, "push", "on", "push_message", "Hello ${user.givenname}", "smtp", "on", "smtp_subject", "About ${device.name}",
		"smtp_message", "Dear ${user.displayname}", "smtp_recipient", "${user.mail}", "when", whenNow,
	}
	for i := 0; i < len(list); i += 2 {
		values.Set(list[i], list[i+1])
	}
	for i := 0; i < len(change); i += 2 {
		values.Set(change[i], change[i+1])
	}
	var out []string
	for name := range values {
		out = append(out, name, values.Get(name))
	}
	return out
}

// send goes through summary and Send, as a browser without script would.
func (h *house) send(change ...string) message.NotificationID {
	h.Helper()
	page := h.post("/notify/summary", http.StatusOK, typedForm(change...)...)
	return h.sent(h.post("/notify/send", http.StatusOK, hidden(page.one(h.T, "form.summary"))...))
}

// sent is the notification whose page is shown.
func (h *house) sent(page *element) message.NotificationID {
	h.Helper()
	page.one(h.T, "#progress")
	list, _, err := h.store.ListNotifications(h.Context(), everything, notificationFilters[""], newest)
	h.must(err)
	return list[0].ID
}

// done waits until a notification is done.
func (h *house) done(id message.NotificationID) message.Notification {
	h.Helper()
	return h.until(id, func(n message.Notification) bool { return n.State == message.Done })
}

func (h *house) until(id message.NotificationID, ok func(message.Notification) bool) message.Notification {
	h.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		n, err := h.store.Notification(h.Context(), everything, id)
		h.must(err)
		if ok(n) {
			return n
		}
		if time.Now().After(deadline) {
			h.Fatalf("state %s, counts %v", n.State, n.Counts)
		}
		time.Sleep(5 * time.Millisecond) // polls a real engine
	}
}

func TestNotifySaysWhatIsNotSetUp(t *testing.T) {
	h := newHouse(t)
	h.device("a")
	page := h.get("/notify", http.StatusOK)
	var paths []string
	for _, link := range page.find(".channel-missing a") {
		paths = append(paths, link.attr["href"])
	}
	if !slices.Equal(paths, []string{"/settings/push-providers", "/settings/servers", "/settings/servers"}) {
		t.Errorf("missing channels lead to %v", paths)
	}
	if n := len(page.find("input.channel-switch[disabled]")); n != 3 {
		t.Errorf("%d channels cannot be switched on, want 3", n)
	}
	page = h.post("/notify/summary", http.StatusUnprocessableEntity, typedForm()...)
	if got := page.one(t, "#smtp-problem").words(); got != "No SMTP server is active." {
		t.Errorf("beside the switch stands %q", got)
	}
}

func TestNotifySendsOnce(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	h.device("b")
	page := h.post("/notify/summary", http.StatusOK, typedForm()...)
	var tiles []string
	for _, tile := range page.find(".tile") {
		tiles = append(tiles, tile.words())
	}
	if want := []string{"2 devices", "2 people", "2 pushes", "2 e-mail addresses"}; !slices.Equal(tiles, want) {
		t.Errorf("the summary says %v", tiles)
	}
	if list, _, _ := h.store.ListNotifications(t.Context(), everything, notificationFilters[""], newest); len(list) > 0 {
		t.Error("the summary sent something")
	}
	form := hidden(page.one(t, "form.summary"))
	first := h.sent(h.post("/notify/send", http.StatusOK, form...))
	second := h.sent(h.post("/notify/send", http.StatusOK, form...))
	if list, _, _ := h.store.ListNotifications(t.Context(), everything, notificationFilters[""], newest); len(list) != 1 || first != second {
		t.Fatalf("%d notifications from one form", len(list))
	}
	h.done(first)
	var texts []string
	for _, m := range h.peers.received() {
		texts = append(texts, m.Subject+"|"+m.Text)
	}
	slices.Sort(texts)
	want := []string{"About Phone a|Dear Person a", "About Phone b|Dear Person b", "|Hello Given a", "|Hello Given b"}
	slices.Sort(want)
	if !slices.Equal(texts, want) {
		t.Errorf("received %q", texts)
	}
}

func TestNotifyToAFilter(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	h.device("b", func(d *fleet.Device) { d.Platform = fleet.Android })
	page := h.get("/notify?platform=ios&os_version=18&os_version_op=lt", http.StatusOK)
	if len(page.find("#to-filter[checked]")) != 1 || len(page.find("input[name=platform][value=ios][checked]")) != 1 {
		t.Error("the filter of the address is not on the form")
	}
	if words := page.one(t, ".reach-first").words(); words != "1 device" {
		t.Errorf("the form counts %q", words)
	}
	n := h.done(h.send("to", toFilter, "platform", "ios", "os_version", "18", "os_version_op", "lt"))
	if n.Counts.Total() != 2 || n.Audience.Filter == nil || n.Audience.Filter.OSVersion == nil {
		t.Errorf("counts %v, audience %+v", n.Counts, n.Audience)
	}
}

// A search is not kept in a notification: it becomes the devices that it finds.
func TestNotifyToASearch(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	h.device("b")
	page := h.get("/notify?search=Phone+b", http.StatusOK)
	if got := page.one(t, "input[name=devices]").attr["value"]; got != "b" {
		t.Errorf("the form is about %q", got)
	}
	if len(page.find("#to-devices[checked]")) != 1 {
		t.Error("another audience is chosen")
	}
}

func TestNotifyRefuses(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	for name, one := range map[string]struct {
		change []string
		field  string
		words  string
	}{
		"no text":       {[]string{"push_message", ""}, "push_message", "Is required."},
		"open macro":    {[]string{"smtp_message", "Dear ${user.mail"}, "smtp_message", "At character"},
		"no channel":    {[]string{"push", "", "smtp", ""}, "channels", "Switch on at least one channel."},
		"no number":     {[]string{"push_badge", "many"}, "push_badge", "Must be a whole number."},
		"below zero":    {[]string{"push_badge", "-1"}, "push_badge", "Must be 0 or more."},
		"no time":       {[]string{"when", whenLater}, "at", "Choose a date and a time."},
		"past":          {[]string{"when", whenLater, "at", "2001-01-01T10:00"}, "at", "That moment has passed."},
		"nobody":        {[]string{"to", toFilter, "platform", "windows"}, "to", "Matches nobody"},
		"no condition":  {[]string{"to", toFilter}, "to", "Choose at least one condition"},
		"no days":       {[]string{"to", toFilter, "platform", "ios", "inactive_days_min", "3O"}, "inactive_days_min", "Must be a number of days"},
		"too many days": {[]string{"to", toFilter, "platform", "ios", "inactive_days_min", "99999"}, "inactive_days_min", "Must be a number of days"},
		"none selected": {[]string{"to", toDevices}, "to", "No device is selected."},
	} {
		page := h.post("/notify/summary", http.StatusUnprocessableEntity, typedForm(one.change...)...)
		if got := page.one(t, "#"+one.field+"-problem").words(); !strings.HasPrefix(got, one.words) {
			t.Errorf("%s: beside %s stands %q", name, one.field, got)
		}
		if n := len(page.find(".problem-list li")); n != 1 {
			t.Errorf("%s: %d problems on top", name, n)
		}
		if typed := page.one(t, "#smtp_subject").attr["value"]; typed != "About ${device.name}" {
			t.Errorf("%s: what was typed became %q", name, typed)
		}
	}
	if list, _, _ := h.store.ListNotifications(t.Context(), everything, notificationFilters[""], newest); len(list) > 0 {
		t.Error("something was sent")
	}
}

// A selection has served when it was sent to.
func TestSendingClearsTheSelection(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	page := h.post("/devices/selection", http.StatusOK, "query", "", "shown", "a", "device", "a", "go", "notify")
	if got := page.one(t, "input[name=devices]").attr["value"]; got != "a" {
		t.Fatalf("Notify is about %q", got)
	}
	h.done(h.send("to", toDevices, "devices", "a"))
	if n := len(h.get("/devices", http.StatusOK).find("input[name=device][checked]")); n != 0 {
		t.Errorf("%d are ticked afterwards", n)
	}
}

func TestNotifyLater(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	zone, err := time.LoadLocation("Asia/Tokyo")
	h.must(err)
	at, err := url.Parse(h.url)
	h.must(err)
	h.client.Jar.SetCookies(at, []*http.Cookie{{Name: zoneCookie, Value: "Asia%2FTokyo"}})
	when := time.Now().In(zone).Add(48 * time.Hour).Truncate(time.Minute)
	id := h.send("when", whenLater, "at", when.Format(localTime))
	n, err := h.store.Notification(t.Context(), everything, id)
	h.must(err)
	if n.State != message.Scheduled || !n.SendAt.Equal(when) {
		t.Errorf("%s at %s, want scheduled at %s", n.State, n.SendAt, when)
	}
	page := h.post(notificationPath(id)+"/cancel", http.StatusOK)
	if words := page.one(t, "#progress .pill").words(); words != "Cancelled" {
		t.Errorf("after Cancel it is %q", words)
	}
}

// Back from the summary, and Count and Update preview without script: everything typed is there again.
func TestNotifyKeepsWhatWasTyped(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	page := h.post("/notify/summary", http.StatusOK, typedForm("push_message", script, "push_sound", "chime", "push_badge", "3", "smtp_sender", "IT <it@example.com>")...)
	if !strings.Contains(page.one(t, ".bubble").words(), script) {
		t.Error("the summary does not show the text")
	}
	page = h.post("/notify", http.StatusOK, hidden(page.one(t, "form.summary"))...)
	if got := page.one(t, "#push_message").words(); got != script {
		t.Errorf("the message became %q", got)
	}
	for field, want := range map[string]string{"push_sound": "chime", "push_badge": "3", "smtp_sender": "IT <it@example.com>", "smtp_subject": "About ${device.name}"} {
		if got := page.one(t, "#"+field).attr["value"]; got != want {
			t.Errorf("%s became %q", field, got)
		}
	}
	if got := page.one(t, ".letter-subject").words(); got != "About Phone a" {
		t.Errorf("the preview's subject is %q", got)
	}
}

func TestNotifyPreviewOfAnotherDevice(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	h.device("b")
	part := h.post("/notify/preview", http.StatusOK, typedForm("preview_device", "b", "push_message", "Hi ${user.givenname} ${custom.SITE}")...)
	if got := part.one(t, ".bubble p").words(); got != "Hi Given b" {
		t.Errorf("the preview says %q", got)
	}
	if got := part.one(t, ".missing code").words(); got != "custom.SITE" {
		t.Errorf("missing is %q", got)
	}
	part = h.post("/notify/preview", http.StatusOK, typedForm("preview_device", "a", "push_message", "Hi ${user.")...)
	if !strings.Contains(part.words(), "Push message: At character") {
		t.Errorf("the preview says %q", part.words())
	}
	part = h.post("/notify/preview", http.StatusOK, typedForm("preview_device", "gone")...)
	if got := part.words(); got != "This device no longer exists." {
		t.Errorf("for a device that is gone the preview says %q", got)
	}
	part = h.post("/notify/reach", http.StatusOK, typedForm("to", toDevices, "devices", "b")...)
	if got := part.one(t, "#preview_device option[selected]").attr["value"]; got != "b" {
		t.Errorf("previewed is %q", got)
	}
	if got := part.one(t, ".reach-first").words(); got != "1 device" {
		t.Errorf("the count is %q", got)
	}
}

func TestSummaryWarns(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a", func(d *fleet.Device) { d.Push = nil })
	h.device("b")
	page := h.post("/notify/summary", http.StatusOK, typedForm("smtp_message", "See ${device.NOPE}")...)
	var words []string
	for _, li := range page.find(".alert-warning li") {
		words = append(words, li.words())
	}
	if len(words) != 2 || words[0] != "1 device has no usable push token; its push is skipped." || !strings.HasPrefix(words[1], "E-mail message: At character 7: ") {
		t.Errorf("the summary warns of %q", words)
	}
	if page.one(t, ".compose-foot .btn-primary").words() != "Send to 2 devices" {
		t.Error("the button says something else")
	}
}

func TestMacroPickerIsAListWithoutScript(t *testing.T) {
	h := newHouse(t)
	h.device("a")
	page := h.get("/notify", http.StatusOK)
	found := false
	for _, li := range page.find(".macro-list li") {
		found = found || li.one(t, "code").words() == "${user.mail}" && li.one(t, "small").words() != ""
	}
	if !found {
		t.Error("${user.mail} is not in the list")
	}
}

// SMS is off until somebody switches it on: it costs money.
func TestNotifyBySMS(t *testing.T) {
	h := newHouse(t)
	h.servers("sms")
	h.device("a")
	page := h.get("/notify", http.StatusOK)
	if len(page.find("#sms[checked]")) > 0 || len(page.find("#smtp[checked]")) != 1 {
		t.Error("SMS is on, or e-mail is off, to begin with")
	}
	form := []string{"sms", "on", "sms_message", "Hi ${user.givenname}", "sms_recipient", page.one(t, "#sms_recipient").attr["value"]}
	part := h.post("/notify/preview", http.StatusOK, typedForm(append(form, "preview_device", "a")...)...)
	if words := part.words(); !strings.Contains(words, "Hi Given a") || !strings.Contains(words, "To +33612345678") {
		t.Errorf("the preview says %q", words)
	}
	if got := page.one(t, "#sms-size").words(); !strings.Contains(got, "0 characters · 1 SMS · 160 more fit") {
		t.Errorf("without a text it takes %q", got)
	}
	size := func(text string, want ...string) {
		t.Helper()
		part := h.post("/notify/size", http.StatusOK, typedForm(append(form, "preview_device", "a", "sms_message", text)...)...)
		for _, words := range want {
			if got := part.words(); !strings.Contains(got, words) {
				t.Errorf("%q takes %q, want %q", text, got, words)
			}
		}
	}
	size("Hi ${user.givenname}", "10 characters · 1 SMS · 150 more fit", "values of the preview")
	size(strings.Repeat("€", 81), "81 characters · 2 SMS parts")
	size("Grüße ✓", "7 characters · 1 SMS · 63 more fit", "outside the SMS alphabet")
	size(strings.Repeat("long ", 200), "1,000 characters · 7 SMS parts", "more than 6 parts")
	size(strings.Repeat("long ", 700), "no more")
	size("half a ${macro", "14 characters")
	long := h.post("/notify/summary", http.StatusOK, typedForm(append(form, "sms_message", strings.Repeat("long ", 40))...)...)
	if got := long.one(t, ".alert-warning").words(); !strings.Contains(got, "Each SMS travels in 2 parts") {
		t.Errorf("the summary warns %q", got)
	}
	n := h.done(h.send(form...))
	if n.Counts[message.SMS][message.Sent] != 1 {
		t.Errorf("counts %v", n.Counts)
	}
	page = h.get(notificationPath(n.ID)+"?channel=sms", http.StatusOK)
	detail := h.get(page.one(t, "#deliveries a.table-name").attr["href"], http.StatusOK)
	if words := detail.one(t, ".bubble").words(); !strings.Contains(words, "Hi Given a") {
		t.Errorf("the delivery says %q", words)
	}
	h.post("/notify/summary", http.StatusUnprocessableEntity, typedForm("sms", "on")...).one(t, "#sms_message-problem")
}
