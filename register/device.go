package register

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"heliograph/mailbox"
	"heliograph/web"
)

// created answers a registration. The secrets in it are told this once.
type created struct {
	ID           string            `json:"id"`
	Secret       string            `json:"secret"`
	ListenerURLs map[string]string `json:"listener_urls"` // by folder
	SupportCode  string            `json:"support_code"`
	Region       string            `json:"region"`
	Subscribe    subscribe         `json:"subscribe"`
}

// subscribe is what the app asks its mail server for.
type subscribe struct {
	EventTypes             []string `json:"event_types"`
	StatusFrequencyMinutes int      `json:"status_frequency_minutes"`
}

// eventTypes are the events of Exchange that change what a mailbox shows (MS-OXWSNTIF section 2.2.5.1).
var eventTypes = []string{"NewMailEvent", "CreatedEvent", "ModifiedEvent", "MovedEvent", "DeletedEvent"}

func (s *server) create(w http.ResponseWriter, r *http.Request) error {
	key := bearer(r)
	if key == "" {
		return noSecret
	}
	from, _ := netip.ParseAddr(web.ClientAddress(r)) // the zero address is in no network
	appKey, err := s.service.Enter(r.Context(), key, from)
	if err != nil {
		return err
	}
	body, err := read(r.Body)
	if err != nil {
		return err
	}
	application := mailbox.Application{
		Platform: body.text("platform"), App: body.text("app"), Environment: body.text("environment"), Wake: body.text("wake"),
		Folders: body.texts("folders"),
	}
	application.Token = body.token(application.Platform)
	if err := body.end(); err != nil {
		return err
	}
	made, err := s.service.Create(r.Context(), appKey, application)
	if err != nil {
		return err
	}
	place, err := s.service.Place(r.Context())
	if err != nil {
		return err
	}
	return answerCreated(w, made, place)
}

func answerCreated(w http.ResponseWriter, made mailbox.Created, place mailbox.Place) error {
	answer := created{
		ID: made.ID.String(), Secret: made.Secret, SupportCode: mailbox.ShowSupportCode(made.SupportCode), Region: place.Region,
		ListenerURLs: map[string]string{}, Subscribe: subscribe{eventTypes, place.StatusFrequencyMinutes},
	}
	for _, folder := range mailbox.Folders {
		answer.ListenerURLs[folder.String()] = place.Listener + made.Capability.Path(folder)
	}
	w.Header().Set("Location", place.Registration+"/v1/registrations/"+url.PathEscape(answer.ID))
	return reply(w, http.StatusCreated, answer)
}

// shown is a registration as its device sees it.
type shown struct {
	ID            string         `json:"id"`
	State         string         `json:"state"`
	LastHeardAt   time.Time      `json:"last_heard_at"`
	LastEventAt   *time.Time     `json:"last_event_at"`
	LastWake      *wake          `json:"last_wake"`
	Badge         *int           `json:"badge"`
	Subscriptions []subscription `json:"subscriptions"`
	Resubscribe   bool           `json:"resubscribe"`
}

type wake struct {
	At     time.Time `json:"at"`
	Result string    `json:"result"`
	Reason *string   `json:"reason"`
}

type subscription struct {
	Handle      string     `json:"handle"`
	State       string     `json:"state"`
	LastHeardAt *time.Time `json:"last_heard_at"`
}

func showOf(r mailbox.Registration) shown {
	out := shown{
		ID: r.ID.String(), State: r.State.String(), LastHeardAt: r.HeardAt, LastEventAt: orNull(r.EventAt), Badge: r.Badge.Count,
		Subscriptions: []subscription{}, Resubscribe: r.Resubscribe,
	}
	if !r.WakeAt.IsZero() {
		out.LastWake = &wake{r.WakeAt, r.WakeResult, orNull(r.WakeReason)}
	}
	for _, sub := range r.Subscriptions {
		if sub.Handle != "" { // the app knows no others
			out.Subscriptions = append(out.Subscriptions, subscription{sub.Handle, string(sub.State()), orNull(sub.HeardAt)})
		}
	}
	return out
}

// orNull writes the zero value as null.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func (s *server) show(w http.ResponseWriter, _ *http.Request, of mailbox.Registration) error {
	return reply(w, http.StatusOK, showOf(of))
}

func (s *server) update(w http.ResponseWriter, r *http.Request, of mailbox.Registration) error {
	body, err := read(r.Body)
	if err != nil {
		return err
	}
	u := mailbox.Update{Token: body.token(of.Platform.String()), Environment: body.text("environment"), Wake: body.text("wake")}
	if err := body.end(); err != nil {
		return err
	}
	now, err := s.service.Update(r.Context(), of, u)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, showOf(now))
}

func (s *server) revoke(w http.ResponseWriter, r *http.Request, of mailbox.Registration) error {
	if err := s.service.Revoke(r.Context(), of); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) bind(w http.ResponseWriter, r *http.Request, of mailbox.Registration) error {
	body, err := read(r.Body)
	if err != nil {
		return err
	}
	b := mailbox.Bind{
		Source: body.text("source"), SubscriptionID: body.text("subscription_id"), Folder: body.text("folder"),
		FrequencyMinutes: body.whole("status_frequency_minutes"),
	}
	if err := body.end(); err != nil {
		return err
	}
	if err := s.service.Bind(r.Context(), of, r.PathValue("handle"), b); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) unbind(w http.ResponseWriter, r *http.Request, of mailbox.Registration) error {
	if err := s.service.Unbind(r.Context(), of, r.PathValue("handle")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func reply(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the caller may be gone
	return nil
}
