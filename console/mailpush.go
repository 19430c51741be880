package console

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/mailbox"
)

// MailPush is the door's side that decides about mail push, and knows how it does. What is wrong with what was typed is
// *fleet.Invalid.
type MailPush interface {
	MailSettings(ctx context.Context) (mailbox.Settings, error)
	SetMailSettings(ctx context.Context, actor access.Actor, s mailbox.Settings) (mailbox.Settings, error)
	MailPlace(ctx context.Context) (mailbox.Place, error)
	// MailApps are the apps that push providers serve, by platform.
	MailApps(ctx context.Context) (map[mailbox.Platform][]string, error)
	AppKeys(ctx context.Context) ([]mailbox.AppKey, error) // newest first
	AppKey(ctx context.Context, id string) (mailbox.AppKey, error)
	CreateAppKey(ctx context.Context, actor access.Actor, n mailbox.NewAppKey) (secret string, k mailbox.AppKey, err error)
	RevokeAppKey(ctx context.Context, actor access.Actor, id string) (mailbox.AppKey, error)
	MailConfiguration(ctx context.Context, apps map[mailbox.Platform]string, appKey string) ([]mailbox.Value, []mailbox.Document, error)
	// MailNetwork says what firewalls, proxies and gateways must do; MailNetworkNow looks names up too.
	MailNetwork(ctx context.Context) (intake.MailNetwork, error)
	MailNetworkNow(ctx context.Context) (intake.MailNetwork, error)
	Diagnosis(ctx context.Context, code string) (mailbox.Diagnosis, error) // mailbox.ErrUnknown
	MailHealth(ctx context.Context, hours int) (mailbox.Health, error)
	ReleaseBrake(ctx context.Context, actor access.Actor, app string, dead bool) (held int64, err error) // mailbox.ErrNoBrake
}

// Where the pages of mail push are.
const (
	mailPath              = "/mail-push"
	mailSettingsPath      = mailPath + "/settings"
	appKeysPath           = mailPath + "/app-keys"
	mailConfigurationPath = mailPath + "/configuration"
	mailNetworkPath       = mailPath + "/network"
	diagnosisPath         = mailPath + "/diagnosis"
)

// mailTab is one of the pages, in the row that leads from each to the others.
type mailTab struct {
	Name, Path string
	Needs      access.Permission
}

var mailTabs = []mailTab{
	{"overview", mailPath, access.SeeSettings},
	{"settings", mailSettingsPath, access.SeeSettings},
	{"keys", appKeysPath, access.SeeSettings},
	{"configuration", mailConfigurationPath, access.SeeSettings},
	{"network", mailNetworkPath, access.SeeSettings},
	{"diagnosis", diagnosisPath, access.Diagnose},
}

// mailStart is the first page of mail push that somebody may see; empty = none.
func mailStart(ctx context.Context) string {
	for _, tab := range mailTabs {
		if may(ctx, tab.Needs) {
			return tab.Path
		}
	}
	return ""
}

// mailHeading is the heading of one of the pages.
func mailHeading(ctx context.Context) heading {
	return heading{Title: t(ctx, "mailpush.title"), Nav: "mailpush"}
}

// belowMail is the heading of a page that one of them leads to.
func belowMail(ctx context.Context, tab mailTab, title string) heading {
	return heading{Title: title, Nav: "mailpush", Parents: []crumb{{t(ctx, "mailpush.title"), mailStart(ctx)}, {tf(ctx, "mailpush.tab", tab.Name), tab.Path}}}
}

// mistakes are what is wrong with what was typed, beside the fields of a form. label names a field, and line what stands
// in one line of it, for fields that hold several. They are nil when err is about something else.
func mistakes(ctx context.Context, err error, label func(field string) string, line func(field, n string) string) (list []problem) {
	var invalid *fleet.Invalid
	if !errors.As(err, &invalid) {
		return nil
	}
	for _, p := range invalid.Problems {
		field, n, several := strings.Cut(p.Field, ".")
		words := said(ctx, p.Detail)
		if several {
			words = t(ctx, "form.is", "“"+line(field, n)+"”", strings.TrimSuffix(words, "."))
		} else {
			words = standAlone(ctx, label(field), words)
		}
		list = append(list, problem{field, label(field), words})
	}
	return list
}

// linesOf are the lines of what was typed, or what stands between commas, without those that are empty.
func linesOf(typed string) (list []string) {
	for _, line := range strings.FieldsFunc(typed, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' || r == ';' }) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// lineAt is one of the lines, by its number in decimal.
func lineAt(typed, n string) string {
	for i, line := range linesOf(typed) {
		if strconv.Itoa(i) == n {
			return line
		}
	}
	return n
}

// word is a text of the first of several families that has it; the word itself when none does. Reasons come from push
// providers and from us, and those of a provider that is not known yet must be shown too.
func word(ctx context.Context, word string, families ...string) string {
	for _, family := range families {
		if key := family + "." + word; viewOf(ctx).catalogue.Has(key) {
			return t(ctx, key)
		}
	}
	return word
}

// mailReason is why a wake was not taken: our word, or a push provider's.
func mailReason(ctx context.Context, reason string) string {
	return word(ctx, reason, "mailpush.reason", "reason")
}
