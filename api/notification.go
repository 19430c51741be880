package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"heliograph/access"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/store"
	"heliograph/template"
)

// Notification is one thing to say to an audience, and how far it has come.
type Notification struct {
	ID               string     `json:"id" example:"01936b1e-6d0c-7c4e-9a53-0c1f5a6f3c11"`
	State            string     `json:"state" enum:"scheduled,expanding,sending,done,cancelled"`
	CreatedAt        time.Time  `json:"created_at"`
	SendAt           *time.Time `json:"send_at" doc:"null = at once."`
	StartedAt        *time.Time `json:"started_at" doc:"null = not yet."`
	FinishedAt       *time.Time `json:"finished_at" doc:"null = not yet."`
	ExpiresInSeconds *int64     `json:"expires_in_seconds" doc:"null = 24 hours for push, 72 hours for the rest."`
	RequestedBy      string     `json:"requested_by" doc:"Name of the administrator or API token."`
	Template         *string    `json:"template" doc:"Name of the template it came from; null = ad hoc."`
	Recipients       int64      `json:"recipients" doc:"Number of deliveries: the sum of all counts."`
	Counts           Counts     `json:"counts"`
	Audience         Audience   `json:"audience"`
	Content          Said       `json:"content"`
}

// Said is what a notification says, in every language. It stays as it was when the notification was asked for.
type Said struct {
	Content
	Language string                     `json:"language,omitempty" doc:"Of these texts."`
	Variants map[string]TemplateVariant `json:"variants,omitempty" doc:"The texts in other languages, for people who read them."`
}

// Counts are deliveries by channel and state, always all of them.
type Counts struct {
	Push ChannelCounts `json:"push"`
	SMTP ChannelCounts `json:"smtp"`
	SMS  ChannelCounts `json:"sms"`
}

// ChannelCounts are the deliveries of one channel by state.
type ChannelCounts struct {
	Queued    int64 `json:"queued"`
	Sending   int64 `json:"sending"`
	Sent      int64 `json:"sent"`
	Delivered int64 `json:"delivered"`
	Failed    int64 `json:"failed"`
	Skipped   int64 `json:"skipped"`
	Cancelled int64 `json:"cancelled"`
	Unknown   int64 `json:"unknown"`
}

// Content is what is said, by channel. A channel is used when its part is present. Texts may hold macros.
type Content struct {
	Push *PushText `json:"push,omitempty"`
	SMTP *MailText `json:"smtp,omitempty"`
	SMS  *SMSText  `json:"sms,omitempty"`
}

// PushText is shown by the device app.
type PushText struct {
	Message string `json:"message" example:"Hello ${user.givenname}, please update your ${device.SYSTEM_PLATFORM} device."`
	Sound   string `json:"sound,omitempty" doc:"Absent = the platform's default."`
	Badge   *int   `json:"badge,omitempty" minimum:"0" maximum:"1000000" doc:"Number on the app's icon; 0 clears it, absent leaves it alone."`
}

// MailText is an e-mail.
type MailText struct {
	Subject   string `json:"subject" example:"Please update ${device.name}"`
	Message   string `json:"message" example:"Hello ${user.displayname},\n\nyour device needs an update."`
	Sender    string `json:"sender,omitempty" doc:"A name, an address or both; absent = the server's."`
	Recipient string `json:"recipient,omitempty" doc:"Macros and addresses, separated by semicolons; absent = ${user.mail}."`
}

// SMSText is a text message.
type SMSText struct {
	Message   string `json:"message"`
	Recipient string `json:"recipient,omitempty" doc:"Macros and numbers, separated by semicolons; absent = ${user.mobile}."`
}

