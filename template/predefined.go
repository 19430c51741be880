package template

import (
	"embed"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// The predefined texts: predefined/LANGUAGE/TYPE.txt. A file has a section for each text, [subject], [mail], [push] and
// [sms], as people read it: nothing has to be escaped but macros.
//
//go:embed predefined/*/*.txt
var predefinedFiles embed.FS

// Languages of the predefined texts. The first stands in the templates themselves, the others are their variants.
var Languages = []string{"en", "fr", "pt"}

// predefined are the templates that came with this version, by type. A text that cannot be read is a fault of the
// program, which a test finds before anybody can start it.
var predefined = sync.OnceValue(func() map[TypeKey]Body {
	bodies := map[TypeKey]Body{}
	for _, t := range types {
		if !t.Predefined() {
			continue
		}
		body, err := t.readPredefined()
		if err != nil {
			panic("template: " + err.Error())
		}
		bodies[t.Key] = body
	}
	return bodies
})

// Default is what the predefined template of a type says as it came; false for a type that has none. Text messages cost
// money, so they are switched on only where the device app cannot be reached.
func (t Type) Default() (Body, bool) {
	body, ok := predefined()[t.Key]
	for _, c := range t.Channels {
		body.Activate(c, ok && (c != SMS || !t.Supports(Push)))
	}
	return body, ok
}

func (t Type) readPredefined() (body Body, err error) {
	for i, language := range Languages {
		name := "predefined/" + language + "/" + string(t.Key) + ".txt"
		raw, err := predefinedFiles.ReadFile(name)
		if err != nil {
			return body, err
		}
		v, err := parseTexts(string(raw))
		if err == nil {
			err = t.complete(v)
		}
		if err != nil {
			return body, fmt.Errorf("%s: %w", name, err)
		}
		if i == 0 {
			body = t.body(v, language)
			continue
		}
		body.Variants[language] = v
	}
	return body, nil
}

// body is a template's body with its own texts.
func (t Type) body(v Variant, language string) Body {
	return Body{
		Language: language,
		Push:     PushPart{Message: v.Push},
		SMTP:     MailPart{Recipient: t.Recipient(SMTP), Subject: v.Subject, Message: v.Mail},
		SMS:      SMSPart{Recipient: t.Recipient(SMS), Message: v.SMS},
		Variants: map[string]Variant{},
	}
}

// complete reports whether a text says something on each channel of the type, and nothing on others.
func (t Type) complete(v Variant) error {
	if (v.Push != "") != t.Supports(Push) || v.Subject == "" || v.Mail == "" || v.SMS == "" {
		return errors.New("does not say something on each channel of its type, and on no other")
	}
	return nil
}

// parseTexts reads the sections of a file.
func parseTexts(text string) (v Variant, err error) {
	sections := map[string]*string{"[push]": &v.Push, "[subject]": &v.Subject, "[mail]": &v.Mail, "[sms]": &v.SMS}
	var into *string
	for number, line := range strings.Split(text, "\n") {
		switch section := sections[line]; {
		case section != nil && *section != "":
			return v, fmt.Errorf("line %d: the section is there twice", number+1)
		case section != nil:
			into = section
		case into != nil:
			*into += line + "\n"
		case strings.TrimSpace(line) != "":
			return v, fmt.Errorf("line %d: stands before the first section", number+1)
		}
	}
	for _, section := range sections {
		*section = strings.TrimSpace(*section)
	}
	return v, nil
}
