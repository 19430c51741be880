package macro

import "slices"

// A Macro is one known property: what pickers offer and the help page explains.
type Macro struct {
	Namespace   string `json:"namespace"`
	Name        string `json:"name"` // "mail", "ios.url", "reason(smg_block)"
	Description string `json:"description"`
}

// Slot is the value that the macro stands for.
func (m Macro) Slot() Slot { return Slot(m.Namespace + "." + m.Name) }

// Source is the macro as written in a text: ${user.mail}.
func (m Macro) Source() string { return "${" + string(m.Slot()) + "}" }

// A Namespace is the first part of a macro's name.
type Namespace struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// namespaces is the closed list of namespaces. The properties in them are open.
var namespaces = []Namespace{
	{"user", "the person: directory attributes and imported properties"},
	{"device", "the device: its properties, imported ones too"},
	{"custom", "properties that an administrator defined; the prefix may be left out"},
	{"enrollment", "the invitation to enroll"},
	{"action", "the automated action that sends the message"},
	{"outofcompliance", "why the device is out of compliance"},
	{"credential", "the certificate, key or token that is about to expire"},
	{"server", "the notification server that is in trouble"},
	{"organization", "the organisation"},
}

// Namespaces returns the list of namespaces.
func Namespaces() []Namespace { return slices.Clone(namespaces) }

// Table returns all known macros, by namespace. Custom properties are not in it: only
// the administrator knows them.
func Table() []Macro { return slices.Clone(table) }

var table = slices.Concat(
	rows("user", userProperties),
	rows("device", deviceProperties),
	rows("enrollment", enrollmentProperties),
	rows("action", actionProperties),
	rows("outofcompliance", reasons),
	rows("credential", credentialProperties),
	rows("server", serverProperties),
	rows("organization", organizationProperties),
)

// known is the table's slots.
var known = slots(table)

func rows(namespace string, properties [][2]string) []Macro {
	macros := make([]Macro, 0, len(properties))
	for _, p := range properties {
		macros = append(macros, Macro{Namespace: namespace, Name: p[0], Description: p[1]})
	}
	return macros
}

func slots(macros []Macro) map[Slot]bool {
	set := make(map[Slot]bool, len(macros))
	for _, m := range macros {
		set[m.Slot()] = true
	}
	return set
}

func inTable(s Slot) bool { return known[s] }

func isNamespace(name string) bool {
	return slices.ContainsFunc(namespaces, func(n Namespace) bool { return n.Name == name })
}

func namespaceNames() []string {
	var names []string
	for _, n := range namespaces {
		names = append(names, n.Name)
	}
	return names
}

var enrollmentProperties = [][2]string{
	{"url", "link that starts the enrollment"},
	{"token", "token of the invitation"},
	{"pin", "one-time PIN"},
	{"expires", "when the invitation or PIN expires"},
	{"downloadUrl", "link to the device app"},
	{"ios.url", "enrollment link for iOS and iPadOS"},
	{"ios.platform", "name of that platform, when the invitation covers it"},
	{"macos.url", "enrollment link for macOS"},
	{"macos.platform", "name of that platform, when the invitation covers it"},
	{"android.url", "enrollment link for Android"},
	{"android.platform", "name of that platform, when the invitation covers it"},
}

var actionProperties = [][2]string{
	{"name", "name of the automated action"},
	{"trigger", "what triggered it"},
	{"deadline", "when its effect comes into force"},
	{"property", "name of the property that triggered it"},
	{"value", "what that property was"},
}

var reasons = [][2]string{
	{"reason()", "all reasons"},
	{"reason(allowlist_blocklist_apps_name)", "names of the forbidden or missing apps"},
	{"reason(whitelist_blacklist_apps_name)", "the same, older spelling"},
	{"reason(smg_block)", "why the mail gateway blocks the device"},
}

var credentialProperties = [][2]string{
	{"name", "name of the certificate, key or token"},
	{"expires", "when it expires"},
}

var serverProperties = [][2]string{
	{"name", "name of the notification server"},
	{"error", "what is wrong with it"},
}

var organizationProperties = [][2]string{
	{"name", "name of the organisation"},
	{"helpdesk", "whom people ask, such as “Service Desk”"},
	{"mail", "mail address of the help desk"},
	{"phone", "telephone number of the help desk"},
	{"administrators", "administrators who receive alerts: their mail addresses, and in a text message their numbers"},
}