// NewNotification asks for a notification: with the texts given here, or those of a template.
type NewNotification struct {
	Audience         *Audience  `json:"audience"`
	AdHoc            *Content   `json:"ad_hoc"`
	Template         string     `json:"template,omitempty" maxLength:"256" doc:"Name or id."`
	Channels         []string   `json:"channels,omitempty" minItems:"1" enum:"push,smtp,sms" doc:"Of the template's channels, use these, switched on or not. Absent = those that are switched on and set up."`
	Overrides        *Overrides `json:"overrides" doc:"Texts in place of the template's, for everybody, whatever their language. What is absent stays."`
	SendAt           *time.Time `json:"send_at,omitempty" doc:"Absent = at once."`
	ExpiresInSeconds *int64     `json:"expires_in_seconds,omitempty" minimum:"1" maximum:"2592000" doc:"What was not delivered so long after the start is given up."`
}

// Overrides are texts in place of a template's. What is absent stays as the template has it.
type Overrides struct {
	Push *PushOverride `json:"push"`
	SMTP *MailOverride `json:"smtp"`
	SMS  *SMSOverride  `json:"sms"`
}

// PushOverride stands in for parts of a push.
type PushOverride struct {
	Message *string `json:"message"`
	Sound   *string `json:"sound"`
	Badge   *int    `json:"badge" minimum:"0" maximum:"1000000"`
}

// MailOverride stands in for parts of an e-mail.
type MailOverride struct {
	Subject   *string `json:"subject"`
	Message   *string `json:"message"`
	Sender    *string `json:"sender"`
	Recipient *string `json:"recipient"`
}

// SMSOverride stands in for parts of a text message.
type SMSOverride struct {
	Message   *string `json:"message"`
	Recipient *string `json:"recipient"`
}

func (o *Overrides) noun() template.Overrides {
	if o == nil {
		return template.Overrides{}
	}
	return template.Overrides{Push: (*template.PushOverride)(o.Push), SMTP: (*template.MailOverride)(o.SMTP), SMS: (*template.SMSOverride)(o.SMS)}
}

func showNotification(n message.Notification) Notification {
	shown := Notification{
		ID: string(n.ID), State: string(n.State), CreatedAt: n.CreatedAt.UTC(),
		SendAt: timeOrNull(n.SendAt), StartedAt: timeOrNull(n.StartedAt), FinishedAt: timeOrNull(n.FinishedAt),
		RequestedBy: n.RequestedBy, Template: orNull(n.Template), Recipients: n.Counts.Total(),
		Counts: Counts{
			Push: showCounts(n.Counts[message.Push]),
			SMTP: showCounts(n.Counts[message.SMTP]),
			SMS:  showCounts(n.Counts[message.SMS]),
		},
		Audience: showAudience(n.Audience), Content: showContent(n.Content),
	}
	if n.ExpiresIn > 0 {
		seconds := int64(n.ExpiresIn / time.Second)
		shown.ExpiresInSeconds = &seconds
	}
	return shown
}

func showCounts(c map[message.State]int64) ChannelCounts {
	return ChannelCounts{
		Queued: c[message.Queued], Sending: c[message.Sending], Sent: c[message.Sent], Delivered: c[message.Delivered],
		Failed: c[message.Failed], Skipped: c[message.Skipped], Cancelled: c[message.Cancelled], Unknown: c[message.Unknown],
	}
}

func showContent(c template.Content) Said {
	shown := Said{Content: texts(c), Language: c.Language}
	for language, v := range c.Variants {
		if shown.Variants == nil {
			shown.Variants = map[string]TemplateVariant{}
		}
		shown.Variants[language] = showVariant(v)
	}
	return shown
}

func texts(c template.Content) Content {
	return Content{Push: (*PushText)(c.Push), SMTP: (*MailText)(c.SMTP), SMS: (*SMSText)(c.SMS)}
}

func (c *Content) content() template.Content {
	if c == nil {
		return template.Content{}
	}
	return template.Content{
		Push: (*template.PushText)(c.Push), SMTP: (*template.MailText)(c.SMTP), SMS: (*template.SMSText)(c.SMS),
	}
}

