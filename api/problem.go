package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/store"
	"heliograph/web"
)

// Problem is the answer to a request that was refused (RFC 9457). It never holds a value that the caller sent.
type Problem struct {
	Type   string  `json:"type" doc:"Always about:blank: the status says what kind of problem it is." example:"about:blank"`
	Title  string  `json:"title" doc:"The status in words." example:"Unprocessable Entity"`
	Status int     `json:"status" doc:"The HTTP status." example:"422"`
	Detail string  `json:"detail" doc:"What is wrong, in one sentence." example:"The request was understood, but its content was refused."`
	Errors []Fault `json:"errors" doc:"Each thing that is wrong, at its place."`

	retryAfter time.Duration // 0 = no Retry-After
}

// Fault is one thing that is wrong with a request.
type Fault struct {
	Pointer string `json:"pointer" doc:"JSON pointer (RFC 6901) into the body, or the name of the parameter." example:"/ad_hoc/smtp/subject"`
	Detail  string `json:"detail" doc:"What is wrong there." example:"is required"`
}

func (f Fault) Error() string { return f.Pointer + " " + f.Detail }

func (p *Problem) Error() string  { return p.Detail }
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders gives huma the headers of the answer.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	return h
}

// ContentType makes huma answer with the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func newProblem(status int, detail string, faults ...Fault) *Problem {
	if faults == nil {
		faults = []Fault{}
	}
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Errors: faults}
}

// write answers where huma is not asked: before and beside its operations.
func (p *Problem) write(w http.ResponseWriter) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may be gone
}

const refusedContent = "The request was understood, but its content was refused."

func refused(faults ...Fault) *Problem {
	return newProblem(http.StatusUnprocessableEntity, refusedContent, faults...)
}

const notThere = "There is nothing under this address, or nothing that this token may see."

func malformed(detail string) *Problem {
	return newProblem(http.StatusBadRequest, "The body of the request could not be read.", Fault{"", detail})
}

// huma makes its own errors through a variable, and would echo values. It is set once, before any request.
func init() {
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		faults := []Fault{}
		for _, err := range errs {
			faults = append(faults, faultOf(err))
		}
		switch status {
		case http.StatusUnprocessableEntity:
			detail = refusedContent
		case http.StatusRequestEntityTooLarge:
			detail = "The body of the request is larger than 1 MiB."
		}
		return newProblem(status, sentence(detail), faults...)
	}
}

// faultOf turns what huma says about a parameter into a fault, leaving the value behind.
func faultOf(err error) Fault {
	var detailer huma.ErrorDetailer
	if errors.As(err, &detailer) {
		d := detailer.ErrorDetail()
		_, name, _ := strings.Cut(d.Location, ".") // query.limit → limit
		if place, _, inList := strings.Cut(name, "["); inList {
			name = place
		}
		return Fault{name, inOurWords(d.Message)}
	}
	return Fault{"", "could not be read"}
}

// Parameters are refused in the words that bodies are: what stands in their schemas by these, the rest by inOurWords.
func init() {
	validation.MsgExpectedMinimumNumber = "must be at least %v"
	validation.MsgExpectedMaximumNumber = "must be at most %v"
	validation.MsgExpectedMinLength = "is shorter than %d characters"
	validation.MsgExpectedMaxLength = "is longer than %d characters"
	validation.MsgExpectedOneOf = "must be one of %s"
	validation.MsgExpectedRFC3339DateTime = notTime
}

func inOurWords(message string) string {
	switch message {
	case "unknown query parameter":
		return "is not a parameter that is known here"
	case "invalid integer":
		return "must be a whole number"
	case "invalid boolean":
		return "must be true or false"
	}
	switch {
	case strings.HasPrefix(message, "required "):
		return "is required"
	case strings.HasPrefix(message, "invalid date/time"):
		return notTime
	}
	return message
}

func sentence(words string) string {
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + strings.TrimSuffix(words[1:], ".") + "."
}

// problemOf makes the answer to an error. web.Status knows the statuses; what it does not know is ours: it is logged,
// and the caller learns nothing of it.
func problemOf(ctx context.Context, log *slog.Logger, err error) *Problem {
	var (
		known   *Problem
		content *intake.Refused
		invalid *fleet.Invalid
		openID  *intake.ProviderRefused
		taken   *store.Taken
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &openID):
		return refused(faultsOf(openID.Places())...)
	case errors.As(err, &content):
		return refused(faultsOf(content.Problems)...)
	case errors.As(err, &invalid):
		return refused(fieldFaults(invalid.Problems)...)
	case errors.As(err, &taken):
		return newProblem(http.StatusConflict, sentence(taken.Words), Fault{pointer("", taken.Field), "is taken"})
	case errors.Is(err, store.ErrCursor):
		return refused(Fault{"cursor", "was not made by this list"})
	case errors.Is(err, store.ErrOtherBody):
		return newProblem(http.StatusConflict, "This Idempotency-Key was used with another request.", Fault{"Idempotency-Key", "was used with another request"})
	}
	var ill *store.Trouble
	if errors.As(err, &ill) {
		log.ErrorContext(ctx, "the database cannot do its work", "error", err)
		return newProblem(http.StatusServiceUnavailable, ill.Words+": nothing was changed. Try again later.")
	}
	status := web.Status(err)
	if status == http.StatusInternalServerError {
		log.ErrorContext(ctx, "a request of the API failed", "error", err)
	}
	return newProblem(status, explain(status, err))
}

// explain is a sentence about a status for whoever called.
func explain(status int, err error) string {
	switch status {
	case http.StatusNotFound:
		return notThere
	case http.StatusConflict:
		return sentence(conflictWords(err))
	case http.StatusInternalServerError:
		return "Something failed on our side; the log of the server says what."
	}
	return "The request was given up before it was done."
}

// conflictWords is what a wrapped conflict says beside "conflict", unless it quotes somebody's words.
func conflictWords(err error) string {
	words, wrapped := strings.CutSuffix(err.Error(), ": "+store.ErrConflict.Error())
	if !wrapped || strings.Contains(words, `"`) {
		return store.ErrConflict.Error()
	}
	return words
}

func faultsOf(problems []intake.Problem) []Fault {
	faults := make([]Fault, 0, len(problems))
	for _, p := range problems {
		faults = append(faults, Fault{p.Pointer, p.Detail})
	}
	return faults
}

// fieldFaults places what a noun found wrong: its fields are named like the API's, with dots between levels.
func fieldFaults(problems []fleet.Problem) []Fault {
	faults := make([]Fault, 0, len(problems))
	for _, p := range problems {
		faults = append(faults, Fault{"/" + strings.TrimPrefix(strings.ReplaceAll(p.Field, ".", "/"), "/"), p.Detail})
	}
	return faults
}

// pointer adds one level to a JSON pointer.
func pointer(at string, level any) string {
	return at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(fmt.Sprint(level))
}
