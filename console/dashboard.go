package console

import (
	"context"
	"net/http"
)

// dashboardPage is the first page: how the fleet and its messages are.
type dashboardPage struct{}

func (p dashboardPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "dashboard.title"), Nav: "dashboard"}
}

func (c *console) dashboard(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, r, http.StatusOK, dashboardPage{})
}
