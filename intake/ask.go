package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"heliograph/access"
	"heliograph/message"
	"heliograph/notice"
	"heliograph/template"
)

// asked is a request with its texts as they will be sent, wherever they come from.
type asked struct {
	Request
	from     *template.Template // nil = ad hoc
	ready    map[message.Channel]bool
	problems []Problem // what was wrong already when the texts were put together
}

// ask puts the texts of a request together.
func (d *Door) ask(ctx context.Context, r Request) (a asked, err error) {
	a.Request = r
	if a.ready, err = d.Channels(ctx); err != nil {
		return a, err
	}
	if r.Template != "" {
		if err := d.take(ctx, &a); err != nil {
			return a, err
		}
	}
	a.Content, err = d.settle(ctx, a.Content)
	return a, err
}

// take takes the texts from a template.
func (d *Door) take(ctx context.Context, a *asked) error {
	t, err := d.store.Template(ctx, a.Template)
	if err != nil && errors.Is(err, d.options.NotFound) {
		return wrong("/template", "is neither the name nor the id of a template")
	}
	if err != nil {
		return err
	}
	o, err := d.Organization(ctx)
	if err != nil {
		return err
	}
	a.from = &t
	a.Content = t.Content(a.channels(), o.Speaks()).Override(a.Overrides)
	if t.ManualSending() == template.RefusedByType {
		a.problems = append(a.problems, Problem{"/template", "is of a type that cannot be sent by hand"})
	}
	return nil
}

// channels are those of the template that are used. What cannot be used is a problem.
func (a *asked) channels() (list []template.Channel) {
	kind, _ := template.FindType(a.from.Type)
	for i, c := range a.Channels {
		if !kind.Supports(word(c)) {
			a.problems = append(a.problems, Problem{fmt.Sprintf("/channels/%d", i), "is no channel of this type of template"})
			continue
		}
		list = append(list, word(c))
	}
	if a.Channels == nil {
		list = slices.DeleteFunc(slices.Clone(kind.Channels), func(c template.Channel) bool { return !a.from.Active(c) || !a.ready[channelOf(c)] })
		if len(list) == 0 {
			a.problems = append(a.problems, Problem{"/template", "has no channel that is switched on and for which something is set up"})
		}
	}
	for _, c := range message.Channels {
		if a.Overrides.Uses(word(c)) && !slices.Contains(list, word(c)) {
			a.problems = append(a.problems, Problem{"/overrides/" + c.String(), "is for a channel that is not used"})
		}
	}
	return list
}

// channelOf is a channel that a template names; 0 for none.
func channelOf(c template.Channel) message.Channel {
	found, _ := message.ParseChannel(string(c))
	return found
}

// check finds what is wrong with the texts, and what is merely doubtful.
func (a asked) check() (wrong, doubtful []template.Problem) {
	if a.from != nil && len(a.problems) > 0 && a.Content.Empty() {
		return nil, nil // why nothing is said was told already
	}
	wrong, doubtful = template.CheckMacros(a.Content.Texts(), nil)
	if a.from != nil {
		wrong = append(a.Content.CheckTemplate(), wrong...)
	} else {
		wrong = append(a.Content.Check(), wrong...)
	}
	if where := template.EventMacro(a.everything()); where != "" {
		wrong = append(wrong, template.Problem{Pointer: where,
			Detail: "cannot be sent by hand: it asks for the reason of an event, which only an automated action knows"})
	}
	return wrong, doubtful
}

// everything lists all texts that decide about sending by hand: of a template those of unused channels too.
func (a asked) everything() []template.Text {
	list := a.Content.Texts()
	if a.from != nil {
		list = append(list, a.from.Texts()...)
	}
	return list
}

// place says where in the request the texts stand that something is wrong with.
func (a asked) place(list []template.Problem) (out []Problem) {
	for _, p := range list {
		at, detail := a.root(p.Pointer), p.Detail
		if at == inTemplate {
			detail = "says in " + strings.TrimPrefix(p.Pointer, "/") + " what cannot be sent: " + detail
		}
		if p := (Problem{at, detail}); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// inTemplate is where a request names its template.
const inTemplate = "/template"

func (a asked) root(pointer string) string {
	switch {
	case a.from == nil:
		return "/ad_hoc" + pointer
	case a.Overrides.Names(withoutLanguage(pointer)):
		return "/overrides" + withoutLanguage(pointer)
	}
	return inTemplate
}

// withoutLanguage is where the same text stands in the template's own language: what stands in for it is said in all.
func withoutLanguage(pointer string) string {
	rest, ok := strings.CutPrefix(pointer, "/variants/")
	if !ok {
		return pointer
	}
	_, rest, _ = strings.Cut(rest, "/")
	return "/" + rest
}

// noServer says what is not set up.
var noServer = map[message.Channel]string{
	message.Push: "no push provider is set up", message.SMTP: "no SMTP server is active", message.SMS: "no SMS gateway is set up",
}

// checkServers finds channels that nothing is set up for.
func (a asked) checkServers() (list []Problem) {
	used := map[message.Channel]bool{message.Push: a.Content.Push != nil, message.SMTP: a.Content.SMTP != nil, message.SMS: a.Content.SMS != nil}
	for _, c := range message.Channels {
		if !used[c] || a.ready[c] {
			continue
		}
		at := "/ad_hoc/" + c.String()
		if a.from != nil {
			at = "/channels"
		}
		list = append(list, Problem{at, noServer[c]})
	}
	return list
}

// checkTyped refuses addresses that somebody wrote who may only reach the people of some groups. Those that a template
// holds were written by somebody else.
func (a asked) checkTyped(actor access.Actor, plan *notice.Plan) error {
	if actor.Scope.All() {
		return nil
	}
	for _, c := range []message.Channel{message.SMTP, message.SMS} {
		at := "/" + c.String() + "/recipient"
		if (a.from == nil || a.Overrides.Names(at)) && len(plan.Fixed(c, false)) > 0 {
			return wrong(a.root(at), "must not name addresses: your role is limited to groups")
		}
	}
	return nil
}
