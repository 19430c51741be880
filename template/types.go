package template

import "slices"

// Channel is a way to reach somebody, by the API's word.
type Channel string

const (
	Push Channel = "push"
	SMTP Channel = "smtp"
	SMS  Channel = "sms"
)

// TypeKey names a type of template, in the API and in the database.
type TypeKey string

// Type says on which occasion a template is used, and with that what it can do.
type Type struct {
	Key      TypeKey
	Name     string    // in English; the console has it in every language
	Channels []Channel // in the order in which people read them
	Manual   bool      // it can be sent by hand, unless its macros forbid it
	To       Readers
	Facts    []string // macros that have a value on this occasion alone; "device.*" = the property that triggered it
	Single   bool     // there is the predefined one and no other
}

// Readers are whom a type speaks to. They decide what Recipient is filled in with.
type Readers string

const (
	Typed          Readers = "typed"          // whoever is typed in, or picked on the Devices page
	People         Readers = "people"         // those who carry the devices
	Newcomers      Readers = "newcomers"      // people whose device is not enrolled yet, so that it has no number
	Administrators Readers = "administrators" // those who receive alerts
)

// recipients are what Recipient is filled in with, by channel.
var recipients = map[Readers]map[Channel]string{
	Typed:          {},
	People:         {SMTP: DefaultMailRecipient, SMS: DefaultNumberRecipient},
	Newcomers:      {SMTP: DefaultMailRecipient, SMS: "${user.mobile}"},
	Administrators: {SMTP: AdministratorsRecipient, SMS: AdministratorsRecipient},
}

// AdministratorsRecipient stands for the administrators who receive alerts: their mail addresses in an e-mail, their
// numbers in a text message.
const AdministratorsRecipient = "${organization.administrators}"

// Recipient is what the channel's Recipient is filled in with; empty = nothing.
func (t Type) Recipient(c Channel) string { return recipients[t.To][c] }

// Supports reports whether the type's templates can use a channel.
func (t Type) Supports(c Channel) bool { return slices.Contains(t.Channels, c) }

// Types that the program itself looks for.
const (
	AdHoc                TypeKey = "ad_hoc"
	APNSCertExpiration   TypeKey = "apns_cert_expiration"
	CredentialExpiration TypeKey = "credential_expiration"
	ServerTrouble        TypeKey = "server_trouble"
)

var (
	everyChannel = []Channel{Push, SMTP, SMS}
	written      = []Channel{SMTP, SMS} // the device app is not there yet, not any more, or not what it is about
)

// types is the table of types. A new one is one row here, and one text in predefined/ for each language.
var types = []Type{
	{Key: AdHoc, Name: "Ad Hoc", Channels: everyChannel, Manual: true, To: Typed},
	{
		Key: "enrollment_invitation", Name: "Enrollment Invitation", Channels: written, To: Newcomers,
		Facts: []string{
			"enrollment.url", "enrollment.token", "enrollment.expires", "enrollment.ios.url", "enrollment.ios.platform",
			"enrollment.macos.url", "enrollment.macos.platform", "enrollment.android.url", "enrollment.android.platform",
		},
	},
	{Key: "enrollment_pin", Name: "Enrollment PIN", Channels: written, To: Newcomers, Facts: []string{"enrollment.pin", "enrollment.expires"}},
	{Key: "enrollment_confirmation", Name: "Enrollment Confirmation", Channels: everyChannel, To: Newcomers},
	{Key: "ios_download_link", Name: "iOS Download Link", Channels: written, Manual: true, To: Newcomers, Facts: []string{"enrollment.downloadUrl"}},
	{Key: "android_download_link", Name: "Android Download Link", Channels: written, Manual: true, To: Newcomers, Facts: []string{"enrollment.downloadUrl"}},
	{Key: "out_of_compliance", Name: "Out of Compliance", Channels: everyChannel, Manual: true, To: People, Facts: []string{"outofcompliance.reason()"}},
	{Key: "jailbroken", Name: "Jailbroken or Rooted", Channels: everyChannel, Manual: true, To: People},
	{Key: "block_pending", Name: "Block Pending", Channels: everyChannel, Manual: true, To: People, Facts: []string{"action.deadline", "device.*"}},
	{Key: "blocked_by_mail_gateway", Name: "Blocked by Mail Gateway", Channels: everyChannel, Manual: true, To: People, Facts: []string{"outofcompliance.reason(smg_block)"}},
	{Key: "forbidden_or_missing_apps", Name: "Forbidden or Missing Apps", Channels: everyChannel, Manual: true, To: People, Facts: []string{"outofcompliance.reason(allowlist_blocklist_apps_name)"}},
	{Key: "passcode_not_compliant", Name: "Passcode Not Compliant", Channels: everyChannel, Manual: true, To: People, Facts: []string{"device.*"}},
	{Key: "device_inactive", Name: "Device Inactive", Channels: everyChannel, Manual: true, To: People, Facts: []string{"device.*"}},
	{Key: "perimeter_breach", Name: "Perimeter Breach", Channels: everyChannel, Manual: true, To: People, Facts: []string{"device.*"}},
	{Key: "roaming", Name: "Roaming", Channels: everyChannel, Manual: true, To: People, Facts: []string{"device.*"}},
	{Key: "os_update_required", Name: "OS Update Required", Channels: everyChannel, Manual: true, To: People, Facts: []string{"device.*"}},
	{Key: "device_certificate_expiring", Name: "Device Certificate Expiring", Channels: everyChannel, Manual: true, To: People, Facts: []string{"device.*"}},
	{Key: "device_unenrolled", Name: "Device Unenrolled", Channels: written, To: People},
	{Key: "user_account_disabled", Name: "User Account Disabled", Channels: written, To: People},
	{Key: "automated_action", Name: "Automated Action", Channels: everyChannel, To: People, Facts: []string{"action.name", "action.trigger", "device.*"}},
	{Key: APNSCertExpiration, Name: "APNS Cert Expiration", Channels: written, To: Administrators, Facts: []string{"credential.name", "credential.expires"}, Single: true},
	{Key: CredentialExpiration, Name: "Credential Expiration", Channels: written, To: Administrators, Facts: []string{"credential.name", "credential.expires"}},
	{Key: ServerTrouble, Name: "Notification Server Trouble", Channels: written, To: Administrators, Facts: []string{"server.name", "server.error"}},
}

// Types returns the table of types, in the order in which people choose from it.
func Types() []Type { return slices.Clone(types) }

// FindType finds a type by its key.
func FindType(key TypeKey) (Type, bool) {
	i := slices.IndexFunc(types, func(t Type) bool { return t.Key == key })
	if i < 0 {
		return Type{}, false
	}
	return types[i], true
}

// Predefined reports whether a template of the type came with Heliograph.
func (t Type) Predefined() bool { return t.Key != AdHoc }
