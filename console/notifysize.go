package console

import (
	"context"
	"net/http"
	"strings"
	"unicode/utf8"

	"heliograph/channel/gsm"
)

// sizePart says what a text message takes, while it is written.
type sizePart struct {
	gsm.Size
	Characters int
	Filled     bool // macros are counted with the values of who it is previewed for
}

const (
	mostUnits = 3200 // that a gateway takes
	manyParts = 6    // beyond which networks are known to lose some
)

// sizeOf measures what the preview shows; where it shows nothing, what was typed.
func sizeOf(form *notifyForm, preview previewPart) sizePart {
	text, filled := form.SMSMessage, false
	if preview.SMS != nil && !blank(text) {
		text, filled = preview.SMS.Message, strings.Contains(text, "${")
	}
	return sizePart{gsm.Measure(text), utf8.RuneCountInString(text), filled}
}

// notifySize measures again after something was typed, for script.
func (c *console) notifySize(w http.ResponseWriter, r *http.Request) error {
	form, err := readNotifyForm(r)
	if err != nil {
		return err
	}
	preview, err := c.previewOf(r, form, form.PreviewFor)
	if err != nil {
		return err
	}
	return c.showPart(w, r, sizeOf(form, preview).part())
}

// words are the count in short.
func (p sizePart) words(ctx context.Context) string {
	return tn(ctx, "size.characters", int64(p.Characters)) + " · " + tn(ctx, "size.parts", int64(p.Parts)) + " · " + tn(ctx, "size.left", int64(p.Left))
}

// notes are what to know about a size.
func (p sizePart) notes(ctx context.Context) (list []string) {
	if p.Alphabet == gsm.UCS2 {
		list = append(list, t(ctx, "size.ucs2"))
	}
	if p.Filled {
		list = append(list, t(ctx, "size.filled"))
	}
	switch {
	case p.Units > mostUnits:
		list = append(list, t(ctx, "size.toolong"))
	case p.Parts > manyParts:
		list = append(list, t(ctx, "size.many"))
	}
	return list
}
