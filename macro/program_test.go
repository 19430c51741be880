package macro

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"
)

func TestProgram(t *testing.T) {
	subject := mustParse(t, "For ${user.givenname}")
	body := mustParse(t, "${device.name | upper} of ${user.givenname}, ${user.mobile 'no number'}, ${SHADE}")
	p := Compile(subject, nil, body)
	if diff := cmp.Diff([]Slot{"user.givenname", "device.name", "user.mobile", "custom.SHADE"}, p.Slots()); diff != "" {
		t.Fatalf("slots (-want +got):\n%s", diff)
	}

	stored, err := json.Marshal(p.Take(lookup))
	if err != nil || string(stored) != `["Ana Sofia","Ana's iPhone",null,null]` {
		t.Fatalf("stored %s, %v", stored, err)
	}
	var values []*string
	if err := json.Unmarshal(stored, &values); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"For Ana Sofia", "", "ANA'S IPHONE of Ana Sofia, no number, "} {
		if got := p.Render(i, values, time.UTC, language.English); got != want {
			t.Errorf("text %d: %q, want %q", i, got, want)
		}
	}
	if diff := cmp.Diff([]string{"user.mobile", "SHADE"}, p.Missing(values)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if missing := p.MissingIn(0, values); missing != nil {
		t.Errorf("subject misses %v", missing)
	}
	if diff := cmp.Diff([]string{"user.givenname", "device.name", "user.mobile", "SHADE"}, p.Missing(nil)); diff != "" {
		t.Errorf("missing of nothing (-want +got):\n%s", diff)
	}
	if got := p.Render(0, nil, nil, language.Und); got != "For " {
		t.Errorf("rendered %q without values", got)
	}
}

func TestCompileLeavesTextsAlone(t *testing.T) {
	first, second := mustParse(t, "${user.mail}"), mustParse(t, "${device.name | lower}, ${user.mail}")
	Compile(first, second)
	if got, _ := second.Render(Env{Values: lookup}); got != "ana's iphone, ana@example.org" {
		t.Errorf("rendered %q", got)
	}
}

func TestRenderEscaped(t *testing.T) {
	p := Compile(mustParse(t, "Re:\n${x}"))
	value := "a\r\nb"
	if got := p.RenderEscaped(0, []*string{&value}, nil, language.Und, OneLine); got != "Re:\nab" {
		t.Errorf("rendered %q", got)
	}
}

// five is a text with five macros, as the performance budget means it.
const five = "Hello ${user.givenname 'colleague'}, your ${device.name} (${device.serialNumber | upper}) must be updated " +
	"before ${action.deadline | date('dd.MM.yyyy HH:mm')}. We call you on ${firstnotnull(device.TEL_NUMBER, user.mobile, user.mail)}."

func compiled(t testing.TB) (*Program, []*string) {
	p := Compile(mustParse(t, five))
	return p, p.Take(lookup)
}

func TestRenderAllocations(t *testing.T) {
	p, values := compiled(t)
	if n := testing.AllocsPerRun(1000, func() { p.Render(0, values, time.UTC, language.French) }); n > 3 {
		t.Errorf("%v allocations for each rendering, at most 3 are allowed", n)
	}
	plain := Compile(mustParse(t, "nothing personal"))
	if n := testing.AllocsPerRun(1000, func() { plain.Render(0, nil, nil, language.French) }); n > 0 {
		t.Errorf("%v allocations for a plain text", n)
	}
}

func BenchmarkRender(b *testing.B) {
	p, values := compiled(b)
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Render(0, values, paris, language.French)
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(five); err != nil {
			b.Fatal(err)
		}
	}
}
