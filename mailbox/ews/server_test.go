package ews

import (
	"encoding/base64"
	"strings"
	"testing"
)

// id builds one as servers do.
func id(host string, rest ...string) string {
	return base64.StdEncoding.EncodeToString([]byte(string([]byte{byte(len(host)), byte(len(host) >> 8)}) + host + strings.Join(rest, "")))
}

func TestServer(t *testing.T) {
	const (
		guid  = "\x10\x00\x00\x00" + "0123456789abcdef"
		ticks = "\x01\x02\x03\x04\x05\x06\x07\x08"
	)
	for name, c := range map[string]struct {
		id   string
		want string
	}{
		"2007 SP1":              {id("EX07", guid), "ex07"},
		"2010":                  {id("cas1.contoso.example", guid, ticks), "cas1.contoso.example"},
		"2013 and later":        {id("MBX01.corp.contoso.example", guid, ticks, guid), "mbx01.corp.contoso.example"},
		"without a time":        {id("mbx_1.contoso.example", guid, guid), "mbx_1.contoso.example"},
		"without padding":       {strings.TrimRight(id("cas12.contoso.example", guid, ticks), "="), "cas12.contoso.example"},
		"2007 RTM, plain GUID":  {"6a5e9b3c-12f4-4b8e-9d21-0c7f5f2b6e11", ""},
		"another maker's":       {"k3v9Q2Lr7TbWcXz5Yh1NfG8JdPmE4a", ""},
		"nothing":               {"", ""},
		"no base64":             {"%%%", ""},
		"no name":               {id("", guid), ""},
		"no GUID":               {id("mbx01.contoso.example"), ""},
		"half a GUID":           {id("mbx01.contoso.example", guid[:12]), ""},
		"something behind it":   {id("mbx01.contoso.example", guid, ticks, guid, "x"), ""},
		"a name that is none":   {id("mbx 01", guid), ""},
		"a length that lies":    {base64.StdEncoding.EncodeToString([]byte("\xff\x00mbx01")), ""},
		"longer than any of it": {strings.Repeat("A", 100_000), ""},
	} {
		if got, ok := Server(c.id); got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q %t, want %q", name, got, ok, c.want)
		}
	}
}
