package api

import (
	"context"
	"slices"
	"strconv"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/template"
)

// Templates is the door's side that keeps templates.
type Templates interface {
	Templates(ctx context.Context) ([]intake.TemplateView, error)
	Template(ctx context.Context, ref string) (intake.TemplateView, error)
	CreateTemplate(ctx context.Context, actor access.Actor, t template.Template) (intake.TemplateView, error)
	UpdateTemplate(ctx context.Context, actor access.Actor, id string, t template.Template) (intake.TemplateView, error)
	DuplicateTemplate(ctx context.Context, actor access.Actor, id, name string) (intake.TemplateView, error)
	RestoreTemplate(ctx context.Context, actor access.Actor, id string) (intake.TemplateView, error)
	DeleteTemplate(ctx context.Context, actor access.Actor, id string) error
	PreviewTemplate(ctx context.Context, actor access.Actor, t template.Template, device fleet.DeviceID, user fleet.UserID) ([]intake.TemplatePreview, error)
	TestTemplate(ctx context.Context, actor access.Actor, t template.Template, test intake.TemplateTest) (channel.Report, error)

	Sounds(ctx context.Context) ([]template.Sound, error)
	Sound(ctx context.Context, id string) (template.Sound, error)
	CreateSound(ctx context.Context, actor access.Actor, name string) (template.Sound, error)
	RenameSound(ctx context.Context, actor access.Actor, id, name string) (template.Sound, error)
	DeleteSound(ctx context.Context, actor access.Actor, id string) error

	Organization(ctx context.Context) (fleet.Organization, error)
	SetOrganization(ctx context.Context, actor access.Actor, o fleet.Organization) (fleet.Organization, error)
}

// Template is what to say on one occasion.
type Template struct {
	ID          string `json:"id" readOnly:"true" doc:"That of a predefined one is its type."`
	Name        string `json:"name" required:"true" maxLength:"128" doc:"Unique."`
	Description string `json:"description" maxLength:"1000"`
	Type        string `json:"type" doc:"One of /template-types; required in a new template, and fixed from then on." example:"jailbroken"`

	Predefined    bool    `json:"predefined" readOnly:"true" doc:"It came with Heliograph: it cannot be deleted, and its texts can be restored."`
	Changed       bool    `json:"changed" readOnly:"true" doc:"A predefined one that no longer says what it came with."`
	ManualSending bool    `json:"manual_sending" readOnly:"true" doc:"Manual sending supported: it can be given to POST /notifications."`
	RefusedBy     *string `json:"manual_sending_refused_by" readOnly:"true" enum:"type,macro" doc:"Why it cannot be sent by hand: its type, or a macro that only an event has a value for. null = it can."`

	Language string                     `json:"language" maxLength:"35" doc:"Of the texts in push, smtp and sms (BCP 47). Absent in a new template: the organisation's." example:"en"`
	Push     *TemplatePush              `json:"push" doc:"null = the type has no push."`
	SMTP     *TemplateMail              `json:"smtp"`
	SMS      *TemplateSMS               `json:"sms"`
	Variants map[string]TemplateVariant `json:"variants" doc:"The texts in other languages, for people who read them."`

	Channels  []TemplateChannel `json:"channels" readOnly:"true" doc:"Those of the type. What is correctly configured comes first, in the order SMTP, SMS, push; then what is not."`
	Warnings  []Fault           `json:"warnings" readOnly:"true" doc:"What is doubtful, such as a recipient that was changed or a property that nothing has. Empty in lists."`
	UsedBy    []TemplateUse     `json:"used_by" readOnly:"true" doc:"What keeps it from being deleted. Empty in lists."`
	CreatedAt *time.Time        `json:"created_at" readOnly:"true"`
	UpdatedAt *time.Time        `json:"updated_at" readOnly:"true"`
}

// TemplatePush is what a template says by push.
type TemplatePush struct {
	Active  bool   `json:"active" doc:"Takes a push provider."`
	Message string `json:"message" doc:"Required while active. May hold macros."`
	Sound   string `json:"sound" doc:"Name of one of /sounds; absent = Default." example:"Default"`
}

