package vonage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// errCodes say why a message was not delivered (Vonage, "Delivery receipt error codes"). Those that bar the number mean
// that it never works again; what has no row here is the networks' policy.
var errCodes = map[string]verdict{
	"1":  {reason: message.RefusedPolicy, detail: "The network does not say why it did not deliver the message."},
	"2":  {reason: message.RefusedPolicy, detail: "The phone was switched off or out of reach."},
	"3":  {reason: message.NumberBarred, detail: "The number is no longer in use."},
	"4":  {reason: message.NumberBarred, detail: "The number is barred from receiving messages."},
	"5":  {reason: message.RefusedPolicy, detail: "The number has moved to another network, and the message did not follow it."},
	"6":  {reason: message.RefusedPolicy, detail: "The network took the message for spam."},
	"7":  {reason: message.RefusedPolicy, detail: "The phone was busy."},
	"8":  {reason: message.RefusedPolicy, detail: "The network had a fault."},
	"9":  {reason: message.NumberInvalid, detail: "The network does not know the number."},
	"10": {reason: message.RefusedPolicy, detail: "The network refused the message as invalid."},
	"11": {reason: message.NumberInvalid, detail: "There is no way to the number's network."},
	"12": {reason: message.RefusedPolicy, detail: "The phone could not be reached."},
	"13": {reason: message.RefusedPolicy, detail: "The network keeps the message from its reader by age."},
	"14": {reason: message.RefusedPolicy, detail: "The carrier has blocked the message."},
	"15": {reason: message.RefusedPolicy, detail: "The phone's prepaid card has no credit."},
	"16": {reason: message.RefusedPolicy, detail: "The gateway's quota is used up."},
	"50": {reason: message.RefusedPolicy, detail: "The rules of the country want the sender to be registered (entity)."},
	"51": {reason: message.RefusedPolicy, detail: "The rules of the country want the sender's name to be registered (header)."},
	"52": {reason: message.RefusedPolicy, detail: "The rules of the country want the text to be registered (content)."},
	"53": {reason: message.RefusedPolicy, detail: "The receiver has not consented to such messages."},
	"54": {reason: message.RefusedPolicy, detail: "The message breaks the rules of the country."},
	"99": {reason: message.RefusedPolicy, detail: "The network refused the message."},
}

// maxReceipt bounds a receipt; a whole one has about 400 bytes.
const maxReceipt = 16 << 10

// ReadReceipt understands a delivery receipt: the parameters of a GET, a form or a JSON object. Its time is not compared
// with ours: the service brings the same receipt for 24 hours until somebody takes it, and a repeat changes nothing.
func (s *Settings) ReadReceipt(r channel.Incoming) (channel.Receipt, error) {
	p, err := parametersOf(r)
	if err != nil {
		return channel.Receipt{}, err
	}
	if s.signed() && !fits(p["sig"], methods[s.SignatureMethod](p, s.SignatureSecret)) {
		return channel.Receipt{}, channel.ErrSignature
	}
	if p["status"] == "" {
		return channel.Receipt{}, fmt.Errorf("%w: it has no status", channel.ErrReceipt)
	}
	return receiptOf(p), nil
}

func receiptOf(p map[string]string) channel.Receipt {
	r := channel.Receipt{ProviderID: clean(p["messageId"]), At: happened(p["message-timestamp"])}
	if id, err := message.ParseDeliveryID(p["client-ref"]); err == nil {
		r.Delivery = id
	}
	status, code := strings.ToLower(clean(p["status"])), clean(p["err-code"])
	r.Answer = strings.TrimSpace(status + " " + code)
	switch status {
	case "delivered":
		r.State = message.Delivered
	case "expired":
		r.State, r.Reason, r.Detail = message.Failed, message.Expired, "The message was not delivered before its time was up."
	case "failed", "rejected":
		v, ok := errCodes[code]
		if !ok {
			v = errCodes["99"]
		}
		r.State, r.Reason, r.Detail = message.Failed, v.reason, v.detail
	}
	return r
}

// happened reads message-timestamp: UTC, "2026-01-31 12:00:00".
func happened(text string) time.Time {
	at, err := time.Parse(time.DateTime, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// parametersOf takes a receipt out of its request, whichever way the account is set to send it.
func parametersOf(r channel.Incoming) (map[string]string, error) {
	if len(r.Query) > maxReceipt || len(r.Body) > maxReceipt {
		return nil, fmt.Errorf("%w: it is too long", channel.ErrReceipt)
	}
	if r.Method == http.MethodGet {
		return formOf(r.Query)
	}
	if r.Method != http.MethodPost {
		return nil, fmt.Errorf("%w: it comes by GET or POST", channel.ErrReceipt)
	}
	kind, _, err := mime.ParseMediaType(r.ContentType)
	switch {
	case err == nil && kind == "application/json":
		return objectOf(r.Body)
	case err == nil && kind == "application/x-www-form-urlencoded":
		return formOf(string(r.Body))
	}
	return nil, fmt.Errorf("%w: it is a form or JSON", channel.ErrReceipt)
}

// formOf reads a form. A parameter that is there twice could be signed as one and read as the other, so none is.
func formOf(text string) (map[string]string, error) {
	form, err := url.ParseQuery(text)
	if err != nil {
		return nil, fmt.Errorf("%w: the form cannot be read", channel.ErrReceipt)
	}
	p := make(map[string]string, len(form))
	for name, values := range form {
		if len(values) != 1 {
			return nil, fmt.Errorf("%w: a parameter is there twice", channel.ErrReceipt)
		}
		p[name] = values[0]
	}
	return p, nil
}

// objectOf reads a JSON object of strings and numbers. null is as if it were not there.
func objectOf(body []byte) (map[string]string, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil || object == nil {
		return nil, fmt.Errorf("%w: the JSON cannot be read", channel.ErrReceipt)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows the JSON", channel.ErrReceipt)
	}
	p := make(map[string]string, len(object))
	for name, value := range object {
		switch v := value.(type) {
		case string:
			p[name] = v
		case json.Number:
			p[name] = v.String()
		case bool:
			p[name] = fmt.Sprint(v)
		case nil:
		default:
			return nil, fmt.Errorf("%w: a parameter is not a text", channel.ErrReceipt)
		}
	}
	return p, nil
}
