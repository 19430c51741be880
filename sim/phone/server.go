package phone

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// mailServer speaks EWS with the simulated Exchange, as far as the app needs it.
type mailServer struct {
	origin, mailbox string
	client          *http.Client
}

// maxAnswer bounds an answer of the mail server: 512 changes are far below it.
const maxAnswer = 4 << 20

// responseMessage is what every operation answers.
type responseMessage struct {
	Class string `xml:"ResponseClass,attr"`
	Code  string `xml:"ResponseCode"`

	SubscriptionID string `xml:"SubscriptionId"`
	SyncState      string
	Last           bool         `xml:"IncludesLastItemInRange"`
	Created        []mail       `xml:"Changes>Create>Message"`
	Deleted        []mailID     `xml:"Changes>Delete>ItemId"`
	Flagged        []readChange `xml:"Changes>ReadFlagChange"`
	Unread         int          `xml:"Folders>Folder>UnreadCount"`
}

type mailID struct {
	ID string `xml:"Id,attr"`
}

type mail struct {
	ItemID  mailID `xml:"ItemId"`
	Subject string
	From    string `xml:"From>Mailbox>Name"`
	IsRead  bool
}

type readChange struct {
	ItemID mailID `xml:"ItemId"`
	IsRead bool
}

// subscribe asks for push notifications of a folder.
func (m mailServer) subscribe(ctx context.Context, folder, callback string, types []string, frequency int) (id string, err error) {
	var list strings.Builder
	for _, t := range types {
		list.WriteString("<t:EventType>" + escape(t) + "</t:EventType>")
	}
	message, err := m.ask(ctx, "Subscribe", fmt.Sprintf(`<m:PushSubscriptionRequest><t:FolderIds><t:DistinguishedFolderId Id="%s"/></t:FolderIds>`+
		`<t:EventTypes>%s</t:EventTypes><t:StatusFrequency>%d</t:StatusFrequency><t:URL>%s</t:URL></m:PushSubscriptionRequest>`,
		escape(folder), list.String(), frequency, escape(callback)))
	return message.SubscriptionID, err
}

// changes are those of the inbox since a state; "" = everything.
func (m mailServer) changes(ctx context.Context, state string) (responseMessage, error) {
	return m.ask(ctx, "SyncFolderItems", `<m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape>`+
		`<m:SyncFolderId><t:DistinguishedFolderId Id="inbox"/></m:SyncFolderId><m:SyncState>`+escape(state)+`</m:SyncState>`+
		`<m:MaxChangesReturned>512</m:MaxChangesReturned>`)
}

func (m mailServer) unread(ctx context.Context) (int, error) {
	message, err := m.ask(ctx, "GetFolder", `<m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>`+
		`<m:FolderIds><t:DistinguishedFolderId Id="inbox"/></m:FolderIds>`)
	return message.Unread, err
}

// ask sends one operation.
func (m mailServer) ask(ctx context.Context, operation, content string) (responseMessage, error) {
	body := `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"` +
		` xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">` +
		`<s:Header><t:RequestServerVersion Version="Exchange2013"/></s:Header><s:Body><m:` + operation + `>` + content + `</m:` + operation + `></s:Body></s:Envelope>`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(m.origin, "/")+"/EWS/Exchange.asmx", strings.NewReader(body))
	if err != nil {
		return responseMessage{}, errors.New("the mail server's address cannot be read")
	}
	request.Header.Set("Content-Type", "text/xml; charset=utf-8")
	request.SetBasicAuth(m.mailbox, "password")
	response, err := m.client.Do(request)
	if err != nil {
		return responseMessage{}, errors.New("the mail server cannot be reached")
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return responseMessage{}, errors.New("the mail server broke off")
	}
	if response.StatusCode != http.StatusOK {
		return responseMessage{}, fmt.Errorf("the mail server answered %d", response.StatusCode)
	}
	return messageOf(text)
}

func messageOf(text []byte) (responseMessage, error) {
	var envelope struct {
		Body struct {
			Response struct {
				Messages struct {
					One []responseMessage `xml:",any"`
				} `xml:"ResponseMessages"`
			} `xml:",any"`
		}
	}
	if err := xml.NewDecoder(bytes.NewReader(text)).Decode(&envelope); err != nil {
		return responseMessage{}, errors.New("the mail server's answer cannot be read")
	}
	messages := envelope.Body.Response.Messages.One
	if len(messages) != 1 {
		return responseMessage{}, errors.New("the mail server's answer has no message")
	}
	if messages[0].Class != "Success" {
		return responseMessage{}, errors.New("the mail server answered " + messages[0].Code)
	}
	return messages[0], nil
}

func escape(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(text)) // a buffer takes everything
	return out.String()
}
