package console

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"heliograph/intake"
	"heliograph/message"
	"heliograph/template"
)

// templateForm is the form of one template.
type templateForm struct {
	View intake.TemplateView // as it is stored; without an id it is a new one
	Kind template.Type

	Name, Description, Language string

	Push, SMTP, SMS                      bool
	PushMessage, PushSound               string
	Subject, Mail, Sender, MailRecipient string
	Text, NumberRecipient                string
	Variants                             []variantFields

	PreviewFor string // id of a device
	PreviewIn  string // language; empty = the template's own

	Asks     bool // whether to set up what is missing: a new form does at once
	Problems []problem
	Warnings []problem
}

// variantFields are the texts in one more language.
type variantFields struct {
	Language                 string
	Push, Subject, Mail, SMS string
}

// at names a field of the variant.
func (v variantFields) at(field string) string { return "in_" + v.Language + "_" + field }

func newTemplateForm(kind template.Type, language string) *templateForm {
	return &templateForm{
		Kind: kind, Language: language,
		MailRecipient: kind.Recipient(template.SMTP), NumberRecipient: kind.Recipient(template.SMS),
	}
}

func editTemplateForm(v intake.TemplateView) *templateForm {
	f := &templateForm{
		View: v, Kind: v.Kind, Name: v.Name, Description: v.Description, Language: v.Language,
		Push: v.Push.Active, PushMessage: v.Push.Message, PushSound: v.Push.Sound,
		SMTP: v.SMTP.Active, Subject: v.SMTP.Subject, Mail: v.SMTP.Message, Sender: v.SMTP.Sender, MailRecipient: v.SMTP.Recipient,
		SMS: v.SMS.Active, Text: v.SMS.Message, NumberRecipient: v.SMS.Recipient,
	}
	for _, tag := range v.Languages() {
		one := v.Variants[tag]
		f.Variants = append(f.Variants, variantFields{tag, one.Push, one.Subject, one.Mail, one.SMS})
	}
	return f
}

// New reports whether the template was never saved.
func (f *templateForm) New() bool { return f.View.ID == "" }

// Action is where the form goes.
func (f *templateForm) Action() string {
	if f.New() {
		return templatesPath + "/new"
	}
	return templatePath(f.View.ID)
}

func (f *templateForm) heading(ctx context.Context) heading {
	if f.New() {
		return belowTemplates(ctx, t(ctx, "template.new"))
	}
	return belowTemplates(ctx, templateName(ctx, f.View.Template))
}

// Uses reports whether a channel is switched on.
func (f *templateForm) Uses(ch message.Channel) bool {
	return ch == message.Push && f.Push || ch == message.SMTP && f.SMTP || ch == message.SMS && f.SMS
}

// fill takes what was typed.
func (f *templateForm) fill(v url.Values) {
	line := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	f.Name, f.Description, f.Language = line("name"), lines(line("description")), line("language")
	f.Push, f.PushMessage, f.PushSound = v.Get("push") == "on", lines(v.Get("push_message")), line("push_sound")
	f.SMTP, f.Subject, f.Mail = v.Get("smtp") == "on", line("smtp_subject"), lines(v.Get("smtp_message"))
	f.Sender, f.MailRecipient = line("smtp_sender"), line("smtp_recipient")
	f.SMS, f.Text, f.NumberRecipient = v.Get("sms") == "on", lines(v.Get("sms_message")), line("sms_recipient")
	f.PreviewFor, f.PreviewIn = line("preview_device"), v.Get("preview_language")
	f.Variants = nil
	for _, tag := range v["variant"] {
		f.add(tag)
		if last := len(f.Variants) - 1; last >= 0 && f.Variants[last].Language == tag {
			one := &f.Variants[last]
			one.Push, one.Subject = lines(v.Get(one.at("push"))), line(one.at("subject"))
			one.Mail, one.SMS = lines(v.Get(one.at("mail"))), lines(v.Get(one.at("sms")))
		}
	}
}

// add adds a language, once, when it is one.
func (f *templateForm) add(tag string) {
	if _, err := language.Parse(tag); err != nil || strings.EqualFold(tag, f.Language) || f.has(tag) {
		return
	}
	f.Variants = append(f.Variants, variantFields{Language: tag})
}

func (f *templateForm) has(tag string) bool {
	return slices.ContainsFunc(f.Variants, func(v variantFields) bool { return strings.EqualFold(v.Language, tag) })
}

