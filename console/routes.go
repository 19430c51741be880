package console

import (
	"net/http"

	"heliograph/web"
)

// routes is every address of the console. private pages lead to the sign-in page first.
func (c *console) routes() *http.ServeMux {
	mux := http.NewServeMux()
	open := func(pattern string, h web.Handler) { mux.Handle(pattern, c.handler(h)) }
	private := func(pattern string, h web.Handler) { mux.Handle(pattern, c.private(h)) }

	// Signing in
	open("GET /sign-in", c.signInForm)
	open("POST /sign-in", c.signIn)
	open("POST /sign-out", c.signOut)
	open("GET /welcome/{secret}", c.welcomeLink)
	open("GET /welcome", c.welcomeForm)
	open("POST /welcome", c.welcome)
	open("GET /enter/{secret}", c.enterDemo)
	open("POST /theme", c.setTheme)

	// Dashboard
	private("GET /{$}", c.dashboard)

	mux.Handle("GET /assets/", c.assets)
	open("/", func(http.ResponseWriter, *http.Request) error { return web.ErrNotFound })
	return mux
}
