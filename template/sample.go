package template

import (
	"strconv"

	"heliograph/macro"
)

// samples are made-up values of macros that only an occasion knows, to look at a text before there is one. They are as
// long as such values usually are.
var samples = map[macro.Slot]string{
	"enrollment.url":              "https://mdm.example.com/e/8Kq2ZJ7w",
	"enrollment.token":            "ep-4f0c1d52",
	"enrollment.pin":              "48210937",
	"enrollment.expires":          "2026-11-30T17:00:00Z",
	"enrollment.downloadUrl":      "https://mdm.example.com/app",
	"enrollment.ios.url":          "https://mdm.example.com/i/8Kq2ZJ7w",
	"enrollment.ios.platform":     "iOS",
	"enrollment.macos.url":        "https://mdm.example.com/m/8Kq2ZJ7w",
	"enrollment.macos.platform":   "macOS",
	"enrollment.android.url":      "https://mdm.example.com/a/8Kq2ZJ7w",
	"enrollment.android.platform": "Android",
	"action.name":                 "Passcode reminder",
	"action.trigger":              "Passcode compliant is false",
	"action.property":             "PASSCODE_IS_COMPLIANT",
	"action.value":                "0",
	"action.deadline":             "2026-11-30T17:00:00Z",
	"outofcompliance.reason()":    "no passcode",
	"outofcompliance.reason(allowlist_blocklist_apps_name)": "Games Portal",
	"outofcompliance.reason(whitelist_blacklist_apps_name)": "Games Portal",
	"outofcompliance.reason(smg_block)":                     "not compliant",
	"credential.name":                                       "APNs certificate of Secure Mail",
	"credential.expires":                                    "2026-11-30T17:00:00Z",
	"server.name":                                           "Mail relay",
	"server.error":                                          "Could not connect to mail.example.com: connection refused",
}

// Sample is a made-up value of a macro that only an occasion knows; false for all others.
func Sample(s macro.Slot) (string, bool) {
	value, ok := samples[s]
	return value, ok
}

// CopyName is the first of "name (2)", "name (3)" … that is not taken.
func CopyName(name string, taken func(string) bool) string {
	runes := []rune(name)
	for n := 2; ; n++ {
		end := " (" + strconv.Itoa(n) + ")"
		copied := string(runes[:min(len(runes), maxTemplateName-len(end))]) + end
		if !taken(copied) {
			return copied
		}
	}
}