// changeLanguages does what the buttons below the languages ask for.
func (f *templateForm) changeLanguages(v url.Values) {
	if v.Has("add") {
		f.add(v.Get("add_language"))
	}
	f.Variants = slices.DeleteFunc(f.Variants, func(one variantFields) bool { return one.Language == v.Get("remove") })
}

// template is the form as the door takes it.
func (f *templateForm) template() template.Template {
	one := template.Template{ID: f.View.ID, Name: f.Name, Description: f.Description, Type: f.Kind.Key}
	one.Language = f.Language
	one.Push = template.PushPart{Active: f.Push, Message: f.PushMessage, Sound: f.PushSound}
	one.SMTP = template.MailPart{Active: f.SMTP, Sender: f.Sender, Recipient: f.MailRecipient, Subject: f.Subject, Message: f.Mail}
	one.SMS = template.SMSPart{Active: f.SMS, Recipient: f.NumberRecipient, Message: f.Text}
	one.Variants = map[string]template.Variant{}
	for _, v := range f.Variants {
		one.Variants[v.Language] = template.Variant{Push: v.Push, Subject: v.Subject, Mail: v.Mail, SMS: v.SMS}
	}
	if !f.Kind.Supports(template.Push) {
		one.Push = template.PushPart{}
	}
	return one
}

// partNames are the fields of a variant by their place below it, as the door names it.
var partNames = map[string]string{"push/message": "push", "smtp/subject": "subject", "smtp/message": "mail", "sms/message": "sms"}

// fieldAt is the field that a place in a template means.
func fieldAt(pointer string) string {
	path := strings.TrimPrefix(pointer, "/")
	if rest, ok := strings.CutPrefix(path, "variants/"); ok {
		tag, part, _ := strings.Cut(rest, "/")
		return variantFields{Language: tag}.at(partNames[part])
	}
	if channel, ok := strings.CutSuffix(path, "/active"); ok {
		return channel
	}
	return strings.ReplaceAll(path, "/", "_")
}

// labelOf is what a field is called.
func (f *templateForm) labelOf(ctx context.Context, field string) string {
	for _, v := range f.Variants {
		if part, ok := strings.CutPrefix(field, v.at("")); ok {
			return languageName(ctx, v.Language) + ": " + tf(ctx, "template.part", part)
		}
	}
	return tf(ctx, "template.field", field)
}

// problemsOf puts what the door says beside the fields.
func (f *templateForm) problemsOf(ctx context.Context, list []intake.Problem) (out []problem) {
	for _, p := range list {
		field := fieldAt(p.Pointer)
		label := f.labelOf(ctx, field)
		out = append(out, problem{field, label, standAlone(ctx, label, said(ctx, p.Detail))})
	}
	return out
}

// languageName is a language in the language of who looks, with its tag where that has no name.
func languageName(ctx context.Context, tag string) string {
	parsed, err := language.Parse(tag)
	if err != nil {
		return tag
	}
	name := display.Languages(viewOf(ctx).catalogue.Tag).Name(parsed)
	if region := display.Tags(viewOf(ctx).catalogue.Tag).Name(parsed); name == "" || strings.Contains(tag, "-") {
		name = region
	}
	if name == "" {
		return tag
	}
	return sentenceCase(name)
}

// offered are languages to choose from: those that Heliograph's own texts have, and the larger ones of Europe and beyond.
var offered = []string{"en", "fr", "pt", "pt-BR", "de", "es", "it", "nl", "pl", "sv", "da", "nb", "fi", "cs", "ro", "hu", "el", "tr", "uk", "ru", "ar", "he", "zh", "ja", "ko", "hi", "vi", "th", "id"}

// free are those that the template has no texts in yet.
func (f *templateForm) free() (list []string) {
	for _, tag := range offered {
		if !strings.EqualFold(tag, f.Language) && !f.has(tag) {
			list = append(list, tag)
		}
	}
	return list
}

// own are the languages that the template's first texts may be in.
func (f *templateForm) own() (list []string) {
	for _, tag := range offered {
		if !f.has(tag) {
			list = append(list, tag)
		}
	}
	if f.Language != "" && !slices.Contains(list, f.Language) {
		list = append(list, f.Language)
	}
	return list
}

// sentenceCase gives a word a capital: languages are written small in French and Portuguese.
func sentenceCase(word string) string {
	first, size := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(first)) + word[size:]
}
