package console

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"heliograph/access"
	"heliograph/message"
	"heliograph/template"
)

// Who may do what with templates.
const (
	templateWriter = access.Configure
	templateSender = access.Send
)

// notifyTemplatePath begins a notification with a template.
func notifyTemplatePath(id string) string { return notifyPath + "?template=" + url.QueryEscape(id) }

// kindWords says to whom a type speaks, and on which channels.
func kindWords(ctx context.Context, kind template.Type) string {
	var channels []string
	for _, c := range kind.Channels {
		channels = append(channels, tf(ctx, "channel", string(c)))
	}
	return tf(ctx, "template.to", string(kind.To)) + " · " + strings.Join(channels, ", ")
}

// recipientHint is what to know of a recipient that was filled in.
func (f *templateForm) recipientHint(ctx context.Context, c template.Channel) string {
	if f.Kind.Recipient(c) == "" {
		return t(ctx, "template.recipient.typed")
	}
	return t(ctx, "template.recipient.hint", f.Kind.Recipient(c))
}

// soundWords is a sound for people.
func soundWords(ctx context.Context, s template.Sound) string {
	if s.BuiltIn {
		return t(ctx, "sound.default")
	}
	return s.Name
}

// listed reports whether the template's sound is in the list; one that is not must not be lost.
func (p templatePage) listed() bool {
	return slices.ContainsFunc(p.Sounds, func(s template.Sound) bool { return template.SoundName(s.Name) == p.PushSound })
}

// Empty reports whether nothing was typed for the language yet.
func (v variantFields) Empty() bool { return v.Push+v.Subject+v.Mail+v.SMS == "" }

// wrongIn reports whether something is wrong with the texts in a language, so that they must be seen.
func (f *templateForm) wrongIn(v variantFields) bool {
	return slices.ContainsFunc(f.Problems, func(p problem) bool { return strings.HasPrefix(p.Field, v.at("")) })
}

// firstReady is the channel that a test begins with; 0 = there is none.
func (p templatePage) firstReady() message.Channel {
	for _, offer := range p.Channels {
		if offer.Ready {
			return offer.Channel
		}
	}
	return 0
}

// testAttributes is what a browser knows about the address of a test.
func testAttributes(c message.Channel) templ.Attributes {
	a := testInput(c)
	if c == message.Push {
		a["list"] = "preview-devices"
	}
	return a
}

// useWords is what uses a template, for people.
func useWords(ctx context.Context, u template.Use) string {
	return about(ctx, tf(ctx, "template.use", u.Kind), u.Name)
}

// newName is what was typed for a new sound.
func (p soundsPage) newName() string {
	if p.Edited != "" {
		return ""
	}
	return p.Name
}

func (p soundsPage) newProblems() []problem {
	if p.Edited != "" {
		return nil
	}
	return p.Problems
}
