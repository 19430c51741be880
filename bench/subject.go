package bench

import (
	"math"

	"heliograph/sim"
	"heliograph/template"
)

// expand measures how deliveries are made, without sending any.
const expand = "expand"

// subject is one thing to measure.
type subject struct {
	simulator string // which one plays the provider
	control   string // where its rules are set; in the ready file
	stage     string // of its dialogue at which the latency is
	server    string // kind of the server to set up
	bare      string // name of the bare loop; empty = there is nothing to compare with
	latencies []int  // usual ones, in milliseconds; nil = no provider is asked
	cases     []content
}

// content is what is said to everybody.
type content struct {
	name string
	template.Content
	group int // recipients of one message of the bare loop
}

var subjects = map[string]subject{
	"push": {
		simulator: sim.APNs, control: sim.APNs, server: "apns", bare: "push", latencies: []int{0, 20},
		cases: []content{
			{"personal", template.Content{Push: &template.PushText{Message: personalPush}}, 1},
			{"shared", template.Content{Push: &template.PushText{Message: sharedPush}}, 1},
		},
	},
	"smtp": {
		simulator: sim.SMTP, control: sim.Inbox, stage: "end", server: "smtp", bare: "smtp", latencies: []int{0},
		cases: []content{
			{"personal", template.Content{SMTP: &template.MailText{Subject: personalSubject, Message: personalMail}}, 1},
			{"shared", template.Content{SMTP: &template.MailText{Subject: sharedSubject, Message: sharedMail}}, mailGroup},
		},
	},
	"sms": {
		simulator: sim.Vonage, control: sim.Vonage, server: "sms", bare: "sms", latencies: []int{0, 50},
		cases: []content{
			{"personal", template.Content{SMS: &template.SMSText{Message: personalSMS}}, 1},
			{"shared", template.Content{SMS: &template.SMSText{Message: sharedSMS}}, 1},
		},
	},
	burst: {
		simulator: sim.APNs, control: sim.APNs, server: "apns", latencies: []int{0},
		cases: []content{{"single", template.Content{Push: &template.PushText{Message: personalPush}}, 1}},
	},
	fair: {
		simulator: sim.APNs, control: sim.APNs, server: "apns", latencies: []int{0},
		cases: []content{{"ten beside all", template.Content{Push: &template.PushText{Message: personalPush}}, 1}},
	},
	wake: {simulator: sim.APNs, control: sim.APNs, server: "apns"},
	expand: {
		simulator: sim.APNs, server: "apns",
		cases: []content{{"personal", template.Content{Push: &template.PushText{Message: personalPush}}, 1}},
	},
}

// mailGroup is how many recipients one mail of a shared text has.
const mailGroup = 100

// The texts, of a usual length.
const (
	personalPush = "Hello ${user.givenname}, ${device.name} still runs ${device.SYSTEM_OS_VERSION}. Please update it today: your ward's apps need it."
	sharedPush   = "Please update your device today: the apps of your ward need it. The service desk helps on every floor until 18:00."

	personalSMS = "Hello ${user.givenname}, please update ${device.name} today."
	sharedSMS   = "Please update your device today. The service desk helps until 18:00."

	personalSubject = "${user.displayname}, your device needs an update"
	sharedSubject   = "Your device needs an update"
	personalMail    = "Hello ${user.displayname},\n\n" + body
	sharedMail      = "Hello,\n\n" + body
	body            = "your device has not reported to the management for several days. As long as it does not,\n" +
		"it gets no updates, and after two weeks it loses its access to the network of the wards.\n\n" +
		"Please open the agent once while you are connected. If it asks for your password, that is\n" +
		"expected: it signs in again after a long time without a connection.\n\n" +
		"You need not answer this message. If anything is unclear, the service desk is there for you\n" +
		"on every working day from 7 to 19 o'clock, on every floor and by telephone.\n\n" +
		"Best regards,\nyour service desk\n"
)

// round keeps so many digits behind the point: more would pretend.
func round(x float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(x*scale) / scale
}
