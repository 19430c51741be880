package console

import (
	"context"
	"net/http"

	"github.com/a-h/templ"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/message"
	"heliograph/store"
	"heliograph/web"
)

// testTarget is a device that a push provider can be tested with.
type testTarget struct{ ID, Name string }

// mostTargets bounds the devices that are offered; any other id may be typed.
const mostTargets = 50

// testTargets are devices with a push token of the provider, most recent first; none for other channels.
func (c *console) testTargets(ctx context.Context, a access.Actor, p channel.Provider) (list []testTarget, err error) {
	if p.Channel != message.Push {
		return nil, nil
	}
	devices, _, err := c.Devices.ListDevices(ctx, a.Scope, fleet.Filter{}, store.Page{Limit: 500})
	for _, d := range devices {
		if d.Push != nil && string(d.Push.Provider) == p.Kind && len(list) < mostTargets {
			list = append(list, testTarget{string(d.ID), d.Name})
		}
	}
	return list, err
}

// reportPart is what a test came to: a report, or why there could be none.
type reportPart struct {
	To       string
	Report   channel.Report
	Problems []problem
}

// testServer tests the values that are on the form, saved or not.
func (c *console) testServer(f serverFamily) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := c.formToTest(r, f)
		if err != nil {
			return err
		}
		part, err := c.runTest(r, form)
		if err != nil {
			return err
		}
		if r.Header.Get("HX-Request") != "" {
			return c.showPart(w, r, part.content())
		}
		form.TestTo = part.To
		if form.Problems = part.Problems; len(part.Problems) == 0 {
			form.Report = &part
		}
		return c.showServerForm(w, r, http.StatusOK, form)
	}
}

func (c *console) formToTest(r *http.Request, f serverFamily) (form *serverForm, err error) {
	if r.PathValue("id") != "" {
		server, provider, err := c.ownServer(r, f)
		if err != nil {
			return nil, err
		}
		form, err = editServerForm(f, provider, server)
		return form.read(r), err
	}
	provider, err := c.provider(f, r.URL.Query().Get("kind"))
	if err != nil {
		return nil, err
	}
	form, err = newServerForm(f, provider)
	return form.read(r), err
}

func (c *console) runTest(r *http.Request, form *serverForm) (reportPart, error) {
	ctx := r.Context()
	part := reportPart{To: typed(channel.Field{}, r.PostFormValue("to"))}
	if part.To == "" {
		part.Problems = []problem{{Detail: tf(ctx, "test.to.missing", form.Provider.Channel.String())}}
		return part, nil
	}
	in, bad := form.input(ctx)
	if len(bad) > 0 {
		part.Problems = bad
		return part, nil
	}
	report, err := c.Servers.TestServer(ctx, actor(r), form.Server.ID, &in, part.To)
	if err != nil {
		list, _ := form.problemsOf(ctx, err)
		if list == nil {
			return part, err
		}
		part.Problems = list
		return part, nil
	}
	part.Report = report
	return part, nil
}

// testInput is what a browser knows about the address of a test.
func testInput(c message.Channel) templ.Attributes {
	switch c {
	case message.SMTP:
		return templ.Attributes{"type": "email", "placeholder": "name@example.com"}
	case message.SMS:
		return templ.Attributes{"type": "tel", "placeholder": "+12025550123"}
	}
	return templ.Attributes{"type": "text", "list": "targets"}
}

// stepWords is a step of a test for people; one that the catalogue does not know stays as its provider calls it.
func stepWords(ctx context.Context, step string) string {
	if key := "test.step." + step; viewOf(ctx).catalogue.Has(key) {
		return t(ctx, key)
	}
	return step
}
