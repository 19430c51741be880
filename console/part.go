package console

import (
	"fmt"

	"github.com/a-h/templ"
)

// problem is what is wrong with a form. Field is the name and id of its input; empty = the form as a whole.
type problem struct{ Field, Label, Detail string }

// problemOf is what is wrong with one field; empty = nothing.
func problemOf(list []problem, field string) string {
	for _, p := range list {
		if p.Field == field {
			return p.Detail
		}
	}
	return ""
}

// invalid marks an input that something is wrong with.
func invalid(list []problem, field string) templ.Attributes {
	if problemOf(list, field) == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": field + "-problem"}
}

// live makes an element fetch itself again every so many seconds, without keeping the session alive.
func live(path string, seconds int) templ.Attributes {
	return templ.Attributes{
		"hx-get":     path,
		"hx-trigger": fmt.Sprintf("every %ds", seconds),
		"hx-headers": `{"Heliograph-Live":"1"}`,
		"hx-swap":    "outerHTML",
		"data-live":  "",
	}
}

func total(parts []segment) (n int64) {
	for _, s := range parts {
		n += s.N
	}
	return n
}

// placedSegment is a segment with its place in percent, as the attributes of SVG want it.
type placedSegment struct{ Kind, X, Width string }

// placed lays segments side by side. What is there is at least half a percent wide, so that one failure among a million
// is seen.
func placed(parts []segment) []placedSegment {
	const least = 0.5
	sum, extra := float64(total(parts)), 0.0
	if sum == 0 {
		return nil
	}
	for _, s := range parts {
		if s.N > 0 && float64(s.N)*100/sum < least {
			extra += least
		}
	}
	var list []placedSegment
	x := 0.0
	for _, s := range parts {
		if s.N == 0 {
			continue
		}
		width := max(least, float64(s.N)*(100-extra)/sum)
		list = append(list, placedSegment{s.Kind, fmt.Sprintf("%.2f%%", x), fmt.Sprintf("%.2f%%", width)})
		x += width
	}
	return list
}
