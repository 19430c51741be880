// Package inbox is the page on which a visitor sees what arrives: phones with lock screen and badge, mailboxes with
// their mails, numbers with their text messages, live. It also carries the control interface of the mail simulator, which
// has no HTTP of its own.
//
//	apns.Server   ─┬─ phone.Book each ─┐
//	fcm.Server    ─┘                   │
//	smtp.Server   ─── mailboxes ───────┼─► GET /_sim/phones, /_sim/mailboxes, /_sim/numbers ─► the page, told by /events
//	vonage.Server ─── numbers ─────────┤
//	phone.Mailers ─── phones with mail ┘
//
// Nothing is gathered while nobody looks: the books read the simulators' histories when a request comes. They hold a
// bounded number of phones, mailboxes and numbers, the page shows the newest 200, and the search goes through all that are held.
// What came in from outside reaches the page as JSON and is shown as text, never as HTML.
package inbox

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"heliograph/sim/control"
	"heliograph/sim/phone"
	"heliograph/sim/smtp"
	"heliograph/sim/vonage"
)

//go:embed assets
var assets embed.FS

// Bounds of an answer.
const (
	defaultLimit = 200
	maxLimit     = 10_000
)

// eventPause is the shortest time between two notices to a page.
const eventPause = 300 * time.Millisecond

// Options are the variable parts of a Server; the zero value works.
type Options struct {
	Addr    string                    // "" = 127.0.0.1 and a free port
	Mail    *smtp.Server              // nil = no mailboxes and no control of them
	Texts   *vonage.Server            // nil = no text messages
	Phones  []phone.Source            // push services
	Mailers *phone.Mailers            // phones with a mail app; nil = none
	Magic   map[string][]Magic        // of each simulator by name, to be shown
	Names   func(token string) string // friendly names of phones; nil = none
	Logger  *slog.Logger              // nil = silent
}

// Magic is an address that always fails.
type Magic = control.Magic

// Server is a running page.
type Server struct {
	listener *control.Server
	options  Options

	mu    sync.Mutex // guards the books
	books []*phone.Book
	mail  *mailboxes // nil = there is no mail
	texts *numbers   // nil = there are no text messages
}

// Start starts the page.
func Start(o Options) (*Server, error) {
	s := &Server{options: o}
	for _, source := range o.Phones {
		s.books = append(s.books, phone.NewBook(source, o.Names))
	}
	if o.Mail != nil {
		s.mail = newMailboxes(o.Mail)
	}
	if o.Texts != nil {
		s.texts = newNumbers(o.Texts)
	}
	handler, err := s.handler()
	if err != nil {
		return nil, err
	}
	listener, err := control.ListenLoopback(o.Addr)
	if err != nil {
		return nil, err
	}
	s.listener = control.ServePlain(handler, listener, control.Quiet(o.Logger))
	return s, nil
}

// URL is the origin of the page, http.
func (s *Server) URL() string { return "http://" + s.listener.Addr() }

// Stop ends the page. A second Stop does nothing.
func (s *Server) Stop(ctx context.Context) error { return s.listener.Stop(ctx) }

func (s *Server) handler() (http.Handler, error) {
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	mux.HandleFunc("GET /_sim/phones", s.servePhones)
	mux.HandleFunc("GET /_sim/mailboxes", s.serveMailboxes)
	mux.HandleFunc("GET /_sim/numbers", s.serveNumbers)
	s.handleMailers(mux)
	mux.HandleFunc("GET /magic", s.serveMagic)
	mux.HandleFunc("GET /events", s.serveEvents)
	if s.options.Mail != nil {
		mux.Handle("/_sim/", s.options.Mail.Plane().Handler())
		mux.Handle(smtp.TokenPath, smtp.TokenEndpoint())
	}
	return control.LocalOnly(strict(mux)), nil
}

// strict lets a browser load this origin's own files and nothing else.
func strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// phonesPage is the answer of GET /_sim/phones?q=&limit=&cards=.
type phonesPage struct {
	Count  int           `json:"count"`  // phones that heard something, and those with a mail app
	Pushes int64         `json:"pushes"` // requests to the push simulators, also refused ones
	Items  []phone.Phone `json:"items"`  // those with a mail app, then the one that heard something last
}

