package ews

// place is where in a notification a reader is.
type place uint8

// The places (MS-OXWSPSNTIF 3.1.4.1, MS-OXWSNTIF 2.2.4). The outermost is the document, which has one element.
const (
	aside place = iota // what nobody asked for, with all that is in it
	document
	envelope
	soapBody
	sendNotification
	responseMessages
	message
	messageXML
	notification
	event
	about // FolderId of an event: that it is there says enough

	// Places whose text is kept.
	value // of MessageXml, when its name is SubscriptionId
	responseCode
	subscriptionID
	previousWatermark
	moreEvents
	watermark
	timeStamp
	unreadCount
)

// kept reports whether the text at p means something.
func (p place) kept() bool { return p >= value }

// inside is the place of an element in p, by its local name.
func (p place) inside(local []byte) place {
	switch p {
	case event:
		return insideEvent(local)
	case notification:
		return insideNotification(local)
	case message:
		return insideMessage(local)
	case messageXML:
		return only(local, "Value", value)
	case responseMessages:
		return only(local, "SendNotificationResponseMessage", message)
	case sendNotification:
		return only(local, "ResponseMessages", responseMessages)
	case soapBody:
		return only(local, "SendNotification", sendNotification)
	case envelope:
		return only(local, "Body", soapBody)
	case document:
		return only(local, "Envelope", envelope)
	}
	return aside
}

func only(local []byte, name string, at place) place {
	if string(local) == name {
		return at
	}
	return aside
}

func insideMessage(local []byte) place {
	switch string(local) {
	case "Notification":
		return notification
	case "ResponseCode":
		return responseCode
	case "MessageXml":
		return messageXML
	}
	return aside
}

// insideNotification: every element named …Event is one, whether it is known or not.
func insideNotification(local []byte) place {
	switch string(local) {
	case "SubscriptionId":
		return subscriptionID
	case "PreviousWatermark":
		return previousWatermark
	case "MoreEvents":
		return moreEvents
	}
	const suffix = "Event"
	if n := len(local) - len(suffix); n >= 0 && string(local[n:]) == suffix {
		return event
	}
	return aside
}

func insideEvent(local []byte) place {
	switch string(local) {
	case "Watermark":
		return watermark
	case "TimeStamp":
		return timeStamp
	case "UnreadCount":
		return unreadCount
	case "FolderId":
		return about
	}
	return aside
}

// kindOf is what an event's element says.
func kindOf(local []byte) Kind {
	switch string(local) {
	case "NewMailEvent":
		return NewMail
	case "CreatedEvent":
		return Created
	case "ModifiedEvent":
		return Modified
	case "MovedEvent":
		return Moved
	case "CopiedEvent":
		return Copied
	case "DeletedEvent":
		return Deleted
	case "FreeBusyChangedEvent":
		return FreeBusyChanged
	case "StatusEvent":
		return Status
	}
	return Unknown
}
