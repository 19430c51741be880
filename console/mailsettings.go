package console

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"heliograph/mailbox"
)

// mailSettingsPage is the form of what is decided about mail push.
type mailSettingsPage struct {
	Values   map[string]string // by the API's names, as they are typed
	Place    mailbox.Place     // where mail push is reached now
	Problems []problem
}

func (p mailSettingsPage) heading(ctx context.Context) heading { return mailHeading(ctx) }

// mailNumbers are the fields that hold a number, and mailTexts those that hold a line.
var (
	mailNumbers = []string{"status_frequency_minutes", "coalesce_ms", "ttl_hours", "app_key_rate"}
	mailTexts   = []string{"region", "registration_url", "listener_url", "ews_host", "wake", "android_priority"}
)

// mailPriorities are the values of android_priority.
var mailPriorities = []string{mailbox.PriorityAuto, mailbox.PriorityHigh, mailbox.PriorityNormal}

// wakeWords are the values of wake.
var wakeWords = []string{mailbox.WakeBadge.String(), mailbox.WakeBackground.String(), mailbox.WakeRich.String()}

func mailValues(s mailbox.Settings) map[string]string {
	return map[string]string{
		"enabled": strconv.FormatBool(s.Enabled), "region": s.Region, "regions": strings.Join(s.Regions, "\n"),
		"registration_url": s.RegistrationURL, "listener_url": s.ListenerURL, "ews_host": s.EWSHost, "wake": s.Wake,
		"status_frequency_minutes": strconv.Itoa(s.StatusFrequencyMinutes), "coalesce_ms": strconv.Itoa(s.CoalesceMS),
		"android_priority": s.AndroidPriority, "ttl_hours": strconv.Itoa(s.TTLHours), "app_key_rate": strconv.Itoa(s.AppKeyRate),
	}
}

// typedMail is what was typed, and the settings that it says. What is no number becomes one that no field takes, so that
// the settings themselves say what they want.
func typedMail(r *http.Request) (map[string]string, mailbox.Settings) {
	values := map[string]string{"regions": r.PostFormValue("regions"), "enabled": strconv.FormatBool(r.PostFormValue("enabled") != "")}
	for _, name := range append(mailTexts, mailNumbers...) {
		values[name] = strings.TrimSpace(r.PostFormValue(name))
	}
	n := map[string]int{}
	for _, name := range mailNumbers {
		n[name] = -1
		if typed, err := strconv.Atoi(values[name]); err == nil {
			n[name] = typed
		}
	}
	return values, mailbox.Settings{
		Enabled: values["enabled"] == "true", Region: values["region"], Regions: linesOf(values["regions"]),
		RegistrationURL: values["registration_url"], ListenerURL: values["listener_url"], EWSHost: values["ews_host"], Wake: values["wake"],
		StatusFrequencyMinutes: n["status_frequency_minutes"], CoalesceMS: n["coalesce_ms"], AndroidPriority: values["android_priority"],
		TTLHours: n["ttl_hours"], AppKeyRate: n["app_key_rate"],
	}
}

// regions are those to choose from.
func (p mailSettingsPage) regions() []string { return linesOf(p.Values["regions"]) }

// more reports whether the fields that few need must be seen.
func (p mailSettingsPage) more() bool {
	for _, name := range []string{"regions", "coalesce_ms", "android_priority", "ttl_hours", "app_key_rate"} {
		if problemOf(p.Problems, name) != "" {
			return true
		}
	}
	return false
}

func (c *console) mailSettings(w http.ResponseWriter, r *http.Request) error {
	s, err := c.MailPush.MailSettings(r.Context())
	if err != nil {
		return err
	}
	return c.showMailSettings(w, r, http.StatusOK, mailSettingsPage{Values: mailValues(s)})
}

func (c *console) showMailSettings(w http.ResponseWriter, r *http.Request, status int, p mailSettingsPage) (err error) {
	if p.Place, err = c.MailPush.MailPlace(r.Context()); err != nil {
		return err
	}
	return c.show(w, r, status, p)
}

func (c *console) saveMailSettings(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	values, wanted := typedMail(r)
	_, err := c.MailPush.SetMailSettings(ctx, actor(r), wanted)
	if err == nil {
		c.say(r, "success", t(ctx, "mailpush.saved"))
		return goTo(w, r, mailSettingsPath)
	}
	p := mailSettingsPage{Values: values}
	p.Problems = mistakes(ctx, err,
		func(field string) string { return word(ctx, field, "mailpush.field") },
		func(field, n string) string { return lineAt(values[field], n) })
	if p.Problems == nil {
		return err
	}
	return c.showMailSettings(w, r, http.StatusUnprocessableEntity, p)
}