func (s *Server) servePhones(w http.ResponseWriter, r *http.Request) {
	query, limit, err := search(r)
	cards, wrong := number(r, "cards", maxLimit)
	if err := errors.Join(err, wrong); err != nil {
		control.Problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	page := s.phones(query, limit)
	for i, p := range page.Items {
		page.Items[i].Cards = p.Cards[:min(cards, len(p.Cards))]
	}
	control.JSON(w, http.StatusOK, page)
}

func (s *Server) phones(query string, limit int) phonesPage {
	s.mu.Lock()
	defer s.mu.Unlock()
	mail := s.mailers()
	page := phonesPage{Count: len(mail), Items: []phone.Phone{}}
	for _, book := range s.books {
		book.CatchUp()
		page.Count += book.Len() - book.Among(mail)
		page.Pushes += book.Count()
		page.Items = append(page.Items, book.Find(query, limit)...)
	}
	page.Items = slices.DeleteFunc(page.Items, func(p phone.Phone) bool {
		return slices.ContainsFunc(mail, func(m phone.Phone) bool { return m.Token == p.Token })
	})
	slices.SortStableFunc(page.Items, func(a, b phone.Phone) int { return b.LastAt.Compare(a.LastAt) })
	mail = slices.DeleteFunc(mail, func(p phone.Phone) bool { return !p.Contains(query) })
	page.Items = append(mail, page.Items...)
	page.Items = page.Items[:min(limit, len(page.Items))]
	return page
}

// mailers are the phones with a mail app.
func (s *Server) mailers() []phone.Phone {
	if s.options.Mailers == nil {
		return nil
	}
	return s.options.Mailers.Phones()
}

func (s *Server) serveMailboxes(w http.ResponseWriter, r *http.Request) {
	query, limit, err := search(r)
	if err != nil {
		control.Problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	control.JSON(w, http.StatusOK, s.mailboxes(query, limit))
}

func (s *Server) mailboxes(query string, limit int) mailPage {
	if s.mail == nil {
		return mailPage{Items: []Mailbox{}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mail.catchUp()
	return s.mail.page(query, limit)
}

func (s *Server) serveNumbers(w http.ResponseWriter, r *http.Request) {
	query, limit, err := search(r)
	if err != nil {
		control.Problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	control.JSON(w, http.StatusOK, s.numbers(query, limit))
}

func (s *Server) numbers(query string, limit int) textPage {
	if s.texts == nil {
		return textPage{Items: []Number{}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts.catchUp()
	return s.texts.page(query, limit)
}

// search reads ?q= and ?limit=.
func search(r *http.Request) (query string, limit int, err error) {
	limit, err = number(r, "limit", defaultLimit)
	return r.URL.Query().Get("q"), limit, err
}

// number reads a parameter that bounds an answer.
func number(r *http.Request, name string, absent int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: must be a whole number, 0 or more", name)
	}
	return min(n, maxLimit), nil
}

func (s *Server) serveMagic(w http.ResponseWriter, _ *http.Request) {
	control.JSON(w, http.StatusOK, s.options.Magic)
}

// serveEvents tells a page that something changed (Server-Sent Events); the page then asks for what it shows.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for {
		changed := s.changed()
		if _, err := fmt.Fprint(w, "event: changed\ndata: {}\n\n"); err != nil || out.Flush() != nil {
			return
		}
		if !wait(r.Context(), changed) {
			return
		}
		select { // many changes, few notices
		case <-time.After(eventPause):
		case <-r.Context().Done():
			return
		}
	}
}

// changed collects one channel from every simulator. They are taken before the page is told, so nothing is missed.
func (s *Server) changed() []<-chan struct{} {
	var channels []<-chan struct{}
	for _, source := range s.options.Phones {
		channels = append(channels, source.Changed())
	}
	if s.options.Mail != nil {
		channels = append(channels, s.options.Mail.Changed())
	}
	if s.options.Texts != nil {
		channels = append(channels, s.options.Texts.Changed())
	}
	if s.options.Mailers != nil {
		channels = append(channels, s.options.Mailers.Changed())
	}
	return channels
}

// wait returns when one of the channels is closed; false = ctx ended first.
func wait(ctx context.Context, channels []<-chan struct{}) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := make(chan struct{}, len(channels))
	for _, channel := range channels {
		go func() {
			select {
			case <-channel:
				first <- struct{}{}
			case <-ctx.Done():
			}
		}()
	}
	select {
	case <-first:
		return true
	case <-ctx.Done():
		return false
	}
}
