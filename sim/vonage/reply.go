package vonage

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"heliograph/sim/control"
)

// part is one entry of an answer. All values are strings, as the service has them.
type part struct {
	To        string `json:"to"`
	ID        string `json:"message-id,omitempty"`
	Status    string `json:"status"`
	Balance   string `json:"remaining-balance,omitempty"`
	Price     string `json:"message-price,omitempty"`
	Network   string `json:"network,omitempty"`
	ErrorText string `json:"error-text,omitempty"`
	Reference string `json:"client-ref,omitempty"`
}

// answer is the body of a 200.
type answer struct {
	Count    string `json:"message-count"`
	Messages []part `json:"messages"`
}

var jsonHeader = map[string]string{"Content-Type": "application/json"}

func replyOf(parts []part) control.Reply {
	body, _ := json.Marshal(answer{strconv.Itoa(len(parts)), parts}) // strings always encode
	return control.Reply{Status: http.StatusOK, Header: jsonHeader, Body: body}
}

// partsOf reads the entries of a reply; none of one that is not the service's.
func partsOf(reply control.Reply) []part {
	var a answer
	_ = json.Unmarshal(reply.Body, &a)
	return a.Messages
}

// reply refuses a whole message: one entry, whatever its length.
func (r refusal) reply(to string) control.Reply {
	return replyOf([]part{r.part(to)})
}

func (r refusal) part(to string) part {
	return part{To: to, Status: strconv.Itoa(r.status), ErrorText: r.text}
}

func taken(to, id, reference string) part {
	return part{To: to, ID: id, Status: "0", Balance: "15.53590000", Price: "0.03330000", Network: "41201", Reference: reference}
}

// statusesOf reads the detail of a rule: the statuses of the parts.
func statusesOf(detail string) ([]int, bool) {
	var list []int
	for word := range strings.SplitSeq(detail, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 0 || n > ownStatuses {
			return nil, false
		}
		list = append(list, n)
	}
	return list, true
}

// httpFailure is an answer that is none of the service.
func httpFailure(status int) control.Reply {
	return control.Reply{Status: status, Reason: http.StatusText(status),
		Header: map[string]string{"Content-Type": "text/html"}, Body: []byte("<html><body>" + http.StatusText(status) + "</body></html>")}
}
