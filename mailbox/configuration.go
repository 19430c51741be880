package mailbox

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// AppKeyPlaceholder stands where an app key belongs: the keys themselves are nowhere to be read.
const AppKeyPlaceholder = "PASTE-THE-APP-KEY-HERE"

// Value is one setting of the apps' managed configuration: a bool, an int or a string.
type Value struct {
	Key   string
	Title string // for forms that are made from it
	Value any
}

// Configuration is what mail apps are told by whatever manages the devices (AppConfig Community; Apple, "Managed app
// configuration"; Google, "Managed configurations"). appKey empty = the placeholder.
func Configuration(s Settings, p Place, appKey string) []Value {
	if appKey == "" {
		appKey = AppKeyPlaceholder
	}
	return []Value{
		{"push_notifications", "Push notifications", s.Enabled},
		{"push_region", "Push notifications region", s.Region},
		{"push_registration_url", "Registration service", p.Registration},
		{"push_app_key", "App key", appKey},
		{"push_wake", "Wake style: badge, background or rich", s.Wake},
		{"push_status_frequency_minutes", "StatusFrequency of subscriptions, in minutes", s.StatusFrequencyMinutes},
		{"ews_host", "EWS host name; empty is that of the mail server", s.EWSHost},
	}
}

// Document is a managed configuration in a form that some management system reads.
type Document struct {
	Platform  Platform
	Format    string // plist, appconfig, json, restrictions
	FileName  string
	MediaType string
	Text      string
}

// Documents writes a configuration in every form. apps are the apps' ids by platform; one that is missing leaves an empty
// place.
func Documents(values []Value, apps map[Platform]string) []Document {
	return []Document{
		{IOS, "plist", "managed-app-configuration.plist", "application/x-plist", plist(values)},
		{IOS, "appconfig", "appconfig.xml", "application/xml", appConfig(values, apps[IOS])},
		{IOS, "json", "managed-app-configuration.json", "application/json", object(values)},
		{Android, "json", "managed-configuration.json", "application/json", androidPolicy(values, apps[Android])},
		{Android, "restrictions", "app_restrictions.xml", "application/xml", restrictions(values)},
	}
}

// plist is Apple's property list, as management systems take it.
func plist(values []Value) string {
	var b strings.Builder
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n<plist version=\"1.0\">\n<dict>\n")
	for _, v := range values {
		fmt.Fprintf(&b, "\t<key>%s</key>\n\t", v.Key)
		switch value := v.Value.(type) {
		case bool:
			fmt.Fprintf(&b, "<%t/>\n", value)
		case int:
			fmt.Fprintf(&b, "<integer>%d</integer>\n", value)
		default:
			fmt.Fprintf(&b, "<string>%s</string>\n", escaped(value))
		}
	}
	b.WriteString("</dict>\n</plist>\n")
	return b.String()
}

// appConfig is the file that the AppConfig Community describes, from which management systems make a form.
func appConfig(values []Value, app string) string {
	var b, form strings.Builder
	fmt.Fprintf(&b, xml.Header+"<managedAppConfiguration>\n\t<version>1</version>\n\t<bundleId>%s</bundleId>\n\t<dict>\n", escaped(app))
	for _, v := range values {
		kind, field := "string", "input"
		switch v.Value.(type) {
		case bool:
			kind, field = "boolean", "checkbox"
		case int:
			kind = "integer"
		}
		fmt.Fprintf(&b, "\t\t<%s keyName=\"%s\">\n\t\t\t<defaultValue><value>%s</value></defaultValue>\n\t\t</%s>\n", kind, v.Key, escaped(v.Value), kind)
		fmt.Fprintf(&form, "\t\t<field keyName=\"%s\" type=\"%s\">\n\t\t\t<label><language value=\"en-US\">%s</language></label>\n\t\t</field>\n", v.Key, field, escaped(v.Title))
	}
	b.WriteString("\t</dict>\n\t<presentation defaultLocale=\"en-US\">\n" + form.String() + "\t</presentation>\n</managedAppConfiguration>\n")
	return b.String()
}

// object is the values by their keys.
func object(values []Value) string { return indented(valuesByKey(values)) }

func valuesByKey(values []Value) map[string]any {
	all := map[string]any{}
	for _, v := range values {
		all[v.Key] = v.Value
	}
	return all
}

// androidPolicy is an application's part of a policy (Android Management API, ApplicationPolicy).
func androidPolicy(values []Value, app string) string {
	return indented(map[string]any{"packageName": app, "managedConfiguration": valuesByKey(values)})
}

func indented(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil { // texts, numbers and booleans
		return ""
	}
	return string(text) + "\n"
}

// restrictions is what an Android app declares to be configurable (android.content.RestrictionsManager).
func restrictions(values []Value) string {
	var b strings.Builder
	b.WriteString(xml.Header + "<restrictions xmlns:android=\"http://schemas.android.com/apk/res/android\">\n")
	for _, v := range values {
		kind := "string"
		switch v.Value.(type) {
		case bool:
			kind = "bool"
		case int:
			kind = "integer"
		}
		fmt.Fprintf(&b, "\t<restriction\n\t\tandroid:key=\"%s\"\n\t\tandroid:title=\"%s\"\n\t\tandroid:restrictionType=\"%s\"\n\t\tandroid:defaultValue=\"%s\" />\n",
			v.Key, escaped(v.Title), kind, escaped(v.Value))
	}
	b.WriteString("</restrictions>\n")
	return b.String()
}

// escaped is a value as XML text, fit for an attribute too.
func escaped(value any) string {
	var b strings.Builder
	switch v := value.(type) {
	case int:
		b.WriteString(strconv.Itoa(v))
	default:
		_ = xml.EscapeText(&b, []byte(fmt.Sprint(v))) // a Builder takes everything
	}
	return b.String()
}

// ExchangeConfig is where Exchange reads which proxy its web services use, below the directory that it is installed in.
const ExchangeConfig = `ClientAccess\exchweb\ews\web.config`

// ExchangeProxy is what goes into ExchangeConfig, so that Exchange reaches the listener: past the proxy that the machine
// uses for everything else. On Exchange 2013 the section is not there, and is typed in by hand.
func ExchangeProxy(listener string) string {
	return `<system.net>
  <defaultProxy>
    <proxy usesystemdefault="true" bypassonlocal="true" />
    <bypasslist>
      <add address="` + escaped(bypass(listener)) + `" />
    </bypasslist>
  </defaultProxy>
</system.net>
`
}

// bypass is the regular expression of .NET that a bypass list holds for an origin.
func bypass(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return ""
	}
	return "^" + regexp.QuoteMeta(u.Scheme+"://"+u.Host) + "(:443)?(/|$)"
}
