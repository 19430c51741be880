package exchange

import (
	"net/http"
	"slices"
	"strings"

	"heliograph/sim/control"
)

// serveClient answers a mail client.
func (s *Server) serveClient(w http.ResponseWriter, r *http.Request) {
	body, err := control.ReadBody(r)
	if err != nil {
		panic(http.ErrAbortHandler) // it was not read, so it did not arrive
	}
	rec := record{kind: kindClient}
	reply := s.answer(r, body, &rec)
	rule, found := s.rules.Take("", rec.mailbox)
	if found {
		reply = rule.Apply(reply, rule.Status, func(rule control.Rule) control.Reply {
			return control.Reply{Status: rule.Status, Reason: http.StatusText(rule.Status)}
		})
	}
	s.listener.Exchange(w, r, reply, rule, func(status int, reason string) { s.history.Add(status, reason, rec) })
}

// answer is the ordinary reply; it fills in what the record tells.
func (s *Server) answer(r *http.Request, body []byte, rec *record) control.Reply {
	if r.Method != http.MethodPost {
		return control.Reply{Status: http.StatusMethodNotAllowed, Reason: "ErrorInvalidRequest", Header: map[string]string{"Allow": "POST"}}
	}
	user, _, ok := r.BasicAuth()
	if !ok || user == "" {
		return control.Reply{Status: http.StatusUnauthorized, Reason: "Unauthorized", Header: map[string]string{"WWW-Authenticate": `Basic realm="exchange"`}}
	}
	rec.mailbox = user
	root, err := parse(body)
	if err != nil {
		return fault("ErrorInvalidRequest", "The request failed schema validation: "+err.Error())
	}
	rec.mailbox = impersonated(root, user)
	asked := root.find("Body")
	if root.name != "Envelope" || len(asked.children()) != 1 {
		return fault("ErrorInvalidRequest", "The request has no operation.")
	}
	operation := asked.kids[0]
	rec.operation = operation.name
	do, known := operations[operation.name]
	if !known {
		return fault("ErrorInvalidOperation", "This simulator does not know the operation "+operation.name+".")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return do(s, s.mailbox(rec.mailbox), operation)
}

// impersonated is the mailbox that a service account acts for, else its own.
func impersonated(root *node, user string) string {
	who := root.find("Header", "ExchangeImpersonation", "ConnectingSID")
	for _, name := range []string{"PrimarySmtpAddress", "SmtpAddress", "PrincipalName"} {
		if address := who.find(name).content(); address != "" {
			return address
		}
	}
	return user
}

type operate func(*Server, *mailbox, *node) control.Reply

// operations are what a mail client can ask for.
var operations = map[string]operate{
	"Subscribe":       (*Server).subscribe,
	"Unsubscribe":     (*Server).unsubscribe,
	"GetFolder":       (*Server).getFolder,
	"FindItem":        (*Server).findItem,
	"GetItem":         (*Server).getItem,
	"SyncFolderItems": (*Server).syncFolderItems,
}

// refusal is an error of an operation.
type refusal struct{ code, text string }

// reply writes the answer to an operation: one response message, a success with what write adds, or an error.
func reply(operation string, wrong *refusal, write func(*writer)) control.Reply {
	var w writer
	head(&w)
	class, code := "Success", "NoError"
	if wrong != nil {
		class, code = "Error", wrong.code
	}
	w.raw(`<m:` + operation + `Response><m:ResponseMessages><m:` + operation + `ResponseMessage ResponseClass="` + class + `">`)
	if wrong != nil {
		w.element("m:MessageText", wrong.text)
	}
	w.element("m:ResponseCode", code)
	if wrong != nil {
		w.raw(`<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>`)
	} else {
		write(&w)
	}
	w.raw(`</m:` + operation + `ResponseMessage></m:ResponseMessages></m:` + operation + `Response></s:Body></s:Envelope>`)
	return control.Reply{Status: http.StatusOK, Reason: code, Header: xmlHeader, Body: w.Bytes()}
}

var xmlHeader = map[string]string{"Content-Type": "text/xml; charset=utf-8"}

func head(w *writer) {
	w.raw(`<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="` + soapNS + `"><s:Header>` +
		`<h:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4" Version="V2017_07_11" xmlns:h="` + typesNS + `"/>` +
		`</s:Header><s:Body xmlns:m="` + messagesNS + `" xmlns:t="` + typesNS + `">`)
}

// fault is what a request gets that is none: a SOAP fault with status 500.
func fault(code, text string) control.Reply {
	var w writer
	head(&w)
	w.raw(`<s:Fault><faultcode xmlns:a="` + typesNS + `">a:` + code + `</faultcode>`)
	w.element("faultstring", text)
	w.raw(`<detail><e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">` + code + `</e:ResponseCode></detail>`)
	w.raw(`</s:Fault></s:Body></s:Envelope>`)
	return control.Reply{Status: http.StatusInternalServerError, Reason: code, Header: xmlHeader, Body: w.Bytes()}
}

// eventTypes may be subscribed to. StatusEvent comes by itself.
var eventTypes = []string{"CopiedEvent", createdEvent, deletedEvent, modifiedEvent, "MovedEvent", newMailEvent, "FreeBusyChangedEvent"}

// subscribe makes a push subscription and begins its first notification, which so may arrive before this answer.
func (s *Server) subscribe(m *mailbox, operation *node) control.Reply {
	push := operation.find("PushSubscriptionRequest")
	if push == nil {
		return reply("Subscribe", &refusal{"ErrorInvalidSubscriptionRequest", "This simulator makes push subscriptions only."}, nil)
	}
	r, problem := schema(push)
	if problem != "" {
		return fault("ErrorSchemaValidation", "The request failed schema validation: "+problem)
	}
	if wrong := s.complete(&r, m, push); wrong != nil {
		return reply("Subscribe", wrong, nil)
	}
	sub := s.newSubscription(m, r)
	s.begin(sub)
	return reply("Subscribe", nil, func(w *writer) {
		w.element("m:SubscriptionId", sub.id)
		w.element("m:Watermark", watermark(guidOf("database "+sub.server), sub.acked))
	})
}

// schema reads what the schema demands: types, a frequency, a URL in capitals.
func schema(push *node) (r request, problem string) {
	for _, t := range push.find("EventTypes").children() {
		if !slices.Contains(eventTypes, t.content()) {
			return r, "the event type '" + t.content() + "' is not valid."
		}
		r.types = append(r.types, t.content())
	}
	r.url = push.find("URL").content()
	frequency, ok := number(push.find("StatusFrequency").content())
	r.frequency = frequency
	switch {
	case len(r.types) == 0:
		problem = "EventTypes has no EventType."
	case !ok || frequency < 1 || frequency > 1440:
		problem = "StatusFrequency must be between 1 and 1440."
	case r.url == "":
		problem = "the element URL is missing."
	}
	return r, problem
}

// complete finds the folders, and refuses what the schema allows but the server does not.
func (s *Server) complete(r *request, m *mailbox, push *node) *refusal {
	const invalid = "ErrorInvalidSubscriptionRequest"
	all := push.attr("SubscribeToAllFolders") == "true" || push.attr("SubscribeToAllFolders") == "1"
	ids := push.find("FolderIds").children()
	switch {
	case all == (len(ids) > 0):
		return &refusal{invalid, "Either SubscribeToAllFolders or FolderIds must be given."}
	case !strings.HasPrefix(r.url, "http://") && !strings.HasPrefix(r.url, "https://"):
		return &refusal{"ErrorInvalidPushSubscriptionUrl", "The URL is not valid."}
	case len(m.subs) >= s.limit:
		return &refusal{"ErrorExceededSubscriptionCount", "You have exceeded the available subscriptions for your account."}
	}
	for _, id := range ids {
		f, wrong := m.folder(id)
		if wrong != nil {
			return wrong
		}
		r.folders = append(r.folders, f)
	}
	return nil
}

// folder finds the one that a DistinguishedFolderId or a FolderId names.
func (m *mailbox) folder(id *node) (Folder, *refusal) {
	name := id.attr("Id")
	if id.name == "DistinguishedFolderId" && slices.Contains(folders, Folder(name)) {
		if owner := id.find("Mailbox", "EmailAddress").content(); owner != "" && !strings.EqualFold(owner, m.name) {
			return "", &refusal{"ErrorSubscriptionDelegateAccessNotSupported", "Delegates cannot subscribe."}
		}
		return Folder(name), nil
	}
	if f, ok := m.folderOf(name); ok && id.name == "FolderId" {
		return f, nil
	}
	return "", &refusal{"ErrorFolderNotFound", "The specified folder could not be found in the store."}
}

// unsubscribe is not for push subscriptions: they end by the listener's answer, or by silence.
func (s *Server) unsubscribe(_ *mailbox, operation *node) control.Reply {
	if s.subs[operation.find("SubscriptionId").content()] == nil {
		return reply("Unsubscribe", &refusal{"ErrorSubscriptionNotFound", "The specified subscription was not found."}, nil)
	}
	return reply("Unsubscribe", &refusal{"ErrorInvalidSubscription", "A push subscription ends when its listener answers Unsubscribe."}, nil)
}
