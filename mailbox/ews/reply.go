package ews

// ContentType is that of both replies.
const ContentType = "text/xml; charset=utf-8"

// The two replies that a server understands (MS-OXWSPSNTIF 3.1.4.1.3.1), byte for byte what other listeners have been
// answering for years. They are shared: write them, never into them.
var (
	// ReplyOK says: received, go on.
	ReplyOK = reply("OK")
	// ReplyUnsubscribe ends the subscription for good: nothing brings it back but the app.
	ReplyUnsubscribe = reply("Unsubscribe")
)

func reply(status string) []byte {
	return []byte(`<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
		`<SendNotificationResult xmlns="http://schemas.microsoft.com/exchange/services/2006/messages">` +
		`<SubscriptionStatus>` + status + `</SubscriptionStatus></SendNotificationResult></s:Body></s:Envelope>`)
}