// request is what the body asks for, or what is wrong with its parts together.
func (n NewNotification) request() (intake.Request, error) {
	var faults []Fault
	switch {
	case n.AdHoc != nil && n.Template != "":
		faults = append(faults, Fault{"/template", "cannot stand beside ad_hoc"})
	case n.AdHoc == nil && n.Template == "":
		faults = append(faults, Fault{"/ad_hoc", "is required, or template"})
	case n.Template == "" && n.Channels != nil:
		faults = append(faults, Fault{"/channels", "belongs to a template: ad_hoc uses the channels that it has"})
	case n.Template == "" && n.Overrides != nil:
		faults = append(faults, Fault{"/overrides", "belongs to a template"})
	}
	if faults != nil {
		return intake.Request{}, refused(faults...)
	}
	r := intake.Request{
		Audience: n.Audience.audience(), Content: n.AdHoc.content(), Template: n.Template, Overrides: n.Overrides.noun(),
		Channels: channelsOf(n.Channels),
	}
	if n.SendAt != nil {
		r.SendAt = n.SendAt.UTC()
	}
	if n.ExpiresInSeconds != nil {
		r.ExpiresIn = time.Duration(*n.ExpiresInSeconds) * time.Second
	}
	return r, nil
}

// Again is the header of a request that may come twice.
type Again struct {
	Key string `header:"Idempotency-Key" minLength:"1" maxLength:"255" doc:"Chosen by the caller, 1 to 255 characters. The same request under the same key within 24 hours gets the first answer again."`
}

// Resolve refuses a key that was sent empty: who sends one relies on it, and huma takes an empty header for an absent one.
func (*Again) Resolve(ctx huma.Context) (wrong []error) {
	ctx.EachHeader(func(name, value string) {
		if value == "" && strings.EqualFold(name, "Idempotency-Key") {
			wrong = append(wrong, &huma.ErrorDetail{Location: "header.Idempotency-Key", Message: "is empty; it has 1 to 255 characters"})
		}
	})
	return wrong
}

// kept is an answer that may be given again, byte for byte.
type kept struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Location    string `header:"Location" doc:"Where the notification is."`
	Replayed    string `header:"Idempotency-Replayed" doc:"true when this is the first answer, given again." example:"true"`
	Body        []byte
}

func answer(a store.Answer, replayed bool) *kept {
	k := &kept{Status: a.Status, ContentType: "application/json", Location: a.Location, Body: a.Body}
	if replayed {
		k.Replayed = "true"
	}
	return k
}

func encode(value any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // our own types, all of which can be written
	return b.Bytes()
}

// hashOf recognises a request: its address and its body, as they were.
func hashOf(address string, body []byte) []byte {
	h := sha256.New()
	h.Write([]byte(address))
	h.Write([]byte{0})
	h.Write(body)
	return h.Sum(nil)
}

// once does what a request asks, unless it did so before under the same key.
func (s *server) once(ctx context.Context, actor access.Actor, key string, hash []byte, do func() (*kept, error)) (*kept, error) {
	if key == "" {
		return do()
	}
	end, free := s.running.begin(actor.ID, key)
	if !free {
		return nil, newProblem(http.StatusConflict, "The first request under this Idempotency-Key is still being worked.",
			Fault{"Idempotency-Key", "belongs to a request that is still being worked"})
	}
	defer end()
	before, found, err := s.store.KeptAnswer(ctx, actor.ID, key, hash)
	switch {
	case err != nil:
		return nil, err
	case found:
		return answer(before, true), nil
	}
	return do()
}

type createNotificationInput struct {
	Again
	payload[NewNotification]
}

func (s *server) createNotification(ctx context.Context, actor access.Actor, in *createNotificationInput) (*kept, error) {
	hash := hashOf("POST /notifications", in.RawBody)
	return s.once(ctx, actor, in.Key, hash, func() (*kept, error) {
		r, err := in.body.request()
		if err != nil {
			return nil, err
		}
		var once *intake.Idempotency
		if in.Key != "" {
			once = &intake.Idempotency{TokenID: actor.ID, Key: in.Key, BodyHash: hash, Answer: accepted}
		}
		n, replayed, err := s.door.Send(ctx, actor, r, once)
		switch {
		case err != nil:
			return nil, err
		case !replayed:
			return answer(acceptedAnswer(n), false), nil
		}
		before, _, err := s.store.KeptAnswer(ctx, actor.ID, in.Key, hash) // another node was faster
		return answer(before, true), err
	})
}

