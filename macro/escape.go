package macro

import "strings"

// OneLine is an Escape for header fields: the value loses CR and LF, so that it can
// begin no header of its own (RFC 5322, section 2.2).
func OneLine(value string) string {
	if !strings.ContainsAny(value, "\r\n") {
		return value
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(value)
}