// TemplateMail is what a template says by e-mail.
type TemplateMail struct {
	Active    bool   `json:"active" doc:"Takes an active SMTP server."`
	Sender    string `json:"sender" doc:"A name, an address or both; empty = the server's."`
	Recipient string `json:"recipient" doc:"Macros and addresses, separated by semicolons; absent = the type's."`
	Subject   string `json:"subject" doc:"Required while active. May hold macros."`
	Message   string `json:"message" doc:"May hold macros."`
}

// TemplateSMS is what a template says by text message.
type TemplateSMS struct {
	Active    bool   `json:"active" doc:"Takes an active SMS gateway, or carrier gateways in use and an active SMTP server."`
	Recipient string `json:"recipient" doc:"Macros and numbers, separated by semicolons; absent = the type's."`
	Message   string `json:"message" doc:"Required while active. May hold macros."`
}

// TemplateVariant is the texts of a template in another language. A channel that is absent is said in the template's own.
type TemplateVariant struct {
	Push *VariantText `json:"push,omitempty"`
	SMTP *VariantMail `json:"smtp,omitempty"`
	SMS  *VariantText `json:"sms,omitempty"`
}

// VariantText is a message in another language.
type VariantText struct {
	Message string `json:"message" required:"true"`
}

// VariantMail is an e-mail in another language.
type VariantMail struct {
	Subject string `json:"subject" required:"true"`
	Message string `json:"message"`
}

// TemplateChannel says whether a template can reach anybody on a channel.
type TemplateChannel struct {
	Channel    string   `json:"channel" enum:"push,smtp,sms"`
	Active     bool     `json:"active"`
	Configured bool     `json:"configured" doc:"Something is set up for the channel, and the template says something on it."`
	Missing    []string `json:"missing" enum:"no_smtp_server,no_sms_gateway,no_push_provider,no_subject,no_message" doc:"What is missing; empty when it is configured."`
}

// TemplateUse is something that uses a template.
type TemplateUse struct {
	Kind string `json:"kind" example:"notification"`
	ID   string `json:"id"`
	Name string `json:"name" doc:"What people know it by; of a scheduled notification its time."`
}

func showTemplate(v intake.TemplateView) Template {
	shown := Template{
		ID: v.ID, Name: v.Name, Description: v.Description, Type: string(v.Type), Predefined: v.Predefined, Changed: v.Changed,
		ManualSending: v.Manual == "", RefusedBy: orNull(v.Manual), Language: v.Language, Variants: map[string]TemplateVariant{},
		Channels: []TemplateChannel{}, Warnings: listOf(faultsOf(v.Warnings)), UsedBy: []TemplateUse{},
		CreatedAt: timeOrNull(v.CreatedAt), UpdatedAt: timeOrNull(v.UpdatedAt),
	}
	if v.Kind.Supports(template.Push) {
		shown.Push = &TemplatePush{Active: v.Push.Active, Message: v.Push.Message, Sound: soundOf(v.Push.Sound)}
	}
	if v.Kind.Supports(template.SMTP) {
		shown.SMTP = &TemplateMail{v.SMTP.Active, v.SMTP.Sender, v.SMTP.Recipient, v.SMTP.Subject, v.SMTP.Message}
	}
	if v.Kind.Supports(template.SMS) {
		shown.SMS = &TemplateSMS{v.SMS.Active, v.SMS.Recipient, v.SMS.Message}
	}
	for language, variant := range v.Variants {
		shown.Variants[language] = showVariant(variant)
	}
	for _, s := range v.Channels {
		shown.Channels = append(shown.Channels, TemplateChannel{s.Channel.String(), s.Active, s.Configured(), listOf(renamed[string](s.Missing))})
	}
	for _, u := range v.Uses {
		shown.UsedBy = append(shown.UsedBy, TemplateUse(u))
	}
	return shown
}

// soundOf is the name of a sound as the list has it.
func soundOf(name string) string {
	if name == "" {
		return template.DefaultSound
	}
	return name
}