// accepted is what is said about a notification that was taken.
func accepted(n message.Notification) (status int, location string, body []byte) {
	return http.StatusAccepted, prefix + "/notifications/" + string(n.ID), encode(showNotification(n))
}

func acceptedAnswer(n message.Notification) (a store.Answer) {
	a.Status, a.Location, a.Body = accepted(n)
	return a
}

type listNotificationsInput struct {
	Paged
	State []string `query:"state,explode" enum:"scheduled,expanding,sending,done,cancelled" doc:"One of these. Repeat it, or separate with commas."`
}

func (s *server) listNotifications(ctx context.Context, actor access.Actor, in *listNotificationsInput) (*found[page[Notification]], error) {
	f := store.NotificationFilter{State: renamed[message.Progress](in.State)}
	list, next, err := s.store.ListNotifications(ctx, actor.Scope, f, in.page())
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, showNotification), nil
}

func (s *server) getNotification(ctx context.Context, actor access.Actor, in *ByID) (*found[Notification], error) {
	n, err := s.store.Notification(ctx, actor.Scope, message.NotificationID(in.ID))
	return find(showNotification(n), err)
}

// Nothing is the body of an action that takes no arguments: {} or none.
type Nothing struct{}

type cancelInput struct {
	ByID
	payload[Nothing]
}

func (s *server) cancelNotification(ctx context.Context, actor access.Actor, in *cancelInput) (*found[Notification], error) {
	id := message.NotificationID(in.ID)
	if err := s.door.Cancel(ctx, actor, id); err != nil {
		return nil, err
	}
	n, err := s.store.Notification(ctx, actor.Scope, id)
	return find(showNotification(n), err)
}

// RetryRequest asks to send again what failed, or what may or may not have arrived.
type RetryRequest struct {
	States  []string `json:"states" required:"true" minItems:"1" maxItems:"2" enum:"failed,unknown"`
	Channel string   `json:"channel,omitempty" enum:"push,smtp,sms" doc:"Absent = all."`
}

// Retried says how many deliveries were queued again.
type Retried struct {
	Queued int64 `json:"queued"`
}

type retryInput struct {
	ByID
	Again
	payload[RetryRequest]
}

func (s *server) retryNotification(ctx context.Context, actor access.Actor, in *retryInput) (*kept, error) {
	hash := hashOf("POST /notifications/"+in.ID+"/retry", in.RawBody)
	return s.once(ctx, actor, in.Key, hash, func() (*kept, error) {
		var once *intake.Idempotency
		if in.Key != "" {
			once = &intake.Idempotency{TokenID: actor.ID, Key: in.Key, BodyHash: hash, Retried: retried}
		}
		queued, err := s.door.Retry(ctx, actor, message.NotificationID(in.ID), statesOf(in.body.States), channelOrAll(in.body.Channel), once)
		if once != nil && errors.Is(err, store.ErrConflict) { // another node was faster
			before, found, err := s.store.KeptAnswer(ctx, actor.ID, in.Key, hash)
			if err != nil || found {
				return answer(before, true), err
			}
		}
		if err != nil {
			return nil, err
		}
		a := store.Answer{}
		a.Status, a.Location, a.Body = retried(queued)
		return answer(a, false), nil
	})
}

// retried is what is said about deliveries that were queued again.
func retried(queued int64) (status int, location string, body []byte) {
	return http.StatusOK, "", encode(Retried{queued})
}

// statesOf and channelOf read words that the schema has checked.
func statesOf(words []string) (list []message.State) {
	for _, word := range words {
		if state, err := message.ParseState(word); err == nil {
			list = append(list, state)
		}
	}
	return list
}

func channelOf(word string) message.Channel {
	c, _ := message.ParseChannel(word) // 0 = all
	return c
}

// channelsOf keeps nil, which says that nothing was named.
func channelsOf(words []string) (list []message.Channel) {
	for _, one := range words {
		if c := channelOf(one); !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

func channelOrAll(word string) *message.Channel {
	if c := channelOf(word); c != 0 {
		return &c
	}
	return nil
}
