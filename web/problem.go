package web

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Problem is the answer to a request that was refused (RFC 9457). It never holds a value that the caller sent.
type Problem struct {
	Type   string  `json:"type"` // always about:blank: the status says what kind of problem it is
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail"`
	Errors []Fault `json:"errors"`

	RetryAfter time.Duration `json:"-"` // 0 = no Retry-After
}

// Fault is one thing that is wrong with a request, at a JSON pointer into its body or at the name of a parameter.
type Fault struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// NewProblem is a problem with a status and a sentence.
func NewProblem(status int, detail string, faults ...Fault) *Problem {
	if faults == nil {
		faults = []Fault{}
	}
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Errors: faults}
}

func (p *Problem) Error() string { return p.Detail }

// Write answers with the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may be gone
}
