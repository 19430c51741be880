package console

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzFilter: an address is refused, or read as a filter that says the same when it is written again. Nothing is left out
// in silence: a filter that asks less reaches more.
func FuzzFilter(f *testing.F) {
	for _, text := range []string{
		"", "search=nobody&group=Sales&group=Paris", "platform=ios&ownership=byod&compliant=false", "os_version=17.4", "os_version_op=lt&os_version=17",
		"property=SITE:eq:a:b&property=X:exists:", "inactive_days_min=3&managed=true", "compliant=maybe", "inactive_days_min=-1", "property=::", "os_version_op=exists",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		asked, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		filter, err := readFilter(asked)
		if err != nil {
			return
		}
		again, err := readFilter(filterValues(filter))
		if err != nil {
			t.Fatalf("%q is read, and refused when it is written again: %v", text, err)
		}
		if diff := cmp.Diff(filter, again); diff != "" {
			t.Errorf("%q becomes another filter:\n%s", text, diff)
		}
	})
}
