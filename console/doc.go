// Package console is the pages that administrators work with.
//
// A page is a struct and a templ method of the same file: what it shows, and how. Its handler fills the struct and calls
// show, or returns an error, which one place turns into a page. Every form works without script: it is posted, and either
// leads on to another page or comes back with what was typed and what is wrong beside each field. Script adds what saves a
// look: live figures, dialogs, plots.
//
//	routes.go     every route, on one screen
//	console.go    what the console needs, and how it is put together
//	page.go       showing pages, fragments and errors; who is looking
//	layout.templ  the frame around every page; part.templ holds the pieces that pages share
//	text/         everything it says
//	assets/       style, script, icons, and what others made (vendor/)
//
// The *_templ.go files are generated from the *.templ files beside them: make generate
package console
