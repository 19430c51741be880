package console

import (
	"heliograph/access"
	"heliograph/intake"
	"heliograph/mailbox"
	"heliograph/template"
)

// peopleFamilies are the keys that the pages of administrators, tokens, groups, imports and the audit log put together.
func peopleFamilies() map[string][]string {
	return map[string][]string{
		"role": spelled(access.Roles), "role.may": spelled(access.Roles),
		"administrators.field": {"name", "role", "groups", "mail", "mobile", "receives_alerts"},
		"tokens.field":         {"name", "role", "groups", "expires_at"},
		"groups":               {"name", "description"},
		"import.count":         {"rows", "created", "updated", "unchanged", "rejected"},
		"audit.action":         spelled(access.Actions),
		"audit.kind":           spelled(access.ObjectKinds),
		"audit.actor":          spelled([]access.ActorKind{access.ByAccount, access.ByToken, access.BySystem, access.ByNobody}),
	}
}

// templateFamilies are those of templates and of the organisation.
func templateFamilies() map[string][]string {
	var types, to []string
	for _, kind := range template.Types() {
		types, to = append(types, string(kind.Key)), append(to, string(kind.To))
	}
	return map[string][]string{
		"template.type":  types,
		"template.to":    to,
		"template.lack":  spelled(intake.Lacks),
		"template.part":  {"", "subject", "mail", "push", "sms"},
		"template.setup": {"smtp", "sms"},
		"template.use":   {"notification"},
		"template.field": {
			"name", "description", "type", "language", "variants", "push", "push_message", "push_sound",
			"smtp", "smtp_subject", "smtp_message", "smtp_sender", "smtp_recipient", "sms", "sms_message", "sms_recipient",
		},
		"template": {"created", "created.doubtful", "saved", "saved.doubtful"},
		"organization": {
			"name", "name.help", "helpdesk", "helpdesk.help", "mail", "mail.help", "phone", "phone.help",
			"time_zone", "time_zone.help", "trouble_minutes", "trouble_minutes.help",
		},
	}
}

// mailFamilies are those of mail push.
func mailFamilies() map[string][]string {
	var tabs []string
	for _, tab := range mailTabs {
		tabs = append(tabs, tab.Name)
	}
	bounds, styles := spelled(mailSpans), spelled([]mailbox.WakeStyle{mailbox.WakeBackground, mailbox.WakeBadge, mailbox.WakeRich})
	documents := []string{"ios-json", "ios-plist", "ios-appconfig", "android-json", "android-restrictions"}
	fields := []string{
		"enabled", "regions", "region", "registration_url", "listener_url", "ews_host", "wake", "android_priority",
		"status_frequency_minutes", "coalesce_ms", "ttl_hours", "app_key_rate",
	}
	rules := spelled([]intake.MailRule{intake.AllowRegistration, intake.BackgroundServices, intake.TrafficPolicyForEWS})
	return map[string][]string{
		"mailpush.tab": tabs, "mailpush.span": bounds, "mailpush.within": bounds, "mailpush.share": spelled(shares),
		"mailpush.field": fields, "mailpush.help": fields,
		"mailpush.platform": spelled(mailbox.Platforms),
		"mailpush.wake":     styles, "mailpush.wake.help": styles,
		"mailpush.priority": {"auto", "high", "normal"},
		"mailpush.leg":      {"arrival", "carriage"}, "mailpush.leg.lead": {"arrival", "carriage"},
		"mailpush.use": {"apns", "fcm", "webpush", "mailbox", "registration"},
		"mailpush.figure": {
			"accepted", "barred", "busy", "dead", "event", "expired", "gap", "heartbeat", "lost", "pending", "recovered",
			"refused", "rejected", "reminded", "superseded", "unknown", "unsubscribe",
		},
		"mailpush.reason": {
			"body", "budget", "busy", "doctype", "down", "encoding", "gap", "malformed", "method", "nobody", "not_notification",
			"path", "resubscribe", "too_deep", "too_large",
		},
		"mailpush.setup": {
			"title", "lead", "addresses.title", "addresses.lead", "provider.title", "provider.lead", "key.title", "key.lead",
			"registration.title", "registration.lead", "event.title", "event.lead",
		},
		"appkey.field": appKeyFields, "appkey.help": appKeyFields, "appkey.short": {"networks", "mail_networks"},
		"configuration.field": {"ios_app", "android_app"}, "configuration.help": {"ios_app", "android_app"},
		"configuration.format": documents, "configuration.use": documents,
		"configuration.key": {
			"push_notifications", "push_registration_url", "push_app_key", "push_region", "push_wake", "push_status_frequency_minutes", "ews_host",
		},
		"mailnetwork.rule": rules, "mailnetwork.rule.host": rules, "mailnetwork.rule.help": rules,
		"diagnosis.folder": spelled(mailbox.Folders),
		"diagnosis.state":  {"live", "token_rejected", "tombstone", "active", "lost", "unwatched"},
		"diagnosis.wake":   {"accepted", "pending", "rejected", "dead"},
		"diagnosis.why":    {"dead", "held", "replaced", "revoked", "silent"},
		"diagnosis.line": {
			"registered", "subscribed", "unsubscribed", "last_event", "last_ping", "last_wake", "token", "token_rejected", "held",
			"revived", "ended", "lost", "recovered", "gap", "reminded", "wake_refused", "wake_given_up",
		},
	}
}