func showVariant(v template.Variant) (shown TemplateVariant) {
	if v.Push != "" {
		shown.Push = &VariantText{v.Push}
	}
	if v.Subject != "" || v.Mail != "" {
		shown.SMTP = &VariantMail{v.Subject, v.Mail}
	}
	if v.SMS != "" {
		shown.SMS = &VariantText{v.SMS}
	}
	return shown
}

// noun is the template that a body describes.
func (t Template) noun() template.Template {
	n := template.Template{Name: t.Name, Description: t.Description, Type: template.TypeKey(t.Type)}
	n.Language, n.Variants = t.Language, map[string]template.Variant{}
	if p := t.Push; p != nil {
		n.Push = template.PushPart{Active: p.Active, Message: p.Message, Sound: p.Sound}
	}
	if m := t.SMTP; m != nil {
		n.SMTP = template.MailPart{Active: m.Active, Sender: m.Sender, Recipient: m.Recipient, Subject: m.Subject, Message: m.Message}
	}
	if s := t.SMS; s != nil {
		n.SMS = template.SMSPart{Active: s.Active, Recipient: s.Recipient, Message: s.Message}
	}
	for language, v := range t.Variants {
		n.Variants[language] = v.noun()
	}
	return n
}

func (v TemplateVariant) noun() (n template.Variant) {
	if v.Push != nil {
		n.Push = v.Push.Message
	}
	if v.SMTP != nil {
		n.Subject, n.Mail = v.SMTP.Subject, v.SMTP.Message
	}
	if v.SMS != nil {
		n.SMS = v.SMS.Message
	}
	return n
}

type listTemplatesInput struct {
	Paged
	Type          []string    `query:"type,explode" doc:"One of these. Repeat it, or separate with commas."`
	ManualSending maybe[bool] `query:"manual_sending" doc:"Only those that can, or cannot, be sent by hand."`
}

func (in *listTemplatesInput) wants(v intake.TemplateView) bool {
	byHand := in.ManualSending.pointer()
	return (len(in.Type) == 0 || slices.Contains(in.Type, string(v.Type))) && (byHand == nil || *byHand == (v.Manual == ""))
}

// listTemplates pages through templates by their key: there are a few dozen of them.
func (s *server) listTemplates(ctx context.Context, _ access.Actor, in *listTemplatesInput) (*found[page[Template]], error) {
	list, err := s.door.Templates(ctx)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(v intake.TemplateView) bool { return !in.wants(v) })
	slices.Reverse(list) // newest first
	if in.Cursor != "" {
		after, err := strconv.ParseInt(in.Cursor, 10, 64)
		if err != nil {
			return nil, refused(Fault{"cursor", "was not made by this list"})
		}
		list = slices.DeleteFunc(list, func(v intake.TemplateView) bool { return v.Key >= after })
	}
	next := ""
	if len(list) > in.Limit {
		list = list[:in.Limit]
		next = strconv.FormatInt(list[in.Limit-1].Key, 10)
	}
	return pageOf(list, next, showTemplate), nil
}

// templateByID reads a template by its id alone: in an address a name is none.
func (s *server) templateByID(ctx context.Context, id string) (intake.TemplateView, error) {
	v, err := s.door.Template(ctx, id)
	if err == nil && v.ID != id {
		return v, newProblem(404, notThere)
	}
	return v, err
}

func (s *server) getTemplate(ctx context.Context, _ access.Actor, in *ByID) (*found[Template], error) {
	v, err := s.templateByID(ctx, in.ID)
	return find(showTemplate(v), err)
}

type createTemplateInput struct{ payload[Template] }

func (s *server) createTemplate(ctx context.Context, actor access.Actor, in *createTemplateInput) (*made[Template], error) {
	v, err := s.door.CreateTemplate(ctx, actor, in.body.noun())
	return madeTemplate(v, err)
}

func madeTemplate(v intake.TemplateView, err error) (*made[Template], error) {
	if err != nil {
		return nil, err
	}
	return &made[Template]{prefix + templatesPath + "/" + v.ID, showTemplate(v)}, nil
}

type updateTemplateInput struct {
	ByID
	payload[Template]
}

