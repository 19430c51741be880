package certificate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseNames(t *testing.T) {
	got, err := ParseNames([]string{"Notify.Example.COM.", " listener.example.com", "notify.example.com", "bücher.example", "a-1.example"})
	want := []string{"notify.example.com", "listener.example.com", "xn--bcher-kva.example", "a-1.example"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for text, want := range map[string]string{
		"localhost": "whole host name", "": "whole host name", "https://a.example.com": "whole host name", "a.example.com:443": "whole host name",
		"a..example.com": "whole host name", "-a.example.com": "whole host name", "a_b.example.com": "whole host name", "a b.example.com": "whole host name",
		"192.0.2.1": "address", "2001:db8::1": "address", "*.example.com": "wildcards", strings.Repeat("a", 64) + ".example.com": "whole host name",
	} {
		if got, err := ParseNames([]string{"a.example.com", text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is read as %q, %v", text, got, err)
		}
	}
}
