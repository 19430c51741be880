package pebbletest

import (
	"net/http"
	"testing"
)

// The authority answers, and after it was stopped does not, and then does again with other keys.
func TestAuthorityComesAndGoes(t *testing.T) {
	ca := Start(t, Config{TLSPort: 1, HTTPPort: 1})
	before := string(ca.RootPEM())
	if ca.Asked() != 0 || ca.Issued() != 0 {
		t.Errorf("it was asked %d times and gave %d certificates before anybody came", ca.Asked(), ca.Issued())
	}
	ca.Stop()
	if _, err := ca.call(http.MethodGet, ca.Directory); err == nil {
		t.Error("it still answers")
	}
	ca.Begin()
	if string(ca.RootPEM()) == before {
		t.Error("it came back with the keys of before")
	}
	if _, err := ca.call(http.MethodGet, ca.Directory); err != nil || ca.Asked() != 1 {
		t.Errorf("it was asked %d times, and not once: %v", ca.Asked(), err)
	}
}
