package inbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"heliograph/sim/control"
	"heliograph/sim/phone"
)

// Phones with a mail app are added, watched and handled here:
//
//	POST   /_sim/phones                 a phone.MailerOptions: it registers and subscribes → 201
//	DELETE /_sim/phones/{id}            it signs out and is gone
//	POST   /_sim/phones/{id}/settings   the phone.Settings that change
//	POST   /_sim/phones/{id}/open       its holder unlocks it and looks into the app
//	POST   /_sim/phones/{id}/mail       {"count"}: new mail for its mailbox
//	POST   /_sim/phones/{id}/read       {"count"}: read on another client; 0 = all

// errNoMailers: only "sim" with Exchange and the page has them.
var errNoMailers = errors.New("there are no mail phones: the Exchange simulator does not run")

// maxMails bounds one command.
const maxMails = 1000

// mailer makes a handler of something done to a mail phone.
func (s *Server) mailer(status int, do func(m *phone.Mailers, r *http.Request, body []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.options.Mailers == nil {
			control.Problem(w, http.StatusConflict, errNoMailers.Error())
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, control.MaxBody+1))
		if err != nil || len(body) > control.MaxBody {
			control.Problem(w, http.StatusRequestEntityTooLarge, "the body is too large")
			return
		}
		answer, err := do(s.options.Mailers, r, body)
		switch {
		case errors.Is(err, phone.ErrNoPhone):
			control.Problem(w, http.StatusNotFound, err.Error())
		case err != nil:
			control.Problem(w, http.StatusUnprocessableEntity, err.Error())
		case answer == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			control.JSON(w, status, answer)
		}
	}
}

// handleMailers adds the routes.
func (s *Server) handleMailers(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sim/phones", s.mailer(http.StatusCreated, func(m *phone.Mailers, r *http.Request, body []byte) (any, error) {
		var o phone.MailerOptions
		if err := strictJSON(body, &o); err != nil {
			return nil, err
		}
		return m.Add(r.Context(), o)
	}))
	mux.HandleFunc("DELETE /_sim/phones/{id}", s.mailer(http.StatusNoContent, func(m *phone.Mailers, r *http.Request, _ []byte) (any, error) {
		return nil, m.Remove(r.Context(), r.PathValue("id"))
	}))
	mux.HandleFunc("POST /_sim/phones/{id}/settings", s.mailer(http.StatusOK, func(m *phone.Mailers, r *http.Request, body []byte) (any, error) {
		return m.Set(r.PathValue("id"), body)
	}))
	mux.HandleFunc("POST /_sim/phones/{id}/open", s.mailer(http.StatusOK, func(m *phone.Mailers, r *http.Request, _ []byte) (any, error) {
		return m.Open(r.PathValue("id"))
	}))
	mux.HandleFunc("POST /_sim/phones/{id}/mail", s.mailer(http.StatusNoContent, func(m *phone.Mailers, r *http.Request, body []byte) (any, error) {
		count, err := countIn(body, 1)
		if err != nil {
			return nil, err
		}
		return nil, m.NewMail(r.Context(), r.PathValue("id"), count)
	}))
	mux.HandleFunc("POST /_sim/phones/{id}/read", s.mailer(http.StatusNoContent, func(m *phone.Mailers, r *http.Request, body []byte) (any, error) {
		count, err := countIn(body, 0)
		if err != nil {
			return nil, err
		}
		return nil, m.ReadMail(r.Context(), r.PathValue("id"), count)
	}))
}

// countIn reads {"count"}; nothing at all means absent.
func countIn(body []byte, absent int) (int, error) {
	in := struct {
		Count int `json:"count"`
	}{absent}
	if len(body) > 0 {
		if err := strictJSON(body, &in); err != nil {
			return 0, err
		}
	}
	if in.Count < 0 || in.Count > maxMails {
		return 0, errors.New("count: must be between 0 and 1000")
	}
	return in.Count, nil
}

// strictJSON reads an object that has known fields only.
func strictJSON(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return errors.New("the body cannot be read: " + err.Error())
	}
	return nil
}