func (s *server) updateTemplate(ctx context.Context, actor access.Actor, in *updateTemplateInput) (*found[Template], error) {
	if err := sameID(in.ID, in.body.ID); err != nil {
		return nil, err
	}
	v, err := s.door.UpdateTemplate(ctx, actor, in.ID, in.body.noun())
	return find(showTemplate(v), err)
}

func (s *server) deleteTemplate(ctx context.Context, actor access.Actor, in *ByID) (*nothing, error) {
	return &nothing{}, s.door.DeleteTemplate(ctx, actor, in.ID)
}

type restoreTemplateInput struct {
	ByID
	payload[Nothing]
}

func (s *server) restoreTemplate(ctx context.Context, actor access.Actor, in *restoreTemplateInput) (*found[Template], error) {
	v, err := s.door.RestoreTemplate(ctx, actor, in.ID)
	return find(showTemplate(v), err)
}

// TemplateCopy asks for a copy of a template.
type TemplateCopy struct {
	Name string `json:"name,omitempty" maxLength:"128" doc:"Absent = made from the name of the first."`
}

type duplicateTemplateInput struct {
	ByID
	payload[TemplateCopy]
}

func (s *server) duplicateTemplate(ctx context.Context, actor access.Actor, in *duplicateTemplateInput) (*made[Template], error) {
	v, err := s.door.DuplicateTemplate(ctx, actor, in.ID, in.body.Name)
	return madeTemplate(v, err)
}

// TemplatePreviewRequest asks what somebody would get: of a stored template, or of one that is not saved yet.
type TemplatePreviewRequest struct {
	ID       string    `json:"id,omitempty" maxLength:"128" doc:"Id or name of a stored template."`
	Template *Template `json:"template" doc:"One that is not saved. Beside id, it stands in for its texts."`
	DeviceID string    `json:"device_id,omitempty" maxLength:"128" doc:"Its values, and those of its user unless user_id says otherwise."`
	UserID   string    `json:"user_id,omitempty" maxLength:"128"`
	Language string    `json:"language,omitempty" maxLength:"35" doc:"Only this one of the template's languages."`
	Channel  string    `json:"channel,omitempty" enum:"push,smtp,sms" doc:"Only this one."`
}

// TemplatePreviews are a template in each of its languages.
type TemplatePreviews struct {
	Items []TemplatePreview `json:"items"`
}

// TemplatePreview is a template in one language, as somebody would get it. What says nothing is absent.
type TemplatePreview struct {
	Language string      `json:"language" example:"en"`
	Push     *PushText   `json:"push,omitempty"`
	SMTP     *MailText   `json:"smtp,omitempty"`
	SMS      *PreviewSMS `json:"sms,omitempty"`
	Missing  []string    `json:"missing" doc:"Macros that have no value."`
	Samples  []string    `json:"samples" doc:"Macros that only the occasion has a value for: a made-up one is shown."`
}

// PreviewSMS is a text message and what it takes.
type PreviewSMS struct {
	SMSText
	Alphabet string `json:"alphabet" enum:"gsm7,ucs2"`
	Units    int    `json:"units" doc:"Septets, or 16-bit units."`
	Parts    int    `json:"parts" doc:"Messages on the air, each of which is paid for."`
}

type previewTemplateInput struct {
	payload[TemplatePreviewRequest]
}

func (s *server) previewTemplate(ctx context.Context, actor access.Actor, in *previewTemplateInput) (*found[TemplatePreviews], error) {
	t, err := s.meant(ctx, in.body.ID, in.body.Template)
	if err != nil {
		return nil, err
	}
	list, err := s.door.PreviewTemplate(ctx, actor, t, fleet.DeviceID(in.body.DeviceID), fleet.UserID(in.body.UserID))
	if err != nil {
		return nil, err
	}
	shown := TemplatePreviews{Items: []TemplatePreview{}}
	for _, p := range list {
		if in.body.Language == "" || in.body.Language == p.Language {
			shown.Items = append(shown.Items, showTemplatePreview(p, in.body.Channel))
		}
	}
	if len(shown.Items) == 0 {
		return nil, refused(Fault{"/language", "is none of the template's languages"})
	}
	return find(shown, nil)
}

// meant is a stored template, one that is not saved, or the one with the texts of the other.
func (s *server) meant(ctx context.Context, ref string, unsaved *Template) (template.Template, error) {
	if ref == "" && unsaved == nil {
		return template.Template{}, refused(Fault{"/id", "is required, or template"})
	}
	if ref == "" {
		return unsaved.noun(), nil
	}
	v, err := s.door.Template(ctx, ref)
	if err != nil || unsaved == nil {
		return v.Template, err
	}
	t := unsaved.noun()
	t.Type = v.Type
	if t.Language == "" {
		t.Language = v.Language
	}
	return t, nil
}

func showTemplatePreview(p intake.TemplatePreview, only string) TemplatePreview {
	wanted := func(c message.Channel) bool { return only == "" || only == c.String() }
	shown := TemplatePreview{Language: p.Language, Missing: listOf(p.Missing), Samples: listOf(p.Samples)}
	if p.Content.Push != nil && wanted(message.Push) {
		shown.Push = (*PushText)(p.Content.Push)
		shown.Push.Sound = soundOf(shown.Push.Sound)
	}
	if p.Content.SMTP != nil && wanted(message.SMTP) {
		shown.SMTP = (*MailText)(p.Content.SMTP)
	}
	if p.Content.SMS != nil && wanted(message.SMS) {
		shown.SMS = &PreviewSMS{SMSText(*p.Content.SMS), string(p.SMS.Alphabet), p.SMS.Units, p.SMS.Parts}
	}
	return shown
}

// TemplateTest asks for one real message of a template.
type TemplateTest struct {
	Channel  string `json:"channel" required:"true" enum:"push,smtp,sms"`
	To       string `json:"to" required:"true" maxLength:"320" doc:"A mail address, a number, or for push the id of a device."`
	Language string `json:"language,omitempty" maxLength:"35" doc:"Absent = the template's own."`
	DeviceID string `json:"device_id,omitempty" maxLength:"128" doc:"Whose values fill it in. Absent: nobody's, and for push those of the device that gets it."`
}

type testTemplateInput struct {
	ByID
	payload[TemplateTest]
}

func (s *server) testTemplate(ctx context.Context, actor access.Actor, in *testTemplateInput) (*found[Report], error) {
	v, err := s.templateByID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	r, err := s.door.TestTemplate(ctx, actor, v.Template, intake.TemplateTest{
		Channel: channelOf(in.body.Channel), To: in.body.To, Language: in.body.Language, Device: fleet.DeviceID(in.body.DeviceID),
	})
	return find(showReport(r), err)
}

// TemplateType says on which occasion templates are used.
type TemplateType struct {
	Type       string            `json:"type" example:"jailbroken"`
	Name       string            `json:"name" example:"Jailbroken or Rooted"`
	Channels   []string          `json:"channels" enum:"push,smtp,sms"`
	Manual     bool              `json:"manual_sending" doc:"Templates of the type can be sent by hand, unless their macros forbid it."`
	Addable    bool              `json:"addable" doc:"More templates of the type can be added."`
	To         string            `json:"to" enum:"typed,people,newcomers,administrators" doc:"Whom they speak to."`
	Recipients map[string]string `json:"recipients" doc:"What Recipient is filled in with, by channel."`
	Facts      []string          `json:"facts" doc:"Macros that have a value on this occasion alone; device.* = the property that triggered it."`
}

type listTemplateTypesInput struct{ Paged }

// listTemplateTypes has the order in which people choose from it.
func (s *server) listTemplateTypes(_ context.Context, _ access.Actor, in *listTemplateTypesInput) (*found[page[TemplateType]], error) {
	part, next, err := partOf(template.Types(), in.Paged)
	return pageOf(part, next, showTemplateType), err
}

func showTemplateType(t template.Type) TemplateType {
	shown := TemplateType{
		Type: string(t.Key), Name: t.Name, Manual: t.Manual, Addable: !t.Single, To: string(t.To), Channels: renamed[string](t.Channels),
		Recipients: map[string]string{}, Facts: listOf(t.Facts),
	}
	for _, c := range t.Channels {
		if recipient := t.Recipient(c); recipient != "" {
			shown.Recipients[string(c)] = recipient
		}
	}
	return shown
}
